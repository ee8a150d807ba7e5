//! A table that events were landed in, and that is gone, isn't made anew without them.

use serde_json::json;

use super::proposals::check;
use super::schemas::{create, describe, insert, optional, required, topic};
use crate::commands::done;
use crate::support::World;

async fn waits_until_it_is_told_otherwise(name: &str, made_by_us: bool) {
    let mut world = World::new(name, 1).await;
    create(&mut world);
    let topic = topic(&mut world, "made", 1).await;
    let list = [required("id", "int64"), optional("name", "string")];
    let row = |id: i64| insert("made", &list, json!({ "id": id, "name": "n" }));
    if !made_by_us {
        let sql = "CREATE TABLE made (id bigint PRIMARY KEY, name text)";
        world.db.batch_execute(sql).await.unwrap();
    }
    world.kafka.produce(&topic, &[row(1), row(2)]).await;
    world.catch_up().await;
    world.db.batch_execute("DROP TABLE made").await.unwrap();
    world.kafka.produce(&topic, &[row(3)]).await;
    let worker = world.run();
    worker
        .says(&[
            "table public.made does not exist any more",
            "landfall forget",
        ])
        .await;
    let sql = "SELECT count(*) FROM pg_tables WHERE tablename = 'made'";
    assert_eq!(world.count(sql).await, 0);
    worker.stop().await;
    // `check` says what `run` says, and prints nothing that would make it anew
    let gone = "table public.made does not exist any more";
    let (code, ddl, findings) = check(&world.config_file(), &["--ddl"]);
    assert_eq!(code, Some(1), "{findings}");
    assert!(
        findings.contains(gone) && ddl.contains(gone),
        "{findings}{ddl}"
    );
    assert!(!ddl.contains("CREATE TABLE"), "{ddl}");
    done(&world, &format!("forget --topic {topic}"));
    world.catch_up().await;
    assert_eq!(describe(&world, "made").await[0], "id bigint not null");
    assert_eq!(world.count("SELECT count(*) FROM made").await, 3);
}

#[tokio::test]
async fn a_table_that_was_made_and_is_dropped_waits_and_is_made_once_its_topic_is_forgotten() {
    waits_until_it_is_told_otherwise("evolve_dropped", true).await;
}

#[tokio::test]
async fn a_table_that_was_there_and_is_dropped_waits_and_is_made_once_its_topic_is_forgotten() {
    waits_until_it_is_told_otherwise("evolve_dropped_own", false).await;
}
