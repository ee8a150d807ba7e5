//! What comes first of a table is that a row is gone.

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required, topic, with_schemas};
use crate::support::World;
use crate::support::events::change_of;

#[tokio::test]
async fn a_removal_that_comes_first_makes_the_table_with_its_key_and_the_first_row_adds_the_rest() {
    let mut world = World::new("evolve_removed", 1).await;
    create(&mut world);
    let name = topic(&mut world, "removed", 1).await;
    let list = [
        required("id", "int64"),
        optional("name", "string"),
        required("size", "int32"),
    ];
    let delete = change_of("removed", "d", 10, json!({ "id": 1 }), None);
    let tombstone = crate::support::Event {
        value: None,
        ..with_schemas(delete.clone(), &list)
    };
    let removals = [with_schemas(delete, &list), tombstone];
    world.kafka.produce(&name, &removals).await;
    world.catch_up().await;
    let key_alone = ["id bigint not null", "PRIMARY KEY (id)"];
    assert_eq!(describe(&world, "removed").await, key_alone);
    let row = json!({ "id": 2, "name": "n", "size": 3 });
    world
        .kafka
        .produce(&name, &[insert("removed", &list, row)])
        .await;
    world.catch_up().await;
    assert_eq!(
        describe(&world, "removed").await,
        [
            "id bigint not null",
            "name text",
            "size integer",
            "PRIMARY KEY (id)"
        ]
    );
    let landed = "SELECT count(*) FROM removed WHERE id = 2 AND name = 'n' AND size = 3";
    assert_eq!(world.count(landed).await, 1);
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0);
}
