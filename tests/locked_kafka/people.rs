//! What people who replay and who look can do with the rights that they are granted, and without any one of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::granted::Granted;
use crate::support::events::{broken, change, insert};
use crate::support::locked_kafka::rights::Right;
use crate::support::locked_kafka::{OPERATOR, READER, USER};

/// Less than Kafka's clients wait for an answer.
const AT_ONCE: Duration = Duration::from_secs(9);

/// All that a replay may change.
async fn state(granted: &Granted) -> String {
    let sql = "SELECT concat((SELECT string_agg(l::text, ' ' ORDER BY id) FROM landfall.dead_letters l), \
               (SELECT string_agg(t::text, ' ' ORDER BY id) FROM t))";
    let row = granted.world().db.query_one(sql, &[]).await;
    row.unwrap().get(0)
}

/// Without the right these commands name it at once, and change nothing.
async fn refused_without(granted: &Granted, right: &Right, commands: &[&str]) {
    let before = state(granted).await;
    granted.admin().take(right);
    for words in commands {
        let since = Instant::now();
        let (code, said) = granted.ask(OPERATOR, words).await;
        let took = since.elapsed();
        assert_eq!(code, Some(1), "{words}: {said}");
        assert!(said.contains(&right.statement()), "{words}: {said}");
        assert!(took < AT_ONCE, "{words} took {took:?}: {said}");
    }
    granted.succeeds(OPERATOR, "dlq list").await; // Kafka isn't asked
    assert_eq!(state(granted).await, before, "{right:?}");
    granted.admin().grant(right);
}

/// What `status --json` says without the right: the lines of a kind.
async fn status_without(granted: &Granted, right: &Right) -> impl Fn(&str) -> Vec<Value> {
    granted.admin().take(right);
    let since = Instant::now();
    let mut status = granted.start(READER, "status --json");
    let code = status.wait().await;
    let (took, said) = (since.elapsed(), status.log());
    granted.admin().grant(right);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&right.statement()), "{said}");
    assert!(took < AT_ONCE, "{took:?}: {said}");
    let objects = said.lines().filter_map(|l| serde_json::from_str(l).ok());
    let objects: Vec<Value> = objects.collect();
    move |kind| {
        let of_kind = objects.iter().filter(|object| object["kind"] == kind);
        of_kind.cloned().collect()
    }
}

#[tokio::test]
async fn each_right_of_who_replays_or_looks_is_needed_and_named_at_once_and_nothing_is_done_by_halves()
 {
    let mut granted = Granted::new("people").await;
    let breaker = "ratio = 1.0";
    granted.locked.world.set("dead_letter.breaker", breaker);
    let world = granted.world();
    let letters = world.dead_letter_topic();
    world.kafka.create_topic(&letters, 1).await;
    let small = [("max.message.bytes", "4000")];
    world.kafka.configure(&letters, &small).await;
    granted.grant(&[&world.topic]);
    let constraint = "ALTER TABLE t ADD CONSTRAINT early CHECK (version < 100)";
    world.db.batch_execute(constraint).await.unwrap();
    let large = json!({ "id": 3, "version": 100, "body": "x".repeat(9_000) });
    let events = [
        insert(1, 1, 1),
        insert(2, 2, 100),
        change("c", 3, 3, Some(large)),
        broken(4),
    ];
    let events = events.map(|event| event.on(0));
    world.kafka.produce(&world.topic, &events).await;
    granted.succeeds(USER, "run --until-caught-up").await;
    let left_out =
        "SELECT count(*) FROM landfall.dead_letters WHERE id = 2 AND left_out_bytes > 9000";
    assert_eq!(world.count(left_out).await, 1);

    // who replays: the second letter is in its topic without its value, and the third one fails again
    assert_eq!(granted.rights_of(OPERATOR).len(), 4);
    granted.succeeds(OPERATOR, "status").await;
    let right = |operation, name| granted.right_of(OPERATOR, operation, name);
    let read = right("Read", &world.topic);
    refused_without(&granted, &read, &["dlq show 2", "dlq replay --id 2"]).await;
    let read = right("Read", &letters);
    refused_without(&granted, &read, &["dlq show 1", "dlq replay"]).await;
    let write = right("Write", &letters);
    refused_without(&granted, &write, &["dlq replay --id 3"]).await;
    let describe = right("Describe", world.group());
    refused_without(&granted, &describe, &["status"]).await;

    // who looks
    assert_eq!(granted.rights_of(READER).len(), 2);
    granted.succeeds(READER, "status").await;
    let describe = granted.right_of(READER, "Describe", world.group());
    let told = status_without(&granted, &describe).await;
    assert_eq!(told("partition")[0]["end"], 4);
    assert_eq!(told("partition")[0]["lag"], 0);
    let describe = granted.right_of(READER, "Describe", &world.topic);
    let told = status_without(&granted, &describe).await;
    assert_eq!(told("partition")[0]["applied"], 4);
    assert_eq!(told("partition")[0]["state"], "unknown", "not gone");
    assert!(!told("dead_letters").is_empty());

    // what is mended is put in
    let mend = "ALTER TABLE t DROP CONSTRAINT early";
    world.db.batch_execute(mend).await.unwrap();
    granted.succeeds(OPERATOR, "dlq discard --id 3 --yes").await;
    let said = granted.succeeds(OPERATOR, "dlq replay").await;
    assert!(said.ends_with("replayed 2"), "{said}");
    let rows = "SELECT count(*) FROM t WHERE id = 3 AND length(body) = 9000 OR id IN (1, 2)";
    assert_eq!(world.count(rows).await, 3);
}
