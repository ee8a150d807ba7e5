use bumpalo::Bump;

use super::*;
use crate::format::schema_cache::SchemaCache;
use crate::format::value::ReadKey;

const POSTGRES: &str = r#""lsn":7,"txId":1"#;
const BINLOG: &str = r#""file":"b.1","pos":7,"row":0"#;

/// Of the delete, and of the create: the keys as the converter of the keys writes them, then as that of headers does.
fn numbers(position: &str, [from, to]: [[&str; 2]; 2]) -> (Uuid, [Uuid; 2]) {
    let arena = Bump::new();
    let mut cache = SchemaCache::default();
    let mut read = |text: &str| {
        let text = arena.alloc_str(text);
        let key = cache.read_key(text, &arena).ok();
        key.and_then(ReadKey::into_fields).unwrap_or_default()
    };
    let source = format!(r#"{{"name":"s","schema":"public","table":"t",{position}}}"#);
    let source: Source<'_> = serde_json::from_str(&source).unwrap();
    let table = TableName::new("public", "t");
    let away = (&read(from[0]), &read(to[1]));
    let here = (&read(to[0]), &read(from[1]));
    let of = |operation, keys| KeyMove::of_event(operation, &table, Some(&source), keys);
    match (of(Operation::Delete, away), of(Operation::Create, here)) {
        (KeyMove::Away(away), KeyMove::Here(here)) => (away, here),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_events_of_a_move_meet_whatever_the_headers_converter_makes_of_the_keys() {
    let cases = [
        [["{\"id\":1}"; 2], ["{\"id\":2}"; 2]],
        [
            ["{\"id\":\"Kg==\"}", "{\"id\":42}"],
            ["{\"id\":\"Kw==\"}", "{\"id\":43}"],
        ],
        [
            ["{\"day\":18263}", "{\"day\":\"2020-01-02\"}"],
            ["{\"day\":18264}", "{\"day\":\"2020-01-03\"}"],
        ],
        // a transform gave the key other names, or made something else of it; a header that can't be read
        [
            ["{\"number\":1}", "{\"id\":1}"],
            ["{\"number\":2}", "{\"id\":2}"],
        ],
        [["1", "{\"id\":1}"], ["2", "{\"id\":2}"]],
        [["{\"id\":1}", "?"], ["{\"id\":2}", "?"]],
    ];
    for case in cases {
        let (away, here) = numbers(POSTGRES, case);
        assert_eq!(away, here[0], "{case:?}");
    }
}

#[test]
fn moves_are_told_apart_by_what_is_written_alike_and_by_where_they_stand() {
    let plain = |from, to| numbers(POSTGRES, [[from; 2], [to; 2]]).0;
    let (one, two, three) = ("{\"id\":1}", "{\"id\":2}", "{\"id\":3}");
    assert_ne!(plain(one, two), plain(one, three));
    assert_ne!(plain(one, two), plain(three, two));
    assert_ne!(plain(one, two), plain(two, one));
    let numeric = |shop: &str, position: &str| {
        let key = |id: &str| format!("{{\"id\":{id},\"shop\":{shop}}}");
        let texts = ["\"Kg==\"", "42", "\"Kw==\"", "43"].map(key);
        let [from, from_header, to, to_header] = texts.each_ref().map(String::as_str);
        numbers(position, [[from, from_header], [to, to_header]])
    };
    let (first, _) = numeric("1", POSTGRES);
    assert_ne!(first, numeric("2", POSTGRES).0);
    assert_ne!(first, numeric("1", r#""lsn":8,"txId":1"#).0);
}

#[test]
fn a_position_that_several_changes_may_share_does_not_stand_for_the_keys() {
    let texts = [
        ["{\"id\":\"Kg==\"}", "{\"id\":42}"],
        ["{\"id\":\"Kw==\"}", "{\"id\":43}"],
    ];
    let (away, here) = numbers(BINLOG, texts);
    assert!(!here.contains(&away));
    let (away, here) = numbers(r#""lsn":null"#, texts);
    assert!(!here.contains(&away));
}
