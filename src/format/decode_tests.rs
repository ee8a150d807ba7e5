use super::*;
use crate::config::Config;
use crate::format::change::{Change, Operation, key_json};
use crate::format::framed::{RegisteredSchema, SchemaType};
use crate::format::undecodable::Blame;
use crate::record::{Header, TopicPartition};
use crate::table_name::TableName;
use crate::verdict::Reason;

const TOPIC: &str = "shop.public.orders";
const ENVELOPE: &str = r#"{"before":null,"after":{"id":1,"name":"x"},"source":{"connector":"postgresql","name":"shop","ts_ms":1793491200000,"db":"d","schema":"public","table":"orders","txId":7,"lsn":42},"op":"c","ts_ms":1793491200005}"#;
const SCHEMA: &str = r#"{"type":"struct","optional":false,"fields":[{"type":"struct","optional":true,"field":"after","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"name"}]},{"type":"string","optional":false,"field":"op"}]}"#;
const KEY_SCHEMA: &str = r#"{"type":"struct","optional":false,"fields":[{"type":"int32","optional":false,"field":"id"}]}"#;

fn record(key: Option<&str>, value: Option<&str>) -> Record {
    Record {
        source: TopicPartition {
            topic: TOPIC.into(),
            partition: 3,
        },
        offset: 17,
        timestamp: Some(1_793_491_200_010),
        key: key.map(|text| text.to_owned().into()),
        value: value.map(Into::into),
        headers: Default::default(),
        epoch: 1,
        leader_epoch: None,
    }
}

fn wrapped(schema: &str, payload: &str) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

fn routes(text: &str) -> Arc<[RouteConfig]> {
    let minimal =
        "[kafka]\nbrokers = \"k:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n";
    Config::parse(&format!("{minimal}{text}"))
        .unwrap()
        .routes
        .into()
}

fn decoder() -> Decoder {
    Decoder::new(routes(""), true)
}

fn avro_decoder() -> Decoder {
    decoder().with_format(FormatConfig::of_encoding(crate::config::Encoding::Avro))
}

/// Of a test, which ends soon.
fn arena() -> &'static Bump {
    Box::leak(Box::default())
}

fn decode<'r>(decoder: &mut Decoder, record: &'r Record) -> Result<Decoded<'r>, Undecodable> {
    decoder.decode_record(record, arena(), None, &mut PartitionMemory::default())
}

fn change<'r>(decoder: &mut Decoder, record: &'r Record) -> Change<'r> {
    match decode(decoder, record) {
        Ok(Decoded::Change(change)) => change,
        other => panic!("{other:?}"),
    }
}

fn refused(decoder: &mut Decoder, record: &Record) -> (Reason, Stage) {
    match decode(decoder, record) {
        Err(error) => (error.reason, error.stage),
        other => panic!("{other:?}"),
    }
}

fn values<'r>(fields: &'r Fields<'r>) -> Vec<(&'r str, &'r str)> {
    fields.iter().collect()
}

#[test]
fn an_event_names_its_table_its_key_and_its_row() {
    let record = record(Some(r#"{"id":1}"#), Some(ENVELOPE));
    let mut decoder = decoder();
    let change = change(&mut decoder, &record);
    assert_eq!(change.table.to_string(), "public.orders");
    assert_eq!(change.operation, Operation::Create);
    assert_eq!(values(&change.key), [("id", "1")]);
    assert_eq!(values(&change.row), [("id", "1"), ("name", "\"x\"")]);
    assert!(change.row.schema().is_none());
}

#[test]
fn with_the_schema_wrapper_it_is_the_same_event_and_knows_its_types() {
    let plain = record(Some(r#"{"id":1}"#), Some(ENVELOPE));
    let (key, value) = (
        wrapped(KEY_SCHEMA, r#"{"id":1}"#),
        wrapped(SCHEMA, ENVELOPE),
    );
    let record = record(Some(&key), Some(&value));
    let mut decoder = decoder();
    let change = change(&mut decoder, &record);
    assert_eq!(
        change.id,
        self::change(&mut self::decoder(), &plain).id,
        "the identity is the event's, not its encoding's"
    );
    let row = change.row.schema().unwrap();
    assert_eq!(
        row.find_field("name").unwrap().kind,
        crate::format::schema::Kind::String
    );
    let key = change.key.schema().unwrap();
    assert_eq!(
        key.find_field("id").unwrap().kind,
        crate::format::schema::Kind::Int32
    );
}

#[test]
fn an_event_is_the_same_however_the_wrappers_of_its_key_and_its_value_are_written() {
    let spellings = |schema: &str, payload: &str| {
        [
            wrapped(schema, payload),
            format!(r#"{{"payload":{payload},"schema":{schema}}}"#),
            format!("{{ \"schema\": {schema}, \"payload\": {payload} }}"),
        ]
    };
    let (keys, values) = (
        spellings(KEY_SCHEMA, r#"{"id":1}"#),
        spellings(SCHEMA, ENVELOPE),
    );
    let mut decoder = decoder();
    let first = record(Some(&keys[0]), Some(&values[0]));
    let first = change(&mut decoder, &first);
    for (key, value) in keys
        .iter()
        .flat_map(|key| values.iter().map(move |v| (key, v)))
    {
        let record = record(Some(key), Some(value));
        let change = change(&mut decoder, &record);
        assert_eq!(change.id, first.id, "{key} {value}");
        assert_eq!(change.table, first.table);
        assert_eq!(self::values(&change.row), self::values(&first.row));
        let shape = |fields: &Fields<'_>| fields.shape.as_ref().map(Arc::as_ptr);
        assert_eq!(shape(&change.key), shape(&first.key), "{key}");
        assert_eq!(shape(&change.row), shape(&first.row), "{value}");
        assert!(change.key.schema().is_some() && change.row.schema().is_some());
    }
}

#[test]
fn a_schema_recognised_by_its_bytes_gives_what_reading_it_gives() {
    let key = wrapped(KEY_SCHEMA, r#"{"id":1}"#);
    let other = SCHEMA.replace("int32", "int64");
    let spaced = format!("{{\"schema\": {SCHEMA} , \"payload\" : {ENVELOPE} }}");
    let bodies = [
        wrapped(SCHEMA, ENVELOPE),
        wrapped(SCHEMA, ENVELOPE),
        wrapped(&other, ENVELOPE),
        wrapped(SCHEMA, ENVELOPE),
        spaced,
        wrapped(SCHEMA, "null"),
        wrapped("null", ENVELOPE),
        ENVELOPE.to_owned(),
        wrapped(SCHEMA, &format!("{ENVELOPE},\"more\":1")),
        wrapped(SCHEMA, ENVELOPE).trim_end_matches('}').to_owned(),
        format!("{}}}", wrapped(SCHEMA, ENVELOPE)),
        wrapped(SCHEMA, ""),
    ];
    let mut warm = decoder();
    for body in &bodies {
        let record = record(Some(&key), Some(body));
        let (fast, slow) = (decode(&mut warm, &record), decode(&mut decoder(), &record));
        let brief = |decoded: Result<Decoded<'_>, Undecodable>| match decoded {
            Ok(Decoded::Change(c)) => format!("{} {:?} {:?}", c.id, c.operation, c.row),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("{:?} {:?}", error.reason, error.stage),
        };
        assert_eq!(brief(fast), brief(slow), "{body}");
    }
}

#[test]
fn an_event_sent_again_elsewhere_has_the_same_id_and_another_event_has_not() {
    let id = |key: &str, value: &str, offset| {
        let record = Record {
            offset,
            ..record(Some(key), Some(value))
        };
        change(&mut decoder(), &record).id
    };
    let key = r#"{"id":1}"#;
    let first = id(key, ENVELOPE, 17);
    assert_eq!(first, id(key, ENVELOPE, 99));
    let resent = ENVELOPE.replace(r#""ts_ms":1793491200005"#, r#""ts_ms":1793491299999"#);
    assert_eq!(first, id(key, &resent, 99), "when it was sent says nothing");
    let respelled = id(r#"{ "\u0069d": 1.0 }"#, ENVELOPE, 17);
    assert_eq!(first, respelled, "JSON writes one key in many ways");
    let others = [
        (r#"{"id":2}"#, ENVELOPE.to_owned()),
        (key, ENVELOPE.replace("\"lsn\":42", "\"lsn\":43")),
        (key, ENVELOPE.replace("\"txId\":7", "\"txId\":8")),
        (key, ENVELOPE.replace("\"op\":\"c\"", "\"op\":\"u\"")),
        (
            key,
            ENVELOPE.replace("\"table\":\"orders\"", "\"table\":\"o\""),
        ),
        (key, ENVELOPE.replace("\"name\":\"shop\"", "\"name\":\"s\"")),
    ];
    for (key, value) in &others {
        assert_ne!(first, id(key, value, 17), "{key} {value}");
    }
}

#[test]
fn a_changed_primary_key_is_two_events_of_one_position() {
    let delete = ENVELOPE
        .replace(
            r#""before":null,"after":{"id":1,"name":"x"}"#,
            r#""before":{"id":0,"name":null},"after":null"#,
        )
        .replace("\"op\":\"c\"", "\"op\":\"d\"");
    let (delete, create) = (
        record(Some(r#"{"id":0}"#), Some(&delete)),
        record(Some(r#"{"id":1}"#), Some(ENVELOPE)),
    );
    let mut decoder = decoder();
    let (delete, create) = (change(&mut decoder, &delete), change(&mut decoder, &create));
    assert_ne!(delete.id, create.id);
    assert_eq!(delete.operation, Operation::Delete);
    assert!(delete.row.values.is_empty());
    assert_eq!(values(&delete.key), [("id", "0")]);
}

#[test]
fn a_tombstone_belongs_to_its_delete_and_is_an_event_of_its_own_without_one() {
    let key = r#"{"id":1}"#;
    let delete = ENVELOPE.replace("\"op\":\"c\"", "\"op\":\"d\"");
    let (delete, tombstone) = (record(Some(key), Some(&delete)), record(Some(key), None));
    let (mut decoder, mut memory) = (decoder(), PartitionMemory::default());
    let _ = decoder
        .decode_record(&delete, arena(), None, &mut memory)
        .unwrap();
    let mut next = || {
        decoder
            .decode_record(&tombstone, arena(), None, &mut memory)
            .unwrap()
    };
    assert!(matches!(next(), Decoded::BelongsToDelete));
    assert!(matches!(next(), Decoded::Unplaced(t) if values(&t.key) == [("id", "1")]));
    for null in ["", "null", " null "] {
        let tombstone = record(Some(key), Some(null));
        let decoded = decode(&mut self::decoder(), &tombstone).unwrap();
        assert!(matches!(decoded, Decoded::Unplaced(t) if values(&t.key) == [("id", "1")]));
    }
}

#[test]
fn a_route_tells_a_tombstones_table_and_its_topics_name_never_does() {
    let tombstone = record(Some(r#"{"id":1}"#), None);
    let route = "[[route]]\ntopic = \".*\"\ntable = \"s.r\"";
    let routed = change(&mut Decoder::new(routes(route), true), &tombstone);
    assert_eq!(*routed.table, TableName::new("s", "r"));
    // the topic is called shop.public.orders, and an event of another partition has said so too
    let mut decoder = decoder();
    change(&mut decoder, &record(Some(r#"{"id":2}"#), Some(ENVELOPE)));
    let decoded = decode(&mut decoder, &tombstone).unwrap();
    assert!(matches!(decoded, Decoded::Unplaced(_)));
}

#[test]
fn a_partition_remembers_the_table_at_the_source_whatever_route_the_event_takes() {
    let event = record(Some(r#"{"id":2}"#), Some(ENVELOPE));
    for route in ["", "[[route]]\ntopic = \".*\"\ntable = \"s.r\""] {
        let mut memory = PartitionMemory::default();
        let mut decoder = Decoder::new(routes(route), true);
        let decoded = decoder.decode_record(&event, arena(), None, &mut memory);
        assert!(decoded.is_ok());
        assert_eq!(
            memory.tables.to_texts(),
            Some(vec!["public", "orders"]),
            "{route}"
        );
    }
}

#[test]
fn a_record_without_a_key_is_refused_unless_the_route_names_one() {
    let no_key = [
        record(None, Some(ENVELOPE)),
        record(Some(""), Some(ENVELOPE)),
        record(Some("null"), Some(ENVELOPE)),
        record(None, None),
    ];
    for record in &no_key {
        assert_eq!(
            refused(&mut decoder(), record),
            (Reason::MissingKey, Stage::KeyConverter)
        );
    }
    let route = "[[route]]\ntopic = '.*'\ntable = 'wares.o'\nkey = ['name', 'id']\n";
    let mut decoder = Decoder::new(routes(route), true);
    let by_row = record(Some("no json at all"), Some(ENVELOPE));
    let change = change(&mut decoder, &by_row);
    assert_eq!(change.table.to_string(), "wares.o");
    assert_eq!(values(&change.key), [("name", "\"x\""), ("id", "1")]);
    // a delete's key comes from the row as it was, and what that lacks from the record's key
    let delete = ENVELOPE
        .replace(
            r#""before":null,"after":{"id":1,"name":"x"}"#,
            r#""before":{"name":"y"},"after":null"#,
        )
        .replace("\"op\":\"c\"", "\"op\":\"d\"");
    let delete = record(Some(r#"{"id":1}"#), Some(&delete));
    let change = self::change(&mut decoder, &delete);
    assert_eq!(values(&change.key), [("name", "\"y\""), ("id", "1")]);
    let lacking = record(None, Some(r#"{"after":{"id":1},"op":"u"}"#));
    assert_eq!(
        refused(&mut decoder, &lacking),
        (Reason::MissingKey, Stage::Transformation)
    );
}

#[test]
fn an_update_of_a_column_that_the_route_names_tells_the_key_that_the_row_had() {
    let route = "[[route]]\ntopic = '.*'\ntable = 'wares.o'\nkey = ['name', 'id']\n";
    let update = |op: &str, before: &str| {
        let value = ENVELOPE
            .replace(r#""before":null"#, &format!(r#""before":{before}"#))
            .replace("\"op\":\"c\"", &format!("\"op\":\"{op}\""));
        record(None, Some(&value))
    };
    let old_key = |route: &str, deletes, record: &Record| {
        let mut decoder = Decoder::new(routes(route), deletes);
        let change = change(&mut decoder, record);
        assert_eq!(values(&change.key), [("name", "\"x\""), ("id", "1")]);
        let hashes = change.key_hashes();
        assert_eq!(hashes.old_key.is_some(), change.old_key.is_some());
        assert!(hashes.old_key != Some(hashes.key));
        (change.old_key.as_deref().map(key_json), change.hides_key)
    };
    let moved = update("u", r#"{"id":1,"name":"y"}"#);
    let other = Some(r#"{"name":"y","id":1}"#.to_owned());
    assert_eq!(old_key(route, true, &moved), (other.clone(), false));
    // the same, told nothing, or no update
    let fixed = &format!("{route}fixed_key = true\n");
    let whole = &format!("{route}whole_rows = true\n");
    for (op, before, hides) in [
        ("u", r#"{"id":1,"name":"x"}"#, false),
        ("u", r#"{"id":1}"#, true),
        ("u", r#"{"id":1,"name":null,"note":"n"}"#, true),
        ("u", r#"{"id":0,"name":null,"note":""}"#, true),
        ("u", "null", true),
        ("r", r#"{"id":1,"name":"y"}"#, false),
    ] {
        let event = update(op, before);
        assert_eq!(old_key(route, true, &event), (None, hides), "{op} {before}");
        assert_eq!(old_key(fixed, true, &event), (None, false), "{op} {before}");
        // where deletes aren't applied, what the row was stays
        assert_eq!(
            old_key(route, false, &event),
            (None, false),
            "{op} {before}"
        );
    }
    let nameless = update("u", r#"{"id":1,"name":null,"note":"n"}"#);
    assert_eq!(old_key(whole, true, &nameless), (None, false));
    let unlogged = update("u", "null");
    assert_eq!(old_key(whole, true, &unlogged), (None, true));
    assert_eq!(old_key(route, false, &moved), (None, false));
    assert_eq!(old_key(fixed, true, &moved), (other, false));
    // one event, one identity, whatever the row was before
    let id = |record: &Record| change(&mut Decoder::new(routes(route), true), record).id;
    assert_eq!(id(&moved), id(&update("u", "null")));
}

#[test]
fn a_key_that_the_records_own_key_tells_needs_no_row_before() {
    let hides = |key: &[&str], record_key: &str, op: &str, before: &str| {
        let route = format!("[[route]]\ntopic = '.*'\ntable = 'wares.o'\nkey = {key:?}\n");
        let value = ENVELOPE
            .replace(r#""before":null"#, &format!(r#""before":{before}"#))
            .replace("\"op\":\"c\"", &format!("\"op\":\"{op}\""));
        let record = record(Some(record_key), Some(&value));
        change(&mut Decoder::new(routes(&route), true), &record).hides_key
    };
    let (id, both) = (r#"{"id":1}"#, r#"{"id":1,"name":"x"}"#);
    assert!(!hides(&["id"], id, "u", "null"));
    assert!(!hides(&["name", "id"], both, "u", "null"));
    assert!(hides(&["name"], id, "u", "null"));
    assert!(hides(&["id", "name"], id, "u", id));
    // of a delete its row before has the key, or what fills it up
    assert!(!hides(&["id"], id, "d", r#"{"id":1,"name":""}"#));
    assert!(!hides(&["name"], id, "d", r#"{"id":1,"name":"x"}"#));
    // without a schema, "n" may be the default of its column
    assert!(hides(
        &["name"],
        id,
        "d",
        r#"{"id":1,"name":"","note":"n"}"#
    ));
    assert!(hides(&["name"], id, "d", r#"{"id":1,"name":""}"#));
    assert!(hides(
        &["name"],
        id,
        "d",
        r#"{"id":1,"name":null,"count":0}"#
    ));
}

#[test]
fn what_is_no_event_is_refused_at_the_step_that_can_not_go_on() {
    let key = Some(r#"{"id":1}"#);
    let cases = [
        (Some("{"), Some(ENVELOPE), Stage::KeyConverter),
        (key, Some("[]"), Stage::ValueConverter),
        (key, Some(r#"{"id":1}"#), Stage::ValueConverter),
        (
            key,
            Some(r#"{"op":"x","after":{"id":1}}"#),
            Stage::ValueConverter,
        ),
        (
            key,
            Some(r#"{"op":"c","after":null,"source":{"schema":"s","table":"t"}}"#),
            Stage::ValueConverter,
        ),
        (
            key,
            Some(r#"{"op":"c","after":7,"source":{"schema":"s","table":"t"}}"#),
            Stage::ValueConverter,
        ),
        (
            key,
            Some(r#"{"op":"c","after":{"id":1}}"#),
            Stage::Transformation,
        ),
    ];
    for (key, value, stage) in cases {
        let record = record(key, value);
        assert_eq!(
            refused(&mut decoder(), &record),
            (Reason::Undecodable, stage),
            "{key:?} {value:?}"
        );
    }
    // of no column that anybody has named
    let single = record(Some("7"), Some(ENVELOPE));
    let refused = refused(&mut decoder(), &single);
    assert_eq!(refused, (Reason::MissingKey, Stage::KeyConverter));
}

#[test]
fn deletes_that_are_not_wanted_are_passed_over_with_their_tombstones() {
    let key = r#"{"id":1}"#;
    let delete = ENVELOPE.replace("\"op\":\"c\"", "\"op\":\"d\"");
    let (delete, tombstone) = (record(Some(key), Some(&delete)), record(Some(key), None));
    let mut decoder = Decoder::new(routes(""), false);
    let decoded = decode(&mut decoder, &delete).unwrap();
    assert!(matches!(decoded, Decoded::Nothing("delete")));
    let decoded = decode(&mut decoder, &tombstone).unwrap();
    assert!(matches!(decoded, Decoded::Nothing("tombstone")));
}

#[test]
fn truncates_and_messages_carry_nothing_to_land() {
    for op in ["t", "m"] {
        let value = format!(r#"{{"op":"{op}","source":{{}}}}"#);
        let record = record(None, Some(&value));
        assert!(
            matches!(decode(&mut decoder(), &record), Ok(Decoded::Nothing(_))),
            "{op}"
        );
    }
}

#[test]
fn a_truncate_that_is_wanted_names_its_table_and_is_known_when_it_comes_again() {
    let of = |op: &str| ENVELOPE.replace("\"op\":\"c\"", &format!("\"op\":\"{op}\""));
    let event = record(
        None,
        Some(&of("t").replace("\"after\":{\"id\":1,\"name\":\"x\"}", "\"after\":null")),
    );
    let mut decoder = decoder().with_truncates();
    let truncate = change(&mut decoder, &event);
    assert_eq!(truncate.operation, Operation::Truncate);
    assert_eq!(*truncate.table, TableName::new("public", "orders"));
    assert!(truncate.key.is_empty() && truncate.row.is_empty());
    let elsewhere = Record {
        offset: 99,
        ..event.clone()
    };
    assert_eq!(change(&mut decoder, &elsewhere).id, truncate.id);
    let nameless = record(None, Some(r#"{"op":"t","source":{}}"#));
    let refusal = refused(&mut decoder, &nameless);
    assert_eq!(refusal, (Reason::Undecodable, Stage::Transformation));
}

/// An Avro key and value of a record whose headers tell schemas in this way.
fn avro_record(key: Option<&[u8]>, value: Option<&[u8]>, header: &str) -> Record {
    let header = Header {
        key: header.to_owned(),
        value: Some(vec![0, 0, 0, 0, 0, 0, 0, 7]),
    };
    Record {
        key: key.map(|bytes| bytes.to_vec().into()),
        value: value.map(|bytes| bytes.to_vec().into()),
        headers: vec![header].into(),
        ..record(None, None)
    }
}

#[test]
fn apicurios_own_framings_are_told_by_name_and_blamed_on_the_set_up() {
    let mut decoder = avro_decoder();
    let longer_id: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 7, 2];
    // without a frame; the second only looks as if it had one
    let (bare, like_framed): (&[u8], &[u8]) = (&[2], &[0, 2, 2, 2, 2, 2]);
    let (key, value) = (Stage::KeyConverter, Stage::ValueConverter);
    for (record, stage, said) in [
        (avro_record(Some(longer_id), None, "trace"), key, "8 bytes"),
        (
            avro_record(None, Some(longer_id), "trace"),
            value,
            "8 bytes",
        ),
        (
            avro_record(Some(bare), None, "apicurio.key.globalId"),
            key,
            "record header",
        ),
        (
            avro_record(Some(like_framed), None, "apicurio.key.contentId"),
            key,
            "record header",
        ),
        (
            avro_record(None, Some(bare), "apicurio.value.globalId"),
            value,
            "record header",
        ),
        (
            avro_record(None, Some(like_framed), "apicurio.value.globalId"),
            value,
            "record header",
        ),
    ] {
        let error = decode(&mut decoder, &record).unwrap_err();
        assert_eq!(
            (error.stage, error.blame),
            (stage, Blame::Converter),
            "{error:?}"
        );
        for said in [said, "Apicurio", "apicurio.registry.as-confluent=true"] {
            assert!(error.message.contains(said), "{error:?}");
        }
    }
    for record in [
        avro_record(Some(bare), None, "trace"),
        avro_record(Some(bare), None, "apicurio.value.globalId"),
        avro_record(Some(like_framed), None, "apicurio.key.encoding"),
    ] {
        let error = decode(&mut decoder, &record).unwrap_err();
        assert_eq!(error.blame, Blame::Record, "{error:?}");
    }
}

#[test]
fn a_header_of_apicurios_that_was_handed_on_does_no_harm() {
    let mut decoder = avro_decoder();
    let schema = r#"{"type":"record","name":"k","fields":[{"name":"id","type":"int"}]}"#;
    let schema = RegisteredSchema::compile(SchemaType::Avro, schema, &[]).unwrap();
    decoder.learn_schemas(HashMap::from([(7, KnownSchema::Schema(Arc::new(schema)))]));
    let tombstone = avro_record(Some(&[0, 0, 0, 0, 7, 2]), None, "apicurio.key.globalId");
    let decoded = decode(&mut decoder, &tombstone).unwrap();
    assert!(matches!(decoded, Decoded::Unplaced(t) if values(&t.key) == [("id", "1")]));
}

#[test]
fn of_records_that_have_no_frame_few_ids_are_asked_for() {
    let decoder = avro_decoder();
    let records = |header: &str| -> Vec<Record> {
        let record = |n: u8| avro_record(Some(&[0, 2, 2, 2, n, 2]), None, header);
        (0..100).map(record).collect()
    };
    let asked = |header| decoder.unknown_schemas(&records(header)).len();
    assert_eq!((asked("apicurio.key.globalId"), asked("trace")), (4, 100));
}

#[test]
fn a_schema_of_another_type_is_the_topics_set_up_and_told_with_its_setting() {
    let mut decoder = avro_decoder();
    let avro = r#"{"type":"record","name":"k","fields":[{"name":"id","type":"int"}]}"#;
    let of = |(kind, schema)| {
        let schema = RegisteredSchema::compile(kind, schema, &[]).unwrap();
        KnownSchema::Schema(Arc::new(schema))
    };
    let json = of((SchemaType::Json, r#"{"type":"object"}"#));
    decoder.learn_schemas(HashMap::from([
        (7, of((SchemaType::Avro, avro))),
        (8, json),
    ]));
    let (right, wrong): (&[u8], &[u8]) = (&[0, 0, 0, 0, 7, 2], b"\0\0\0\0\x08{}");
    let error = decode(&mut decoder, &avro_record(Some(right), Some(wrong), "")).unwrap_err();
    assert_eq!(
        (error.blame, error.stage),
        (Blame::Topic, Stage::ValueConverter)
    );
    assert!(
        error.message.contains("set encoding = \"json-schema\""),
        "{}",
        error.message
    );
    let error = decode(&mut decoder, &avro_record(Some(wrong), None, "")).unwrap_err();
    assert_eq!(
        (error.blame, error.stage),
        (Blame::Topic, Stage::KeyConverter)
    );
    assert!(
        error.message.contains("set key_encoding = \"json-schema\""),
        "{}",
        error.message
    );
}

/// Valid messages with bytes changed, cut out, doubled and swapped: an answer each time.
#[test]
fn garbage_is_refused_and_never_panics() {
    let key = wrapped(KEY_SCHEMA, r#"{"id":1}"#);
    let seeds = [
        ENVELOPE.to_owned(),
        wrapped(SCHEMA, ENVELOPE),
        key.clone(),
        "null".to_owned(),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit.max(1) as u64) as usize
    };
    let (mut warm, mut memory) = (decoder(), PartitionMemory::default());
    let (mut headed, mut heads) = (decoder(), crate::record::body::Heads::default());
    let interesting = b"\"\\{}[]:,\0\xff\xc3nu0-e. ";
    let mut understood = 0;
    for round in 0..20_000 {
        let mut mutated = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..below(4) {
                let at = below(bytes.len());
                match below(4) {
                    0 if !bytes.is_empty() => bytes[at] = interesting[below(interesting.len())],
                    1 => bytes.truncate(at),
                    2 => bytes.insert(at, interesting[below(interesting.len())]),
                    _ => {
                        let end = (at + below(40)).min(bytes.len());
                        let part = bytes[at..end].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            bytes
        };
        let mut record = record(None, None);
        record.key = Some(mutated(&key).into());
        let value = mutated(&seeds[round % seeds.len()]);
        record.value = Some(value.clone().into());
        let whole = warm.decode_record(&record, arena(), None, &mut memory);
        understood += usize::from(whole.is_ok());
        let mut record = record.clone();
        record.value = Some(heads.split_body(&value, <[u8]>::to_vec));
        let headed = headed.decode_record(&record, arena(), None, &mut PartitionMemory::default());
        let row = |decoded: &Result<Decoded<'_>, Undecodable>| match decoded {
            Ok(Decoded::Change(change)) => Some(format!("{:?}", change.row)),
            other => Some(format!("{}", other.is_ok())),
        };
        assert_eq!(
            row(&whole),
            row(&headed),
            "{}",
            String::from_utf8_lossy(&value)
        );
    }
    assert!(understood > 100, "{understood} of them were still events");
}
