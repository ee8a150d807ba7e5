use super::*;

#[test]
fn what_is_left_out_is_read_as_it_was_written_and_nothing_is_null() {
    let columns = [
        (
            "a \"b\" ü".to_owned(),
            KnownUpTo::recorded(-5, &[0, 255, 16], 3),
        ),
        ("unknown".to_owned(), KnownUpTo::default()),
    ];
    let left_out = LeftOut::from(columns);
    let json = write_json(&left_out).unwrap();
    assert_eq!(
        json,
        r#"{"a \"b\" ü":{"source":-5,"position":"00ff10","partition":3},"unknown":{"source":0,"position":"","partition":0}}"#
    );
    assert_eq!(read_json(&json), left_out);
    assert_eq!(write_json(&LeftOut::new()), None);
    assert_eq!(read_json("[1]"), LeftOut::new());
}
