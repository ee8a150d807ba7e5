//! An event's identity: what is taken for an event that comes again, and what isn't.

use serde_json::{Value, json};

use crate::support::{Event, World, audit, events};

/// 2026-11-01 in milliseconds.
const TIME: i64 = 1_793_491_200_000;

/// A change on `app.t` as Debezium's MySQL connector writes it.
fn binlog(op: &str, [pos, row_number]: [i64; 2], id: i64, version: i64) -> Value {
    let source = json!({
        "version": "3.6.0.Final", "connector": "mysql", "name": "test", "ts_ms": TIME, "snapshot": "false", "db": "public",
        "sequence": null, "table": "t", "server_id": 1, "gtid": null, "file": "binlog.000002", "pos": pos, "row": row_number, "thread": 9, "query": null,
    });
    let row = json!({ "id": id, "version": version, "body": format!("body {id} {version}") });
    let (before, after) = match op {
        "d" => (row, Value::Null),
        _ => (Value::Null, row),
    };
    json!({ "before": before, "after": after, "source": source, "op": op, "ts_ms": TIME + 5, "transaction": null })
}

fn event(id: i64, value: &Value) -> Event {
    Event::raw(&json!({ "id": id }).to_string(), &value.to_string())
}

/// What the inner events of a compressed transaction look like: all of them have the transaction's position.
/// One row changes back and forth, one is inserted, deleted and inserted again; at times as one of several rows of
/// a statement, which are numbered.
fn compressed(with_order: bool) -> Vec<Event> {
    let changes = [
        ("c", 0, 1, 1),
        ("c", 0, 2, 1),
        ("u", 1, 1, 2),
        ("d", 1, 2, 1),
        ("u", 0, 1, 1),
        ("c", 0, 2, 1),
        ("u", 1, 1, 2),
        ("c", 0, 3, 1),
        ("d", 0, 3, 1),
        ("c", 0, 3, 1),
        ("d", 0, 3, 1),
    ];
    let mut events = Vec::new();
    for (at, (op, row, id, version)) in changes.into_iter().enumerate() {
        let mut value = binlog(op, [157, row], id, version);
        if with_order {
            value["transaction"] =
                json!({ "id": "gtid:1", "total_order": at + 1, "data_collection_order": at + 1 });
        }
        events.push(event(id, &value));
        if op == "d" {
            events.push(events::tombstone(id));
        }
    }
    events
}

async fn rows(world: &World) -> Vec<String> {
    let sql = "SELECT id || ' ' || version FROM t ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn messages(world: &World, each_alone: bool, with_order: bool) -> String {
    let mut log = String::new();
    if !each_alone {
        world
            .kafka
            .produce(&world.topic, &compressed(with_order))
            .await;
        return world.catch_up().await.log();
    }
    for event in compressed(with_order) {
        world.kafka.produce(&world.topic, &[event]).await;
        log += &world.catch_up().await.log();
    }
    log
}

const DOUBT: &str = "positions don't tell events apart";

#[tokio::test]
async fn events_of_a_compressed_transaction_are_all_applied_though_they_share_a_position() {
    let world = World::new("compressed", 1).await;
    let log = messages(&world, false, false).await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"], "{log}");
    assert_eq!(log.matches(DOUBT).count(), 1, "{log}");
    // sent again, they are applied again, and end the same
    let log = messages(&world, false, false).await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"], "{log}");
    assert_eq!(log.matches(DOUBT).count(), 0, "it is said once: {log}");
}

#[tokio::test]
async fn a_compressed_transaction_that_restarts_part_is_applied_whole() {
    let world = World::new("compressed_parts", 1).await;
    let log = messages(&world, true, false).await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"], "{log}");
    assert_eq!(log.matches(DOUBT).count(), 1, "{log}");
}

#[tokio::test]
async fn with_transaction_metadata_a_compressed_transaction_sent_again_is_recognised() {
    let world = World::new("compressed_order", 1).await;
    let log = messages(&world, true, true).await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"], "{log}");
    let applied = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(applied).await, 11);
    let changes = world.count("SELECT count(*) FROM audit").await;
    let log = messages(&world, false, true).await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"], "{log}");
    assert_eq!(world.count(applied).await, 11);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, changes);
    assert!(!log.contains(DOUBT), "{log}");
}

#[tokio::test]
async fn an_event_routed_to_two_tables_fills_both() {
    let mut world = World::new("two_tables", 1).await;
    audit::create_table(&world.db, "elsewhere").await;
    let copy = format!("{}_copy", world.topic);
    world.kafka.create_topic(&copy, 1).await;
    world.topics.push(copy.clone());
    world.set(
        "[route]",
        &format!("topic = \"{copy}\"\ntable = \"public.elsewhere\""),
    );
    for _ in 0..2 {
        let history = events::history(50, 2);
        world.kafka.produce(&world.topic, &history).await;
        world.kafka.produce(&copy, &history).await;
        let worker = world.catch_up().await;
        for table in ["t", "elsewhere"] {
            let sql = format!("SELECT count(*) FROM {table} WHERE version = 2");
            assert_eq!(world.count(&sql).await, 50, "{}", worker.log());
        }
        let applied = "SELECT count(*) FROM landfall.processed_events";
        assert_eq!(world.count(applied).await, 200, "twice the same is once");
    }
}

#[tokio::test]
async fn an_event_that_says_something_else_at_a_known_position_is_applied() {
    let world = World::new("says_else", 1).await;
    let first = [events::insert(10, 1, 1), events::insert(20, 2, 1)];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(10, 1, 2)])
        .await;
    world.catch_up().await;
    assert_eq!(rows(&world).await, ["1 2", "2 1"]);
}

#[tokio::test]
async fn an_upgrade_forgets_no_event_that_was_applied_before_it() {
    let world = World::new("ids_upgraded", 1).await;
    world.migrate().await;
    // as the migration leaves a partition that was there
    let enter = format!(
        "INSERT INTO landfall.partitions (topic, partition, next_offset, consumer_group, batch, full_ids_since) \
         VALUES ('{}', 0, 0, 'g', gen_random_uuid(), {})",
        world.topic,
        TIME + 25
    );
    world.db.batch_execute(&enter).await.unwrap();
    // as a Landfall before made its id
    let known = "INSERT INTO landfall.processed_events (id, partition_id) SELECT $1::text::uuid, partition_id FROM landfall.partitions";
    let id = old_id(20);
    world.db.execute(known, &[&id]).await.unwrap();
    let history = [events::insert(20, 1, 1), events::insert(30, 2, 1)];
    world.kafka.produce(&world.topic, &history).await;
    let worker = world.catch_up().await;
    assert_eq!(rows(&world).await, ["2 1"], "{}", worker.log());
}

/// The id of an insert of row 1 at this log position, as it was made of position, operation and key alone.
fn old_id(lsn: i64) -> String {
    use landfall::format::event_id::Identity;
    let (lsn, tx) = (lsn.to_string(), (lsn / 10).to_string());
    let parts = [
        "postgres", &lsn, &tx, "", "test", "source", "public", "t", "create", "id", "1",
    ];
    let identity = Identity::new("debezium", TIME + lsn.parse::<i64>().unwrap());
    let identity = parts
        .iter()
        .fold(identity, |i, part| i.with_part(part.as_bytes()));
    identity.into_id().to_string()
}
