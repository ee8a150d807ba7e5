//! Several workers and lanes that find the same table missing.

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required, topic};
use crate::support::World;

#[tokio::test]
async fn workers_that_race_for_a_table_make_all_columns_of_their_schemas_once() {
    let mut world = World::new("evolve_race", 1).await;
    create(&mut world);
    let name = topic(&mut world, "raced", 8).await;
    world.set("[route]", &format!("topic = {name:?}"));
    world.set("[route]", "table = \"new.raced\"");
    // each partition has a schema of its own
    let columns: Vec<String> = (0..8).map(|partition| format!("c{partition}")).collect();
    let events: Vec<_> = (0..400_i64)
        .map(|id| {
            let partition = (id % 8) as i32;
            let own = &columns[partition as usize];
            let kind = if partition < 4 { "int32" } else { "int64" };
            let list = [
                required("id", "int64"),
                optional("size", kind),
                optional(own, "string"),
            ];
            let mut row = json!({ "id": id, "size": 1 });
            row[own] = "v".into();
            insert("raced", &list, row).on(partition)
        })
        .collect();
    world.kafka.produce(&name, &events).await;
    let workers = [world.run(), world.run()];
    world
        .until_count(
            "SELECT count(*) FROM pg_tables WHERE tablename = 'raced'",
            1,
        )
        .await;
    world
        .until_count("SELECT count(*) FROM new.raced", 400)
        .await;
    let mut described = describe(&world, "new.raced").await;
    described.sort();
    let mut expected = vec![
        "PRIMARY KEY (id)".to_owned(),
        "id bigint not null".to_owned(),
        "size bigint".to_owned(),
    ];
    expected.extend(columns.iter().map(|column| format!("{column} text")));
    expected.sort();
    assert_eq!(described, expected);
    for column in &columns {
        let filled = format!("SELECT count(*) FROM new.raced WHERE {column} = 'v'");
        assert_eq!(world.count(&filled).await, 50, "{column}");
    }
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        400
    );
    for worker in workers {
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0));
        assert!(!log.contains("ERROR"), "{log}");
    }
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
}
