//! What a command answers is its answer alone.

use serde_json::json;

use crate::commands::done;
use crate::support::World;
use crate::support::events::change;

/// Kafka's client has statistics to tell each second.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_takes_long_says_nothing_but_what_became_of_the_letters() {
    let world = World::new("long_replay", 1).await;
    let refuse = "ALTER TABLE t ADD CONSTRAINT good CHECK (body = 'good')";
    world.db.batch_execute(refuse).await.unwrap();
    let bad = |id: i64| {
        let row = json!({ "id": id, "version": 1, "body": "bad" });
        change("c", id, id, Some(row))
    };
    let events = [bad(1), bad(2), bad(3)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let allow = "ALTER TABLE t DROP CONSTRAINT good";
    world.db.batch_execute(allow).await.unwrap();
    let replayed = done(&world, "dlq replay --rate 1");
    assert_eq!((&*replayed.text, &*replayed.error), ("replayed 3\n", ""));
}
