use super::*;
use crate::format::change::Fields;
use crate::format::json_object::Object;
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::record::body::Heads;

const KEY_SCHEMA: &str = r#"{"type":"struct","fields":[{"type":"int32","field":"id"}]}"#;
const SCHEMA: &str = r#"{"type":"struct","fields":[{"type":"struct","field":"after","fields":[{"type":"int32","field":"id"}]},{"type":"string","field":"op"}]}"#;
const ENVELOPE: &str = r#"{"before":null,"after":{"id":1},"op":"c"}"#;

/// Of a test, which ends soon.
fn arena() -> &'static Bump {
    Box::leak(Box::default())
}

fn shown(fields: Result<Option<Fields<'_>>, MessageError>) -> String {
    match fields {
        Ok(Some(fields)) => {
            let types = fields.schema().map_or("no types", |_| "types");
            format!("{:?} {types}", fields.iter().collect::<Vec<_>>())
        }
        Ok(None) => "null".to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

const ENVELOPES: Wanted = Wanted::Envelope { with_before: false };

/// The fields of a key, and whether their types are known.
fn key(text: &str) -> String {
    let key = SchemaCache::default().read_key(text, arena());
    match key {
        Ok(ReadKey::Single(raw)) => format!("single {raw}"),
        other => shown(other.map(ReadKey::into_fields)),
    }
}

/// The row of a value, and whether its types are known; the same whether the poll thread took its schema off or not.
fn value(text: &str) -> String {
    let whole = row(&mut SchemaCache::default(), &text.into());
    let body = Heads::default().split_body(text.as_bytes(), <[u8]>::to_vec);
    assert_eq!(row(&mut SchemaCache::default(), &body), whole, "{text}");
    whole
}

fn row(cache: &mut SchemaCache, body: &Body) -> String {
    let value = cache.read_value(body, ENVELOPES, arena());
    shown(value.map(row_of))
}

fn row_of(value: Option<ReadValue<'_>>) -> Option<Fields<'_>> {
    match value? {
        ReadValue::Envelope(envelope) => envelope.after,
        ReadValue::Row(row) => Some(row),
    }
}

/// The ways to write a wrapper around this payload.
fn spellings(schema: &str, payload: &str) -> [String; 9] {
    [
        format!(r#"{{"schema":{schema},"payload":{payload}}}"#),
        format!(r#"{{"payload":{payload},"schema":{schema}}}"#),
        format!(" {{ \"schema\" : {schema} ,\n \"payload\" :\t{payload} }} "),
        format!("{{ \"payload\": {payload}, \"schema\": {schema}}}"),
        format!(r#"{{"schema":{schema},"payload":{payload},"more":2}}"#),
        format!(r#"{{"more":{{}},"payload":{payload},"schema":{schema}}}"#),
        format!(r#"{{"schema":{schema},"payload":{{"op":"d"}},"payload":{payload}}}"#),
        format!(r#"{{"payload":{payload},"schema":null,"schema":{schema}}}"#),
        format!(r#"{{"p\u0061yload":{payload},"schema":{schema}}}"#),
    ]
}

#[test]
fn the_order_and_the_white_space_of_a_wrapper_mean_nothing() {
    for text in spellings(KEY_SCHEMA, r#"{"id":1}"#) {
        assert_eq!(key(&text), r#"[("id", "1")] types"#, "{text}");
    }
    for text in spellings(SCHEMA, ENVELOPE) {
        assert_eq!(value(&text), r#"[("id", "1")] types"#, "{text}");
    }
}

#[test]
fn a_wrapper_without_schema_is_taken_off_too() {
    for (before, behind) in [
        (r#"{"schema":null,"payload":"#, "}"),
        (r#"{"payload":"#, r#","schema":null}"#),
        (r#"{ "payload" : "#, " }"),
    ] {
        let text = format!(r#"{before}{{"id":1}}{behind}"#);
        assert_eq!(key(&text), r#"[("id", "1")] no types"#, "{text}");
        let text = format!("{before}{ENVELOPE}{behind}");
        assert_eq!(value(&text), r#"[("id", "1")] no types"#, "{text}");
    }
}

#[test]
fn a_null_in_a_wrapper_is_a_null() {
    for text in spellings(SCHEMA, "null") {
        assert_eq!(value(&text), "null", "{text}");
        assert_eq!(key(&text), "[] no types", "{text}");
    }
    assert_eq!(value(r#"{"payload":null,"schema":null}"#), "null");
    let alone = value(r#"{"payload":null}"#);
    assert!(
        alone.starts_with("error"),
        "too little to delete a row for: {alone}"
    );
}

#[test]
fn a_row_may_have_columns_that_are_called_like_the_members_of_a_wrapper() {
    for text in [
        r#"{"schema":"public","payload":"x"}"#,
        r#"{"payload":"x","schema":"public"}"#,
        r#"{"schema":null,"payload":1,"id":2}"#,
        r#"{"payload":7}"#,
        r#"{"payload":{"scale":0,"value":"AQ=="}}"#,
        r#"{"payload":1,"schema":{"scale":0,"value":"AQ=="}}"#,
        r#"{"id":1,"payload":{"a":1},"schema":{"scale":0,"value":"AQ=="}}"#,
        r#"{"schema":{"type":"int32"},"payload":{"id":1},"op":"x"}"#,
    ] {
        let fields = Object::new(&mut Arc::default(), None, arena()).read_fields(text);
        assert_eq!(key(text), shown(fields.map(Some)), "{text}");
    }
    let columns = r#"{"schema":{"type":"int32"},"payload":{},"#;
    let envelope = ENVELOPE.replacen('{', columns, 1);
    assert_eq!(value(&envelope), r#"[("id", "1")] no types"#, "{envelope}");
}

#[test]
fn a_wrapper_whose_schema_is_none_of_connects_can_not_be_read() {
    for schema in ["{}", r#"{"type":7}"#, r#"{"type":"struct"}"#] {
        for text in [
            format!(r#"{{"schema":{schema},"payload":{{"id":1}}}}"#),
            format!(r#"{{"payload":{{"id":1}},"schema":{schema}}}"#),
        ] {
            let (key, value) = (key(&text), value(&text));
            for read in [key, value] {
                assert!(
                    read.starts_with("error: the schema can't be read"),
                    "{text}: {read}"
                );
            }
        }
    }
}

#[test]
fn a_value_that_is_no_event_is_told_as_before_with_and_without_a_wrapper() {
    for text in spellings(SCHEMA, r#"{"ts_ms":1}"#) {
        let told = value(&text);
        assert!(told.contains("missing field `op`"), "{text}: {told}");
    }
    let cut = format!(r#"{{"schema":{SCHEMA},"payload":{{"op":"c""#);
    let body = Heads::default().split_body(cut.as_bytes(), <[u8]>::to_vec);
    let told = row(&mut SchemaCache::default(), &body);
    assert_eq!(told, "error: the value is cut off behind its schema");
}

#[test]
fn a_schema_is_read_once_whichever_way_its_wrapper_is_written() {
    let (mut cache, mut heads) = (SchemaCache::default(), Heads::default());
    let mut shapes = Vec::new();
    for text in spellings(SCHEMA, ENVELOPE).iter().take(5) {
        for body in [
            Body::from(text.as_str()),
            heads.split_body(text.as_bytes(), <[u8]>::to_vec),
            // by another poll thread's copy of the schema
            Heads::default().split_body(text.as_bytes(), <[u8]>::to_vec),
        ] {
            let body: &'static Body = Box::leak(Box::new(body));
            let value = cache.read_value(body, ENVELOPES, arena());
            shapes.extend(row_of(value.unwrap()).and_then(|row| row.shape));
        }
    }
    assert_eq!((shapes.len(), cache.known.len()), (15, 1));
    assert!(shapes.iter().all(|shape| Arc::ptr_eq(shape, &shapes[0])));
}
