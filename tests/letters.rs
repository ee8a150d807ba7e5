//! Dead letters are recognised: an event has one, whatever is sent again, tried again or crashes; its
//! row tells everything, and what is too large for the topic is told as well.

use std::sync::atomic::Ordering;

use rdkafka::message::{Headers as _, Message as _};
use serde_json::json;

use crate::support::events::{change, insert, partial, update};
use crate::support::kafka::header;
use crate::support::proxy::Proxy;
use crate::support::worker::Worker;
use crate::support::{Event, World, events, eventually};

/// A destination that refuses negative versions until the constraint is dropped.
async fn world(test: &str, partitions: i32) -> World {
    let mut world = World::new(test, partitions).await;
    world
        .sql("ALTER TABLE t ADD CONSTRAINT positive CHECK (version >= 0)")
        .await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
}

fn bad(lsn: i64, id: i64) -> Event {
    update(lsn, id, -1)
}

/// Refused together with a partial event behind it, which leaves the body out.
fn whose_body_is_bad(lsn: i64, id: i64) -> Event {
    let row = json!({ "id": id, "version": 1, "body": "bad" });
    change("u", lsn, id, Some(row))
}

async fn until_duplicates(worker: &Worker, expected: f64) {
    eventually("the duplicates are counted", async || {
        let counted = worker
            .metric("landfall_events_total", &["outcome=\"duplicate\""])
            .await;
        (counted == expected).then_some(())
    })
    .await;
}

/// Sends a dead-lettered event again in every way, after its cause is mended and newer data is there.
async fn send_again_in_every_way(idempotency: &str) {
    let mut world = world(&format!("again_{idempotency}"), 1).await;
    world.set("apply", &format!("idempotency = \"{idempotency}\""));
    // twice in one batch
    let first = [insert(1, 1, 1), bad(10, 1), bad(10, 1)];
    world.kafka.produce(&world.topic, &first).await;
    let worker = world.run();
    until_duplicates(&worker, 1.0).await;
    assert_eq!(world.letters().await, ["1 constraint parked"]);
    assert_eq!(world.published().await.len(), 1, "{}", worker.log());

    // in a later batch, when it would be accepted
    world.sql("ALTER TABLE t DROP CONSTRAINT positive").await;
    world.kafka.produce(&world.topic, &[bad(10, 1)]).await;
    until_duplicates(&worker, 2.0).await;
    assert_eq!(world.rows().await, ["1 1 body 1 1"]);
    // and behind newer data
    let later = [update(20, 1, 5), bad(10, 1)];
    world.kafka.produce(&world.topic, &later).await;
    until_duplicates(&worker, 3.0).await;
    assert_eq!(world.letters().await, ["1 constraint superseded"]);
    assert_eq!(worker.stop().await.0, Some(0));

    // after a restart, whatever became of the letter since
    for state in ["superseded", "discarded", "replayed", "parked"] {
        let sql =
            format!("UPDATE landfall.dead_letters SET state = '{state}', superseded_by = NULL");
        world.sql(&sql).await;
        world.kafka.produce(&world.topic, &[bad(10, 1)]).await;
        let worker = world.catch_up().await;
        worker.says(&["stopped", "applied=0", "duplicates=1"]).await;
        assert_eq!(world.letters().await, [format!("1 constraint {state}")]);
        assert_eq!(world.rows().await, ["1 5 body 1 5"], "{state}");
    }

    // and with all of it read again
    world.kafka.reset(world.group(), &world.topic, 1, 0).await;
    let worker = world.run();
    until_duplicates(&worker, 10.0).await;
    assert_eq!(world.rows().await, ["1 5 body 1 5"]);
    assert_eq!(world.letters().await, ["1 constraint parked"]);
    assert_eq!(world.published().await.len(), 1);
}

#[tokio::test]
async fn a_dead_lettered_event_that_its_source_sends_again_is_a_duplicate() {
    send_again_in_every_way("event_id").await;
}

#[tokio::test]
async fn a_dead_lettered_event_that_its_source_sends_again_is_a_duplicate_without_the_ledger_too() {
    send_again_in_every_way("offset").await;
}

/// A value that is refused before Postgres sees it.
fn not_base64(lsn: i64, id: i64) -> Event {
    let row = json!({ "id": id, "version": 1, "body": "b", "seen": "not base64!" });
    change("u", lsn, id, Some(row))
}

#[tokio::test]
async fn an_event_that_is_refused_without_asking_postgres_has_one_letter_as_well() {
    let world = world("again_value", 1).await;
    world.sql("ALTER TABLE t ADD COLUMN seen bytea").await;
    let events = [
        insert(1, 1, 1),
        not_base64(2, 1),
        not_base64(2, 1),
        insert(3, 2, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &[not_base64(2, 1)]).await;
    let worker = world.catch_up().await;
    worker.says(&["stopped", "duplicates=1"]).await;
    assert_eq!(world.letters().await, ["1 value parked"]);
    assert_eq!(world.published().await.len(), 1);
}

#[tokio::test]
async fn an_event_that_was_applied_is_no_letter_when_it_would_be_refused_today() {
    let world = world("applied_before", 1).await;
    world.sql("ALTER TABLE t ADD COLUMN seen text").await;
    let history = [insert(1, 1, 1), not_base64(2, 1)];
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    world
        .sql("ALTER TABLE t ALTER seen TYPE bytea USING ''")
        .await;
    let again = [not_base64(2, 1), partial(3, 1, 2)];
    world.kafka.produce(&world.topic, &again).await;
    let worker = world.catch_up().await;
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());
    assert_eq!(world.published().await.len(), 0);
    assert_eq!(world.rows().await, ["1 2 b"], "nothing was put behind it");
}

#[tokio::test]
async fn a_batch_whose_commit_never_arrived_publishes_its_rejects_once() {
    let world = world("lost_commit", 1).await;
    world.sql("ALTER TABLE t ADD CHECK (body <> 'bad')").await;
    let mut history = events::history(100, 2);
    // also those that come twice, and those that are put behind another
    let refused = [
        insert(8_999_999, 9_000, 0),
        whose_body_is_bad(9_000_000, 9_000),
        whose_body_is_bad(9_000_000, 9_000),
        partial(9_000_001, 9_000, 1),
        partial(9_000_001, 9_000, 1),
    ];
    history.splice(50..50, refused);
    // what comes before, so that the batch's COMMITs are the first that get lost
    let first = [insert(1, 9_999, 1)];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &history).await;
    let proxy = Proxy::before_commit(world.server(), 3).await;
    let through = format!(
        "postgres://postgres@127.0.0.1:{}/{}",
        proxy.port, world.name
    );
    let mut worker = Worker::start(
        &["run", "--until-caught-up"],
        &world.config_file_for(&through),
        &[],
    );
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 3, "{}", worker.log());
    assert_eq!(
        world.letters().await,
        ["9000 constraint parked", "9000 behind parked"]
    );
    assert_eq!(world.published().await.len(), 2, "{}", worker.log());
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        100
    );
}

#[tokio::test]
async fn a_crash_between_publishing_and_commit_leaves_one_row_and_two_records_of_one_event() {
    let world = world("letter_crash", 1).await;
    let history = [insert(1, 1, 1), bad(2, 2), bad(3, 3)];
    world.kafka.produce(&world.topic, &history).await;
    let worker = world.run_until("before_commit", 1);
    worker.await_seam("before_commit").await.kill().await;
    assert_eq!(world.published().await.len(), 2);
    assert_eq!(world.letters().await, [""; 0]);
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        ["2 constraint parked", "3 constraint parked"]
    );
    let published = world.published().await;
    assert_eq!(published.len(), 4);
    let rows = world
        .db
        .query(
            "SELECT event_id::text, dlq_partition, dlq_offset FROM landfall.dead_letters",
            &[],
        )
        .await
        .unwrap();
    for row in rows {
        let id: String = row.get(0);
        let twins: Vec<_> = published
            .iter()
            .filter(|m| header(m, "landfall.event.id").as_deref() == Some(&id))
            .collect();
        assert_eq!(twins.len(), 2, "{id}");
        let place = (row.get(1), row.get(2));
        assert!(
            twins.iter().any(|m| (m.partition(), m.offset()) == place),
            "the row names one of them"
        );
    }
}

#[tokio::test]
async fn the_row_of_a_letter_tells_everything() {
    let mut world = world("letter_row", 3).await;
    world.set("retry", "initial_delay = \"10ms\"");
    let text = "O'Reilly \"quoted\" \\ ü";
    world
        .sql("CREATE TABLE k (a bigint, b text, v int NOT NULL, PRIMARY KEY (a, b))")
        .await;
    let key = json!({ "a": 9007199254740993i64, "b": text });
    let row = json!({ "a": 9007199254740993i64, "b": text, "v": null });
    let event = events::change_of("k", "c", 77, key.clone(), Some(row));
    let without_key = Event {
        key: None,
        ..insert(78, 8, 1)
    };
    let refused = [event.on(1), without_key.on(2), bad(79, 3).on(0)];
    let before: String = world
        .db
        .query_one("SELECT now()::text", &[])
        .await
        .unwrap()
        .get(0);
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1).on(0)])
        .await;
    world.kafka.produce(&world.topic, &refused).await;
    world.catch_up().await;

    let deleted = events::delete(80, 3).on(0);
    world.kafka.produce(&world.topic, &[deleted]).await;
    world.catch_up().await;

    let sql = "SELECT to_jsonb(d)::text FROM landfall.dead_letters d ORDER BY d.partition";
    let rows = world.db.query(sql, &[]).await.unwrap();
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| serde_json::from_str(row.get(0)).unwrap())
        .collect();
    let expected = [
        json!({ "partition": 0, "offset": 1, "table_name": "public.t", "operation": "update", "key": "{\"id\":3}", "reason": "constraint",
                "stage": "TASK_PUT", "sqlstate": "23514", "state": "superseded" }),
        json!({ "partition": 1, "offset": 0, "table_name": "public.k", "operation": "create", "key": key.to_string(), "reason": "constraint",
                "stage": "TASK_PUT", "sqlstate": "23502", "state": "parked" }),
        json!({ "partition": 2, "offset": 0, "table_name": null, "operation": null, "key": null, "reason": "missing_key",
                "stage": "KEY_CONVERTER", "sqlstate": null, "state": "parked" }),
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    let published = world.published().await;
    for (row, expected) in rows.iter().zip(&expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&row[name], value, "{name} of {row:#}");
        }
        assert_eq!(row["topic"], json!(world.topic));
        assert_eq!(row["consumer_group"], json!(world.group()));
        assert_eq!(row["left_out_bytes"], json!(null));
        assert_eq!(row["dlq_topic"], json!(world.dead_letter_topic()));
        let letter = published
            .iter()
            .find(|m| {
                (json!(m.partition()), json!(m.offset()))
                    == (row["dlq_partition"].clone(), row["dlq_offset"].clone())
            })
            .expect("the record is where the row says");
        let get = |key: &str| json!(header(letter, key).unwrap());
        assert_eq!(row["event_id"], get("landfall.event.id"));
        assert_eq!(row["message"], get("__connect.errors.exception.message"));
        assert_eq!(
            row["attempts"].to_string(),
            get("landfall.attempts").as_str().unwrap()
        );
        assert_eq!(
            row["offset"].to_string(),
            get("__connect.errors.offset").as_str().unwrap()
        );
        let times = format!(
            "SELECT count(*) FROM landfall.dead_letters WHERE event_id = '{}' AND first_failed_at BETWEEN '{before}'::timestamptz AND last_failed_at
             AND state_changed_at BETWEEN '{before}' AND now() AND last_failed_at <= now()
             AND date_trunc('ms', first_failed_at) = '{}' AND date_trunc('ms', last_failed_at) = '{}'",
            row["event_id"].as_str().unwrap(),
            header(letter, "landfall.first.failed.at").unwrap(),
            header(letter, "landfall.last.failed.at").unwrap(),
        );
        assert_eq!(world.count(&times).await, 1, "{row:#}");
    }
}

/// A dead letter topic that is there already and takes no more than these bytes.
async fn limit_letters(world: &World, bytes: &str) {
    let topic = world.dead_letter_topic();
    world.kafka.create_topic(&topic, 1).await;
    let limit = [("max.message.bytes", bytes)];
    world.kafka.configure(&topic, &limit).await;
}

/// The letter in the topic for the event with this offset.
async fn letter_of(world: &World, offset: i64) -> rdkafka::message::OwnedMessage {
    let letters = world.published().await;
    let of = |m: &rdkafka::message::OwnedMessage| {
        header(m, "__connect.errors.offset") == Some(offset.to_string())
    };
    letters.into_iter().find(of).expect("there is a letter")
}

#[tokio::test]
async fn a_record_too_large_for_the_dead_letter_topic_is_put_aside_without_its_value() {
    let world = world("too_large", 1).await;
    limit_letters(&world, "20000").await;
    let large = |lsn: i64, id: i64, bytes: usize| {
        let row = json!({ "id": id, "version": -1, "body": "x".repeat(bytes) });
        change("c", lsn, id, Some(row)).with_header("trace", "t-1")
    };
    let huge = "k".repeat(50_000);
    let mut events = vec![
        insert(1, 1, 1),
        large(2, 2, 100_000),
        // with a key that is too large itself, and with headers that are
        Event {
            key: Some(json!({ "id": 3, "more": huge }).to_string().into_bytes()),
            value: Some(b"{ broken".to_vec()),
            ..Event::default()
        },
        large(4, 4, 10).with_header("large", &huge),
        insert(5, 5, 1),
    ];
    // together they are more than the topic takes in one piece; each alone is not
    events.extend((10..50).map(|id| large(100 + id, id, 2_000)));
    events.push(insert(6, 6, 1));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;

    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE id IN (1, 5, 6)")
            .await,
        3,
        "the rest is applied:\n{}",
        worker.log()
    );
    assert_eq!(world.letters().await.len(), 43);
    let sizes = world
        .db
        .query("SELECT \"offset\", left_out_bytes FROM landfall.dead_letters WHERE left_out_bytes IS NOT NULL ORDER BY 1", &[])
        .await
        .unwrap();
    let size = |event: &Event| {
        let headers: usize = event.headers.iter().map(|(k, v)| k.len() + v.len()).sum();
        (event.key.as_ref().unwrap().len() + event.value.as_ref().unwrap().len() + headers) as i64
    };
    let sizes: Vec<(i64, i64)> = sizes.iter().map(|r| (r.get(0), r.get(1))).collect();
    let expected: Vec<(i64, i64)> = (1..=3).map(|at| (at, size(&events[at as usize]))).collect();
    assert_eq!(sizes, expected, "these alone are too large");
    for (offset, bytes) in sizes {
        let letter = letter_of(&world, offset).await;
        let get = |key: &str| header(&letter, key).unwrap();
        assert_eq!(letter.payload(), None);
        assert_eq!(get("landfall.left.out.bytes"), bytes.to_string());
        assert_eq!(get("__connect.errors.topic"), world.topic);
        assert_eq!(get("__connect.errors.partition"), "0");
        match offset {
            1 => {
                assert_eq!(letter.key(), events[1].key.as_deref());
                assert_eq!(get("trace"), "t-1");
            }
            2 => assert_eq!(letter.key(), None),
            _ => assert!(letter.headers().unwrap().iter().all(|h| h.key != "large")),
        }
    }
    let whole = letter_of(&world, 20).await;
    assert_eq!(whole.payload(), events[20].value.as_deref());
    assert_eq!(header(&whole, "landfall.left.out.bytes"), None);
}

/// What the error says is cut as well, if the topic takes hardly anything.
#[tokio::test]
async fn a_topic_that_takes_hardly_anything_blocks_nothing() {
    let world = world("tiny_topic", 1).await;
    limit_letters(&world, "2500").await;
    let row = json!({ "id": 2, "version": "x-".repeat(15_000), "body": "b" });
    let events = [
        insert(1, 1, 1),
        change("c", 2, 2, Some(row)),
        insert(3, 3, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(
        world.letters().await,
        ["2 value parked"],
        "{}",
        worker.log()
    );
}
