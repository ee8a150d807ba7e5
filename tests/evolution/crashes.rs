//! A worker that is killed around a table's making lands each event once all the same.

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required, topic};
use crate::support::World;

async fn killed_at(seam: &str) {
    let mut world = World::new(&format!("evolve_{seam}"), 1).await;
    create(&mut world);
    let name = topic(&mut world, "made", 2).await;
    let list = [required("id", "int64"), optional("name", "string")];
    let row = |id: i64| json!({ "id": id, "name": "n" });
    let events: Vec<_> = (1..=50).map(|id| insert("made", &list, row(id))).collect();
    world.kafka.produce(&name, &events).await;
    world.run_until(seam, 1).await_seam(seam).await.kill().await;
    let worker = world.catch_up().await;
    assert_eq!(
        describe(&world, "made").await,
        ["id bigint not null", "name text", "PRIMARY KEY (id)"],
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM made").await, 50);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        50
    );
}

#[tokio::test]
async fn a_worker_killed_before_the_table_is_committed_lands_each_event_once() {
    killed_at("ddl_before_commit").await;
}

#[tokio::test]
async fn a_worker_killed_between_the_table_and_its_rows_lands_each_event_once() {
    killed_at("ddl_after_commit").await;
}
