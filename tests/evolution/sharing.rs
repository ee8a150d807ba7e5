//! Topics that share a table which isn't there.

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required};
use crate::commands::landfall;
use crate::support::World;
use crate::support::events;

#[tokio::test]
async fn a_table_of_several_topics_is_not_made_until_somebody_says_what_tells_their_rows_apart() {
    let mut world = World::new("evolve_sharing", 1).await;
    create(&mut world);
    let list = [
        required("id", "int64"),
        required("tenant", "int64"),
        optional("name", "string"),
    ];
    let topics: Vec<String> = (1..=2)
        .map(|tenant| format!("{}_{tenant}.public.shared", world.name))
        .collect();
    for (tenant, topic) in topics.iter().enumerate() {
        world.kafka.create_topic(topic, 1).await;
        let row = json!({ "id": 7, "tenant": tenant, "name": format!("of {tenant}") });
        world
            .kafka
            .produce(topic, &[insert("shared", &list, row)])
            .await;
        world.topics.push(topic.clone());
    }
    let found = landfall(&world, "check --json");
    let sharing = format!("several topics lead to it ({})", topics.join(", "));
    let mut problems = found.objects().into_iter();
    assert!(
        problems.any(|it| it["code"] == "evolution_impossible"
            && it["found"].as_str().is_some_and(|it| it.contains(&sharing))),
        "{}",
        found.text
    );
    let worker = world.run();
    worker
        .says(&[
            "table public.shared does not exist",
            &sharing,
            "key in a [[route]]",
        ])
        .await;
    // others go on
    world
        .kafka
        .produce(&world.topic, &events::history(20, 1))
        .await;
    world.until_count("SELECT count(*) FROM t", 20).await;
    let made = "SELECT count(*) FROM pg_tables WHERE tablename = 'shared'";
    assert_eq!(world.count(made).await, 0);
    assert_eq!(worker.stop().await.0, Some(0));
    world.set(
        "[route]",
        &format!("topic = '{}_.*'\nkey = ['tenant', 'id']", world.name),
    );
    world.set("[route]", "table = 'public.shared'");
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM shared").await, 2);
    let described = describe(&world, "shared").await;
    assert_eq!(described.last().unwrap(), "PRIMARY KEY (tenant, id)");
}
