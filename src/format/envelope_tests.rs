//! What the envelopes come to, from a record's bytes on.

use bumpalo::Bump;

use crate::config::Config;
use crate::format::change::{Change, Decoded, Fields, Operation};
use crate::format::decode::Decoder;
use crate::format::partition_memory::PartitionMemory;
use crate::format::undecodable::{Blame, Undecodable};
use crate::record::{Record, TopicPartition};
use crate::verdict::Reason;

const ROUTE: &str = "[[route]]\ntopic = \"t\"\ntable = \"public.t\"\nkey = [\"id\"]\n";
const KEY: Option<&str> = Some(r#"{"id":1}"#);

/// A partition's records, decoded one after the other.
struct Topic {
    decoder: Decoder,
    memory: PartitionMemory,
    next: i64,
}

impl Topic {
    fn new(config: &str) -> Self {
        let minimal = "[kafka]\nbrokers = \"k:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n";
        let config = Config::parse(&format!("{minimal}{config}")).unwrap();
        Self {
            decoder: Decoder::from_config(&config),
            memory: PartitionMemory::default(),
            next: 0,
        }
    }

    fn flat(route: &str) -> Self {
        Self::new(&format!("[format]\nenvelope = \"flat\"\n{route}"))
    }

    fn trigger() -> Self {
        Self::new(&format!("[format]\nenvelope = \"trigger\"\n{ROUTE}"))
    }

    fn decode(
        &mut self,
        key: Option<&str>,
        value: Option<&str>,
    ) -> Result<Decoded<'static>, Undecodable> {
        self.decode_of("t", key, value)
    }

    fn decode_of(
        &mut self,
        topic: &str,
        key: Option<&str>,
        value: Option<&str>,
    ) -> Result<Decoded<'static>, Undecodable> {
        let record = Record {
            source: TopicPartition {
                topic: topic.into(),
                partition: 0,
            },
            offset: self.next,
            timestamp: Some(1_793_491_200_010),
            key: key.map(|text| text.to_owned().into()),
            value: value.map(Into::into),
            headers: Default::default(),
            epoch: 1,
            leader_epoch: None,
        };
        self.next += 1;
        let arena: &'static Bump = Box::leak(Box::default());
        let record: &'static Record = Box::leak(Box::new(record));
        self.decoder
            .decode_record(record, arena, None, &mut self.memory)
    }

    fn change(&mut self, key: Option<&str>, value: Option<&str>) -> Change<'static> {
        match self.decode(key, value) {
            Ok(Decoded::Change(change)) => change,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&mut self, key: Option<&str>, value: Option<&str>) -> Undecodable {
        match self.decode(key, value) {
            Err(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

fn values<'r>(fields: &'r Fields<'r>) -> Vec<(&'r str, &'r str)> {
    fields.iter().collect()
}

fn facts<'r>(fields: &'r Fields<'r>) -> Vec<&'r str> {
    let names = fields.iter().map(|(name, _)| name).enumerate();
    let told = names.filter(|(at, _)| fields.is_fact(*at));
    told.map(|(_, name)| name).collect()
}

#[test]
fn a_flat_row_is_written_under_its_records_key_or_the_routes() {
    let row = r#"{"id":1,"name":"pen"}"#;
    let change = Topic::flat("[[route]]\ntopic = \"t\"\ntable = \"u\"\n").change(KEY, Some(row));
    assert_eq!(change.operation, Operation::Update);
    assert_eq!(change.table.to_string(), "public.u");
    assert_eq!(values(&change.key), [("id", "1")]);
    assert_eq!(values(&change.row), [("id", "1"), ("name", r#""pen""#)]);
    let keyless = Topic::flat(ROUTE).change(None, Some(row));
    assert_eq!(values(&keyless.key), [("id", "1")]);
    assert!(!keyless.hides_key, "nothing tells the row before, ever");
    let wrapped = format!(
        r#"{{"payload":{row},"schema":{{"type":"struct","fields":[{{"type":"int32","field":"id"}},{{"type":"string","field":"name"}}]}}}}"#
    );
    let change = Topic::flat(ROUTE).change(None, Some(&wrapped));
    assert_eq!(values(&change.row), [("id", "1"), ("name", r#""pen""#)]);
    assert!(change.row.schema().is_some());
}

#[test]
fn a_flat_row_is_known_by_its_coordinates_and_one_with_its_source_by_that() {
    let mut topic = Topic::flat(ROUTE);
    let row = Some(r#"{"id":1}"#);
    assert_ne!(topic.change(None, row).id, topic.change(None, row).id);
    assert_eq!(topic.memory.positions.doubt, None, "that is how they are");
    let row = Some(
        r#"{"id":1,"__op":"u","__table":"t","__lsn":42,"__txId":7,"__source_ts_ms":1793491200000}"#,
    );
    assert_eq!(topic.change(None, row).id, topic.change(None, row).id);
}

#[test]
fn rows_of_two_topics_are_of_two_sources_unless_they_name_one() {
    let id_of = |topic: &str, named: &str| {
        let row =
            format!(r#"{{"id":1,"__op":"u",{named}"__lsn":42,"__source_ts_ms":1793491200000}}"#);
        let any = "[[route]]\ntopic = \".*\"\ntable = \"public.t\"\nkey = [\"id\"]\n";
        match Topic::flat(any).decode_of(topic, None, Some(&row)) {
            Ok(Decoded::Change(change)) => change.id,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(id_of("a", ""), id_of("a", ""));
    assert_ne!(id_of("a", ""), id_of("b", ""));
    let named = r#""__name":"shop","#;
    assert_eq!(id_of("a", named), id_of("b", named));
}

#[test]
fn what_a_transform_adds_says_what_happened_and_is_no_column_of_the_row_s_own() {
    let mut topic = Topic::flat("");
    let row = r#"{"id":1,"__deleted":"false","__op":"c","__schema":"s","__table":"o","__source_ts_ms":5,"__ts_ms":6}"#;
    let change = topic.change(KEY, Some(row));
    assert_eq!(change.operation, Operation::Create);
    assert_eq!(change.table.to_string(), "s.o");
    let added = [
        "__deleted",
        "__op",
        "__schema",
        "__table",
        "__source_ts_ms",
        "__ts_ms",
    ];
    assert_eq!(facts(&change.row), added);
    // another prefix, and deletes that are rewritten
    let mut topic = Topic::new(&format!(
        "[format]\nenvelope = \"flat\"\n[format.flat]\nprefix = \"m_\"\n{ROUTE}"
    ));
    let row = r#"{"id":1,"m_op":"r","__op":"kept"}"#;
    let change = topic.change(KEY, Some(row));
    assert_eq!(
        (change.operation, facts(&change.row)),
        (Operation::Read, vec!["m_op"])
    );
    for deleted in [r#""true""#, "true"] {
        let row = format!(r#"{{"id":1,"m_op":"u","__deleted":{deleted}}}"#);
        assert_eq!(topic.change(KEY, Some(&row)).operation, Operation::Delete);
        assert!(matches!(
            topic.decode(KEY, None),
            Ok(Decoded::BelongsToDelete)
        ));
    }
    assert_eq!(topic.change(KEY, None).operation, Operation::Tombstone);
}

#[test]
fn a_single_key_is_that_of_the_routes_column_once_a_row_has_shown_it() {
    let mut topic = Topic::flat(ROUTE);
    let refused = |topic: &mut Topic, key| topic.refusal(Some(key), None).reason;
    assert_eq!(
        refused(&mut topic, "7"),
        Reason::MissingKey,
        "nothing has shown it"
    );
    for key in [
        "7",
        r#""7""#,
        r#"{"schema":{"type":"string"},"payload":"7"}"#,
    ] {
        topic.change(Some(key), Some(r#"{"id":7,"name":"x"}"#));
        let tombstone = topic.change(Some(key), None);
        assert_eq!(tombstone.operation, Operation::Tombstone);
        assert_eq!(values(&tombstone.key)[0].1.trim_matches('"'), "7", "{key}");
    }
    let text = topic.change(Some("plain text"), None);
    assert_eq!(values(&text.key), [("id", r#""plain text""#)]);
    // a struct that a converter has made a text of
    let text = topic.change(Some("Struct{id=7}"), None);
    assert_eq!(values(&text.key), [("id", r#""7""#)]);
    assert_eq!(refused(&mut topic, "Struct{no=7}"), Reason::MissingKey);
    // what it knows is the partition's, whoever decodes it
    let other = Topic::flat(ROUTE);
    let mut topic = Topic {
        decoder: other.decoder,
        ..topic
    };
    assert_eq!(
        topic.change(Some("7"), None).operation,
        Operation::Tombstone
    );
    // a row without a value there tells nothing, one with another that keys are something else
    topic.change(Some("8"), Some(r#"{"id":8}"#));
    topic.change(Some("9"), Some(r#"{"id":7,"name":"x"}"#));
    assert_eq!(refused(&mut topic, "7"), Reason::MissingKey);
    // keys that are text, also where they look like numbers
    let mut topic = Topic::flat(&ROUTE.replace("key =", "key_encoding = \"string\"\nkey ="));
    topic.change(Some("1e3"), Some(r#"{"id":"1e3"}"#));
    assert_eq!(
        values(&topic.change(Some("1e3"), None).key),
        [("id", r#""1e3""#)]
    );
}

#[test]
fn a_single_key_is_no_rows_that_lacks_its_column_unless_the_route_says_so() {
    let mut topic = Topic::flat(ROUTE);
    let without = topic.refusal(Some("7"), Some(r#"{"name":"x"}"#));
    assert_eq!(without.reason, Reason::MissingKey);
    let message = without.message;
    assert!(message.contains("key_from = \"record_key\""), "{message}");
    assert_eq!(topic.refusal(Some("7"), None).reason, Reason::MissingKey);
    let mut topic = Topic::flat(&ROUTE.replace("key =", "key_from = \"record_key\"\nkey ="));
    // the first record of all may be a tombstone
    let tombstone = topic.change(Some("7"), None);
    assert_eq!(values(&tombstone.key), [("id", "7")]);
    let row = topic.change(Some("7"), Some(r#"{"name":"x"}"#));
    assert_eq!(values(&row.key), [("id", "7")]);
    // a row that has another value is refused by itself: those without the column, and tombstones, still have the key
    let other = topic.refusal(Some("8"), Some(r#"{"id":"9","name":"x"}"#));
    assert_eq!(
        (other.reason, other.blame),
        (Reason::MissingKey, Blame::Topic)
    );
    assert!(other.message.contains("key_from"), "{}", other.message);
    let row = topic.change(Some("8"), Some(r#"{"name":"y"}"#));
    assert_eq!(values(&row.key), [("id", "8")]);
    assert_eq!(values(&topic.change(Some("8"), None).key), [("id", "8")]);
    let keyless = topic.refusal(None, Some(r#"{"name":"y"}"#)).message;
    assert!(!keyless.contains("set key_from"), "{keyless}");
    // nor is it the column that a field of the row is renamed to
    let renamed = "rename = { name = \"id\" }\nkey =";
    let mut topic = Topic::flat(&ROUTE.replace("key =", renamed));
    assert_eq!(topic.refusal(Some("7"), None).reason, Reason::MissingKey);
}

#[test]
fn a_table_may_have_columns_that_an_envelope_has_fields_of() {
    for row in [
        r#"{"id":1,"status":"live","event_count":3,"name":"x"}"#,
        r#"{"id":1,"before":"a","after":"b","source":"web"}"#,
        r#"{"id":1,"ddl":"x","position":3}"#,
        r#"{"id":1,"tableChanges":2}"#,
        r#"{"id":1,"updateDescription":"x","operationType":"y","fullDocument":"z"}"#,
    ] {
        let change = Topic::flat(ROUTE).change(None, Some(row));
        assert_eq!(change.operation, Operation::Update, "{row}");
    }
    // a sign of life has the connector's name for a key
    let alone = Topic::flat("[[route]]\ntopic = \"t\"\ntable = \"t\"\n");
    let mut alone = alone;
    let change = alone.change(KEY, Some(r#"{"ts_ms":1}"#));
    assert_eq!(change.operation, Operation::Update);
}

#[test]
fn what_a_flat_row_says_beside_itself_makes_no_other_event_of_it() {
    let mut topic = Topic::flat(ROUTE);
    let row = |sent: i64| {
        format!(
            r#"{{"id":1,"__op":"u","__lsn":42,"__source_ts_ms":1793491200000,"__ts_ms":{sent},"__sequence":"[null,\"{sent}\"]"}}"#
        )
    };
    let first = topic.change(None, Some(&row(5)));
    assert_eq!(first.id, topic.change(None, Some(&row(9))).id);
    assert_eq!(topic.memory.positions.doubt, None);
    // a tombstone tells no place: what is sent again around it must be as new as it will be
    topic.change(KEY, None);
    assert_ne!(first.id, topic.change(None, Some(&row(5))).id);
}

#[test]
fn an_unwrapped_delete_whose_key_may_stand_in_for_another_names_no_row() {
    let mut topic = Topic::flat(&ROUTE.replace("\"id\"", "\"no\""));
    let deleted = r#"{"id":7,"no":0,"__deleted":"true"}"#;
    assert!(topic.change(Some(r#"{"id":7}"#), Some(deleted)).hides_key);
    let deleted = r#"{"id":7,"no":5,"__deleted":"true"}"#;
    assert!(!topic.change(Some(r#"{"id":7}"#), Some(deleted)).hides_key);
}

#[test]
fn a_tombstone_finds_its_delete_by_the_keys_bytes_where_they_are_no_struct() {
    let delete = r#"{"before":{"id":2},"after":null,"source":{"schema":"s","table":"t"},"op":"d"}"#;
    let mut topic = Topic::new(ROUTE);
    let key = Some("Struct{id=2}");
    assert_eq!(topic.change(key, Some(delete)).operation, Operation::Delete);
    assert!(matches!(
        topic.decode(key, None),
        Ok(Decoded::BelongsToDelete)
    ));
    assert_eq!(topic.refusal(key, None).reason, Reason::MissingKey, "once");
}

#[test]
fn an_action_is_known_by_its_id_and_by_what_it_says() {
    let row = |id: &str, action: &str, name: &str| {
        format!(r#"{{"action_id":{id},"id":1,"name":"{name}","action":"{action}"}}"#)
    };
    let mut topic = Topic::trigger();
    let first = topic.change(None, Some(&row("3", "INSERT", "a")));
    assert_eq!(
        (first.operation, facts(&first.row)),
        (Operation::Create, vec!["action_id", "action"])
    );
    let again = topic.change(None, Some(&row("3", "INSERT", "a")));
    assert_eq!(first.id, again.id);
    assert_ne!(
        first.id,
        topic.change(None, Some(&row("4", "insert", "a"))).id
    );
    let other = topic.refusal(None, Some(&row("3", "INSERT", "b")));
    assert!(other.message.contains("action 3"), "{other:?}");
    assert_eq!(other.blame, Blame::Record);
    assert_eq!(
        topic.change(None, Some(&row("5", "UPDATE", "b"))).operation,
        Operation::Update
    );
    assert_eq!(
        topic.change(None, Some(&row("6", "DELETE", "b"))).operation,
        Operation::Delete
    );
    let word = topic.refusal(None, Some(&row("7", "UPSERT", "b")));
    assert!(
        word.message.contains("\"UPSERT\"; expected INSERT"),
        "{word:?}"
    );
    for id in ["null", "{}", "\"\"", "true"] {
        let refusal = topic.refusal(None, Some(&row(id, "INSERT", "b")));
        assert!(refusal.message.contains("action_id"), "{refusal:?}");
    }
}

#[test]
fn an_actions_time_is_a_fields_if_one_is_named() {
    let mut topic = Topic::new(&format!(
        "[format]\nenvelope = \"trigger\"\n[format.trigger]\nid = \"n\"\naction = \"what\"\ntime = \"at\"\n{ROUTE}"
    ));
    let time = |change: Change<'_>| crate::format::event_id::time_ms_of(change.id);
    let row = |at: &str| format!(r#"{{"n":1,"what":"INSERT","id":1,"at":{at}}}"#);
    assert_eq!(
        time(topic.change(None, Some(&row("1793491200000")))),
        1_793_491_200_000
    );
    let mut topic = Topic {
        memory: PartitionMemory::default(),
        ..topic
    };
    let text = r#""2026-11-01T00:00:00Z""#;
    assert_eq!(
        time(topic.change(None, Some(&row(text)))),
        1_793_491_200_000
    );
    assert!(
        topic
            .refusal(None, Some(&row("\"soon\"")))
            .message
            .contains("at is neither")
    );
}

#[test]
fn pg_replicate_kafkas_words_are_debeziums_in_others() {
    let event = |op: &str, before: &str, after: &str| {
        format!(
            r#"{{"schema":"public","table":"users","op":"{op}","ts_ms":9,"before":{before},"after":{after},"source":{{"ts_ms":1793491200000,"lsn":"0/1634FA1","xid":568}}}}"#
        )
    };
    let mut topic = Topic::new("[format]\nenvelope = \"pg-replicate-kafka\"\n");
    let row = r#"{"id":1}"#;
    let insert = topic.change(KEY, Some(&event("INSERT", "null", row)));
    assert_eq!(insert.operation, Operation::Create);
    assert_eq!(insert.table.to_string(), "public.users");
    assert_eq!(
        topic.change(KEY, Some(&event("INSERT", "null", row))).id,
        insert.id
    );
    assert_ne!(
        topic.change(KEY, Some(&event("UPDATE", row, row))).id,
        insert.id
    );
    assert_eq!(
        topic
            .change(KEY, Some(&event("DELETE", row, "null")))
            .operation,
        Operation::Delete
    );
    let refusal = topic.refusal(KEY, Some(&event("c", "null", row)));
    assert!(
        refusal.message.contains("envelope = \"debezium\""),
        "{refusal:?}"
    );
    assert_eq!(refusal.blame, Blame::Topic);
    let refusal = topic.refusal(KEY, Some(&event("MERGE", "null", row)));
    assert_eq!(refusal.blame, Blame::Record);
}

#[test]
fn an_envelope_without_op_and_source_is_told_by_its_rows() {
    let mut topic = Topic::new("[[route]]\ntopic = \"t\"\ntable = \"t\"\n");
    let mut of = |before: &str, after: &str| {
        let value = format!(r#"{{"before":{before},"after":{after}}}"#);
        topic
            .decode(KEY, Some(&value))
            .map(|decoded| match decoded {
                Decoded::Change(change) => change.operation,
                other => panic!("{other:?}"),
            })
    };
    let row = r#"{"id":1}"#;
    assert_eq!(of("null", row), Ok(Operation::Create));
    assert_eq!(of(row, row), Ok(Operation::Update));
    assert_eq!(of(row, "null"), Ok(Operation::Delete));
    assert!(of("null", "null").is_err());
    let with_source = r#"{"before":null,"after":{"id":1},"source":{"table":"t"}}"#;
    assert_eq!(topic.refusal(KEY, Some(with_source)).blame, Blame::Record);
}

#[test]
fn a_topic_of_another_shape_is_named_with_the_setting_for_it() {
    let envelope = r#"{"before":null,"after":{"id":1},"source":{"connector":"mysql","table":"t","schema":"s"},"op":"c"}"#;
    let mongo = r#"{"after":"{\"_id\":1}","source":{"connector":"mongodb"},"op":"c"}"#;
    let unwrapped = r#"{"id":1,"__op":"c","__deleted":"false"}"#;
    let replicate =
        r#"{"op":"INSERT","before":null,"after":{"id":1},"source":{"schema":"s","table":"t"}}"#;
    let framed = "\0\0\0\0\u{1}x";
    let debezium = || Topic::new("");
    let avro = || {
        let avro = "[format]\nencoding = \"avro\"\n[format.registry]\nurl = \"http://r\"\n";
        Topic::new(&format!("{avro}{ROUTE}"))
    };
    let mut cases = [
        (debezium(), unwrapped, "envelope = \"flat\""),
        (debezium(), r#"{"id":1,"name":"x"}"#, "envelope = \"flat\""),
        (debezium(), replicate, "pg-replicate-kafka"),
        (debezium(), mongo, "MongoDB"),
        (debezium(), framed, "encoding = \"avro\""),
        (Topic::flat(ROUTE), envelope, "envelope = \"debezium\""),
        (Topic::flat(ROUTE), framed, "encoding = \"avro\""),
        (Topic::trigger(), envelope, "envelope = \"debezium\""),
        (Topic::trigger(), r#"{"id":1}"#, "format.trigger.id"),
        (avro(), envelope, "encoding = \"json\""),
        (debezium(), "text", "JsonConverter"),
        (Topic::flat(ROUTE), "17", "JsonConverter"),
    ];
    for (topic, value, setting) in &mut cases {
        let refusal = topic.refusal(KEY, Some(value));
        assert!(refusal.message.contains(*setting), "{value}: {refusal:?}");
        assert_eq!(refusal.blame, Blame::Topic, "{value}");
    }
    for odd in [
        "[1]",
        "{ broken",
        "{\"op\":1}",
        r#"{"op":"x","before":null,"after":null}"#,
    ] {
        let refusal = debezium().refusal(KEY, Some(odd));
        assert_eq!(refusal.blame, Blame::Record, "{odd}: {refusal:?}");
    }
}

#[test]
fn what_connectors_write_about_themselves_carries_nothing_in_any_envelope() {
    let marker = r#"{"status":"END","id":"571:1","event_count":2,"data_collections":[],"ts_ms":1}"#;
    let change = r#"{"source":{},"ts_ms":1,"databaseName":"d","schemaName":null,"ddl":"CREATE TABLE t ()","tableChanges":[]}"#;
    for topic in [|| Topic::new(""), || Topic::flat(ROUTE), Topic::trigger] {
        for value in [r#"{"ts_ms":1}"#, marker, change] {
            let decoded = topic().decode(Some(r#"{"serverName":"x"}"#), Some(value));
            assert!(
                matches!(decoded, Ok(Decoded::Nothing(_))),
                "{value}: {decoded:?}"
            );
        }
    }
}

#[test]
fn a_tombstone_that_tells_no_column_of_an_appended_row_is_refused_and_never_passed_over() {
    let route = "[[route]]\ntopic = \"t\"\ntable = \"s\"\nwrite = \"append\"\n";
    let mut topic = Topic::flat(route);
    for key in ["7", "\"seven\"", "\"{"] {
        topic.change(Some(key), Some(r#"{"id":7}"#));
        let refusal = topic.refusal(Some(key), None);
        assert_eq!(refusal.reason, Reason::MissingKey, "{key}");
        assert!(
            refusal.message.contains("deletes = false"),
            "{}",
            refusal.message
        );
    }
    assert_eq!(topic.change(KEY, None).operation, Operation::Tombstone);
    assert!(matches!(
        topic.decode(None, None),
        Ok(Decoded::Nothing("tombstone"))
    ));
    // where it is said by an event of its own that the row is gone
    topic.change(Some("7"), Some(r#"{"id":7,"__deleted":true}"#));
    assert!(matches!(
        topic.decode(Some("7"), None),
        Ok(Decoded::BelongsToDelete)
    ));
    let mut topic = Topic::flat(&format!("{route}deletes = false\n"));
    assert!(matches!(
        topic.decode(Some("7"), None),
        Ok(Decoded::Nothing("tombstone"))
    ));
}
