use super::*;

fn encode_text(form: Form, text: &str) -> Option<Vec<u8>> {
    form.encode_text(text)
        .map(|value| value.as_bytes().to_vec())
}

#[test]
fn days_and_microseconds_are_counted_from_2000() {
    let cases = [
        ("2000-01-01", 0),
        ("2000-02-29", 59),
        ("2000-03-01", 60),
        ("1999-12-31", -1),
        ("1970-01-01", -10_957),
        ("0001-01-01", -730_119),
        ("9999-12-31", 2_921_939),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_days(text.as_bytes()), Some(expected), "{text}");
    }
    assert_eq!(parse_micros(b"2000-01-02 00:00:01.5"), Some(86_401_500_000));
    assert_eq!(parse_micros(b"1999-12-31T23:59:59.999999"), Some(-1));
}

#[test]
fn what_is_unusual_is_left_to_postgres() {
    let cases = [
        (Form::Bool, "yes"),
        (Form::Int2, "32768"),
        (Form::Int4, " 1"),
        (Form::Int8, "1.0"),
        (Form::Int8, "0x10"),
        (Form::Float8, "NaN"),
        (Form::Float8, "Infinity"),
        (Form::Float8, "1e400"),
        (Form::Float8, "1e-400"),
        (Form::Float8, "5e-324"),
        (Form::Float4, "1e-40"),
        (Form::Date, "infinity"),
        (Form::Date, "2023-02-29"),
        (Form::Date, "1900-02-29"),
        (Form::Date, "0000-01-01"),
        (Form::Date, "0044-03-15 BC"),
        (Form::Date, "10000-01-01"),
        (Form::Date, "2024-01-01Z"),
        (Form::Timestamp, "2024-01-01"),
        (Form::Timestamp, "2024-01-01 24:00:00"),
        (Form::Timestamp, "2024-01-01 23:59:60"),
        (Form::Timestamp, "2024-01-01 00:00:00.1234567"),
        (Form::Timestamp, "2024-01-01 00:00:00."),
        (Form::Timestamp, "2024-01-01T00:00:00Z"),
        (Form::TimestampTz, "2024-01-01 00:00:00"),
        (Form::TimestampTz, "2024-01-01 00:00:00+01"),
        (Form::TimestampTz, "2024-01-01 00:00:00é+00"),
        (Form::Uuid, "b68a35a717ad35b3af2aae46edb4545b"),
        (Form::Uuid, "{b68a35a7-17ad-35b3-af2a-ae46edb454}"),
    ];
    for (form, text) in cases {
        assert_eq!(encode_text(form, text), None, "{text} as {form:?}");
    }
}

#[test]
fn a_column_with_one_unusual_value_goes_as_text() {
    let texts = vec![Some("1"), None, Some("2147483648")];
    let column = Column::new(texts, r#""pg_catalog"."int4""#);
    assert_eq!(column.form, Form::Text);
    let mine = Column::new(vec![Some("1")], r#""public"."int4""#);
    assert_eq!(mine.form, Form::Text);
}

#[test]
fn an_array_is_what_array_recv_reads() {
    let mut out = BytesMut::new();
    Column::new(vec![Some("-2"), None], r#""pg_catalog"."int2""#).write_array(&mut out);
    let expected: [&[u8]; 7] = [
        &[0, 0, 0, 1, 0, 0, 0, 1],
        &[0, 0, 0, 21],
        &[0, 0, 0, 2, 0, 0, 0, 1],
        &[0, 0, 0, 2],
        &[0xff, 0xfe],
        &[0xff; 4],
        &[],
    ];
    assert_eq!(&*out, expected.concat());
}
