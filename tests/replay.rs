//! Dead letters are put in through the worker's own path, in order, once, and never over newer data.

use serde_json::json;

use crate::commands::{done, landfall};
use crate::support::World;
use crate::support::events::{change, insert};

/// A row that the table refuses until its CHECK is dropped.
fn bad(lsn: i64, id: i64, version: i64) -> crate::support::Event {
    let row = json!({ "id": id, "version": version, "body": "bad" });
    change("u", lsn, id, Some(row))
}

async fn world(test: &str) -> World {
    let world = World::new(test, 1).await;
    let check = "ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')";
    world.db.batch_execute(check).await.unwrap();
    world
}

async fn mend(world: &World) {
    let sql = "ALTER TABLE t DROP CONSTRAINT not_bad";
    world.db.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_letter_is_replayed_and_a_second_replay_does_nothing() {
    let world = world("replayed_once").await;
    let events = [insert(1, 1, 1), bad(2, 1, 2), insert(3, 2, 1)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT version FROM t WHERE id = 1").await, 1);

    let again = landfall(&world, "dlq replay");
    assert_eq!(again.code, Some(1), "{}{}", again.text, again.error);
    assert!(again.text.contains("failed 1"), "{}", again.text);
    mend(&world).await;
    let look = done(&world, "dlq replay --dry-run");
    assert!(look.text.contains("would be applied"), "{}", look.text);
    assert_eq!(world.count("SELECT version FROM t WHERE id = 1").await, 1);
    let replayed = done(&world, "dlq replay");
    assert_eq!(replayed.text, "replayed 1\n");
    assert_eq!(world.count("SELECT version FROM t WHERE id = 1").await, 2);
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    let writes = "SELECT count(*) FROM audit WHERE id = 1 AND version = 2";
    assert_eq!(world.count(writes).await, 1);
    let shown = done(&world, "dlq show 1");
    assert!(shown.text.contains("replayed"), "{}", shown.text);
}
