use bumpalo::Bump;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::{Config, RouteConfig};
use crate::format::change::Decoded;
use crate::format::decode::Decoder;
use crate::format::event_id::{Identity, id_of_coordinates};
use crate::format::partition_memory::PartitionMemory;
use crate::format::positions::Doubt;
use crate::format::stream_ends::StreamStanding;
use crate::record::{Record, TopicPartition};

const TIME: i64 = 1_793_491_200_000;

/// One partition of a topic, read record by record.
struct Reader {
    decoder: Decoder,
    memory: PartitionMemory,
    offset: i64,
    /// Of the changes that were read.
    standings: Vec<StreamStanding>,
}

impl Reader {
    fn new() -> Self {
        Self::with_routes("")
    }

    fn with_routes(routes: &str) -> Self {
        let text = format!(
            "[kafka]\nbrokers = \"k:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n{routes}"
        );
        let routes: Vec<RouteConfig> = Config::parse(&text).unwrap().routes;
        Self {
            decoder: Decoder::new(routes.into(), true),
            memory: PartitionMemory::default(),
            offset: 0,
            standings: Vec::new(),
        }
    }

    /// The next record; `None` for a tombstone that belongs to its delete.
    fn read(&mut self, key: i64, value: Option<&Value>) -> Option<(Uuid, bool)> {
        let record = Record {
            source: TopicPartition {
                topic: "shop.app.t".into(),
                partition: 0,
            },
            offset: self.offset,
            timestamp: Some(TIME + 5 + self.offset),
            key: Some(json!({ "id": key }).to_string().into()),
            value: value.map(|value| value.to_string().as_str().into()),
            headers: Default::default(),
            epoch: 0,
            leader_epoch: None,
        };
        self.offset += 1;
        let arena = Bump::new();
        let memory = &mut self.memory;
        match self.decoder.decode_record(&record, &arena, None, memory) {
            Ok(Decoded::Change(change)) => {
                let by_offset = change.id == id_of_coordinates(&record, None, None);
                self.standings.push(change.standing);
                Some((change.id, by_offset))
            }
            Ok(_) => None,
            Err(error) => panic!("{}", error.message),
        }
    }

    fn ids(&mut self, events: &[Value]) -> Vec<Uuid> {
        let key = |event: &Value| event["key"].as_i64().unwrap_or(1);
        let ids = events
            .iter()
            .map(|event| self.read(key(event), Some(event)));
        ids.map(|read| read.unwrap().0).collect()
    }
}

/// As MySQL's connector writes it.
fn binlog(op: &str, pos: i64, row: i64, version: i64) -> Value {
    let source = json!({"connector": "mysql", "name": "shop", "ts_ms": TIME, "db": "app", "table": "t",
        "server_id": 1, "gtid": null, "file": "binlog.000002", "pos": pos, "row": row});
    let after = if op == "d" {
        Value::Null
    } else {
        json!({"id": 1, "version": version})
    };
    json!({"before": null, "after": after, "source": source, "op": op, "ts_ms": TIME + 1, "transaction": null})
}

fn ordered(mut event: Value, order: i64) -> Value {
    event["transaction"] =
        json!({"id": "file=binlog.000002,pos=4", "total_order": order, "data_collection_order": 1});
    event
}

fn source(fields: Value, op: &str, version: i64) -> Value {
    let mut event = binlog(op, 0, 0, version);
    event["source"] = json!({"connector": "x", "name": "shop", "ts_ms": TIME, "db": "app", "schema": "s", "table": "t"});
    for (name, value) in fields.as_object().unwrap() {
        event["source"][name.as_str()] = value.clone();
    }
    event
}

#[test]
fn an_event_that_says_something_else_is_another_event_at_the_same_position() {
    let id = |event: Value| Reader::new().ids(&[event])[0];
    let first = id(binlog("u", 4, 0, 1));
    assert_eq!(first, id(binlog("u", 4, 0, 1)));
    assert_ne!(first, id(binlog("u", 4, 0, 2)));
    let mut renamed = binlog("u", 4, 0, 1);
    renamed["after"] = json!({"id": 1, "other": 1});
    assert_ne!(first, id(renamed));
    // a delete says nothing but its key
    let mut delete = binlog("d", 4, 0, 1);
    let deleted = id(delete.clone());
    delete["before"] = json!({"id": 1, "version": 7});
    assert_eq!(id(delete), deleted);
}

#[test]
fn a_route_that_leads_elsewhere_is_part_of_the_id_and_one_to_the_own_table_is_not() {
    let id = |routes: &str| Reader::with_routes(routes).ids(&[binlog("c", 4, 0, 1)])[0];
    let to = |table: &str| format!("[[route]]\ntopic = \"shop.app.t\"\ntable = \"{table}\"\n");
    assert_eq!(id(&to("app.t")), id(""));
    assert_ne!(id(&to("app.u")), id(""));
    assert_ne!(id(&to("app.u")), id(&to("other.u")));
}

/// Of these events, which are known by their offsets in Kafka, if each is read by a process of its own
/// (which reads what was kept with the watermark), or all by one.
fn known_by_offset(events: &[Value], own_process: bool) -> (Vec<bool>, Vec<Uuid>, Option<Doubt>) {
    let mut reader = Reader::new();
    let (mut by_offset, mut ids) = (Vec::new(), Vec::new());
    for event in events {
        let (id, offset) = reader.read(1, Some(event)).unwrap();
        by_offset.push(offset);
        ids.push(id);
        if event["op"] == "d" {
            assert_eq!(
                reader.read(1, None),
                None,
                "the tombstone belongs to its delete"
            );
        }
        if own_process {
            let positions = &mut reader.memory.positions;
            let (kept, doubt) = (positions.to_bigints(), positions.doubt);
            *positions = crate::format::positions::Positions::from_bigints(&kept, doubt);
            reader.decoder = Reader::new().decoder;
        }
    }
    (by_offset, ids, reader.memory.positions.doubt)
}

#[test]
fn changes_of_one_row_that_share_a_position_are_all_told_apart_also_where_they_say_the_same() {
    let histories = [
        vec![
            binlog("c", 4, 0, 1),
            binlog("u", 4, 0, 2),
            binlog("u", 4, 0, 3),
        ],
        vec![
            binlog("c", 4, 0, 1),
            binlog("d", 4, 0, 0),
            binlog("c", 4, 0, 1),
        ],
        vec![
            binlog("u", 4, 0, 2),
            binlog("u", 4, 0, 1),
            binlog("u", 4, 0, 2),
        ],
        vec![
            binlog("c", 4, 0, 1),
            binlog("d", 4, 0, 0),
            binlog("c", 4, 0, 1),
            binlog("d", 4, 0, 0),
        ],
        // the rows of a statement are numbered, those of the transaction aren't
        vec![
            binlog("c", 4, 0, 1),
            binlog("d", 4, 1, 0),
            binlog("c", 4, 0, 1),
        ],
        vec![
            binlog("u", 4, 0, 1),
            binlog("u", 4, 1, 2),
            binlog("u", 4, 0, 1),
        ],
    ];
    for history in &histories {
        for own_process in [false, true] {
            let (by_offset, mut ids, doubt) = known_by_offset(history, own_process);
            assert!(
                !by_offset[0] && by_offset[1..].iter().all(|b| *b),
                "{history:?}"
            );
            assert_eq!(doubt, Some(Doubt::Shared));
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), history.len(), "{history:?}");
        }
    }
}

#[test]
fn with_the_order_in_the_transaction_events_that_share_a_position_are_known_when_they_come_again() {
    let history = [
        ordered(binlog("c", 4, 0, 1), 1),
        ordered(binlog("u", 4, 0, 2), 2),
        ordered(binlog("u", 4, 0, 1), 3),
        ordered(binlog("u", 4, 0, 2), 4),
    ];
    let mut reader = Reader::new();
    let first = reader.ids(&history);
    assert_eq!(reader.ids(&history), first);
    assert_eq!(reader.memory.positions.doubt, None);
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), history.len());
}

#[test]
fn events_that_were_applied_without_the_order_are_known_though_they_are_sent_again_with_it() {
    let at = |mut event: Value, time: i64| {
        event["source"]["ts_ms"] = time.into();
        event
    };
    let (old, new) = (
        at(binlog("u", 4, 0, 1), TIME),
        at(binlog("u", 9, 0, 2), TIME + 1_000),
    );
    let mut reader = Reader::new();
    let first = reader.ids(&[old.clone(), ordered(new.clone(), 1)]);
    let again = [ordered(old, 1), ordered(new, 1)];
    assert_eq!(reader.ids(&again), first);
}

/// Switching the order off makes other ids of what is sent again: nothing of it is known, but what a snapshot read,
/// and that it stands before what was read is noticed.
#[test]
fn events_that_are_sent_again_without_their_order_are_known_to_have_gone_back() {
    let mut reader = Reader::new();
    let history = [binlog("u", 4, 0, 1), binlog("u", 9, 0, 2)];
    let told = history.clone().map(|event| ordered(event, 1));
    let first = reader.ids(&told);
    assert!(reader.ids(&history).iter().all(|id| !first.contains(id)));
    reader.ids(&[binlog("r", 4, 0, 1)]);
    let is_back = |standing: &StreamStanding| matches!(standing, StreamStanding::GoneBack(_));
    let back: Vec<bool> = reader.standings.iter().map(is_back).collect();
    assert_eq!(back, [false, false, true, false, false]);
}

#[test]
fn rows_of_one_statement_and_events_that_come_again_raise_no_doubt() {
    let with_key = |mut event: Value, key: i64| {
        event["key"] = key.into();
        event
    };
    // a key that changes is a delete and a create of one place
    let mut events: Vec<Value> = (0..5)
        .map(|row| with_key(binlog("u", 4, row, row), row))
        .collect();
    events.push(with_key(binlog("d", 9, 0, 0), 1));
    events.push(with_key(binlog("c", 9, 0, 1), 7));
    events.push(binlog("r", 9, 0, 1));
    events.push(binlog("r", 9, 0, 2));
    let mut reader = Reader::new();
    let first = reader.ids(&events);
    assert_eq!(reader.ids(&events[5..]), first[5..]);
    assert_eq!(reader.ids(&events), first);
    assert_eq!(reader.memory.positions.doubt, None);
}

#[test]
fn a_position_of_nothing_is_none_and_a_log_that_stands_still_is_noticed() {
    let nothing = [
        json!({"file": "", "pos": 4, "row": 0}),
        json!({"file": "binlog.000002", "pos": 0, "row": 0}),
        json!({"lsn": null}),
        json!({"lsn": 0}),
        json!({"commit_lsn": null, "change_lsn": null}),
        json!({}),
    ];
    for fields in nothing {
        let (by_offset, _, doubt) = known_by_offset(&[source(fields.clone(), "u", 1)], false);
        assert_eq!(
            (by_offset[0], doubt),
            (true, Some(Doubt::Missing)),
            "{fields}"
        );
        // a snapshot's rows may have none where the changes have
        let (by_offset, _, doubt) = known_by_offset(&[source(fields.clone(), "r", 1)], false);
        assert_eq!((by_offset[0], doubt), (true, None), "{fields}");
        let event = ordered(source(fields, "u", 1), 3);
        let (by_offset, _, doubt) = known_by_offset(&[event], false);
        assert_eq!(
            (by_offset[0], doubt),
            (false, None),
            "its transaction tells"
        );
    }
    let constant = [1, 2, 1].map(|version| source(json!({"lsn": 7}), "u", version));
    let (by_offset, _, doubt) = known_by_offset(&constant, false);
    assert_eq!(
        (by_offset, doubt),
        (vec![false, true, true], Some(Doubt::Shared))
    );
}

#[test]
fn each_part_of_oracles_position_counts() {
    let place = json!({"scn": "2868546", "commit_scn": "2868547", "rs_id": "0x1.2.3", "ssn": 1, "redo_thread": 1, "row_id": "AAA"});
    let id = |fields: &Value| Reader::new().ids(&[source(fields.clone(), "u", 1)])[0];
    let mut ids = vec![id(&place)];
    for field in ["scn", "commit_scn", "rs_id", "ssn", "redo_thread", "row_id"] {
        let mut other = place.clone();
        other[field] = "9".into();
        ids.push(id(&other));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[test]
fn events_of_before_an_upgrade_keep_the_ids_that_they_were_applied_under() {
    let mut reader = Reader::new();
    reader.memory.full_ids_since = TIME + 1;
    // what a Landfall made that knew neither contents nor routes
    let parts = [
        "binlog",
        "\"binlog.000002\"",
        "4",
        "0",
        "shop",
        "app",
        "",
        "t",
        "update",
        "id",
        "1",
    ];
    let known = parts
        .iter()
        .fold(Identity::new("debezium", TIME), |identity, part| {
            identity.with_part(part.as_bytes())
        });
    assert_eq!(reader.ids(&[binlog("u", 4, 0, 1)]), [known.into_id()]);
    let mut reader = Reader::new();
    reader.memory.full_ids_since = TIME;
    assert_eq!(
        reader.ids(&[binlog("u", 4, 0, 1)]),
        Reader::new().ids(&[binlog("u", 4, 0, 1)])
    );
}
