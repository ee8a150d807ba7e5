//! What a column was made with holds nobody up once its events are otherwise.

use serde_json::json;

use super::proposals::check;
use super::schemas::{create, describe, insert, optional, required, topic};
use crate::support::World;
use crate::support::world::locking_at;

#[tokio::test]
async fn a_column_of_a_table_that_landfall_made_takes_null_once_its_events_do() {
    let mut world = World::new("evolve_loose", 1).await;
    create(&mut world);
    let topic = topic(&mut world, "made", 1).await;
    let list = [required("id", "int64"), required("name", "string")];
    let row = json!({ "id": 1, "name": "n" });
    world
        .kafka
        .produce(&topic, &[insert("made", &list, row)])
        .await;
    world.catch_up().await;
    assert_eq!(describe(&world, "made").await[1], "name text not null");
    let list = [required("id", "int64"), optional("name", "string")];
    let row = json!({ "id": 2, "name": null });
    world
        .kafka
        .produce(&topic, &[insert("made", &list, row)])
        .await;
    let (code, ddl, findings) = check(&world.config_file(), &["--ddl"]);
    assert_eq!(code, Some(0), "{findings}");
    let loosens = r#"ALTER TABLE "public"."made" ALTER COLUMN "name" DROP NOT NULL;"#;
    assert!(ddl.lines().any(|line| line == loosens), "{ddl}");
    assert!(
        findings.contains("`run` would alter table public.made"),
        "{findings}"
    );
    world.catch_up().await;
    assert_eq!(describe(&world, "made").await[1], "name text");
    // the column is gone at the source
    let list = [required("id", "int64")];
    world
        .kafka
        .produce(&topic, &[insert("made", &list, json!({ "id": 3 }))])
        .await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM made WHERE name IS NULL")
            .await,
        2
    );
}

#[tokio::test]
async fn a_row_without_a_column_has_no_zero_there_that_only_a_converter_named() {
    let mut world = World::new("evolve_zero", 1).await;
    create(&mut world);
    let topic = topic(&mut world, "zero", 1).await;
    // as Debezium tells each column that takes no null, whatever its default is at the source
    let mut count = required("count", "int64");
    count.2["default"] = json!(0);
    let list = [required("id", "int64"), count];
    let row = json!({ "id": 1, "count": 7 });
    world
        .kafka
        .produce(&topic, &[insert("zero", &list, row)])
        .await;
    world.catch_up().await;
    assert_eq!(
        describe(&world, "zero").await[1],
        "count bigint not null default '0'::bigint"
    );
    let list = [required("id", "int64")];
    world
        .kafka
        .produce(&topic, &[insert("zero", &list, json!({ "id": 2 }))])
        .await;
    world.catch_up().await;
    assert_eq!(describe(&world, "zero").await[1], "count bigint");
    let without = "SELECT count(*) FROM zero WHERE count IS NULL AND id = 2";
    assert_eq!(world.count(without).await, 1);
}

#[tokio::test]
async fn a_column_that_a_person_made_without_null_stays_so() {
    let mut world = World::new("evolve_meant", 1).await;
    create(&mut world);
    let topic = topic(&mut world, "meant", 1).await;
    let sql = "CREATE TABLE meant (id bigint PRIMARY KEY, name text NOT NULL)";
    world.db.batch_execute(sql).await.unwrap();
    let list = [required("id", "int64"), optional("name", "string")];
    let rows = [
        json!({ "id": 1, "name": "n" }),
        json!({ "id": 2, "name": null }),
    ];
    let events = rows.map(|row| insert("meant", &list, row));
    world.kafka.produce(&topic, &events).await;
    let (_, ddl, findings) = check(&world.config_file(), &["--ddl"]);
    let loosens = r#"ALTER TABLE "public"."meant" ALTER COLUMN "name" DROP NOT NULL;"#;
    let told = format!("-- not run by itself, as Landfall didn't make the table: {loosens}");
    assert!(ddl.lines().any(|line| line == told), "{ddl}");
    assert!(!findings.contains("`run` would alter"), "{findings}");
    assert!(
        findings.contains("1 of 2 sampled events have a null there"),
        "{findings}"
    );
    world.catch_up().await;
    assert_eq!(describe(&world, "meant").await[1], "name text not null");
    assert_eq!(world.count("SELECT count(*) FROM meant").await, 1);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        1
    );
}

#[tokio::test]
async fn events_go_on_beside_a_column_that_cannot_be_widened() {
    let mut world = World::new("evolve_narrow", 1).await;
    create(&mut world);
    let topic = topic(&mut world, "narrow", 1).await;
    let sql = "CREATE TABLE narrow (id bigint PRIMARY KEY, count integer);
        CREATE VIEW seen AS SELECT count FROM narrow";
    world.db.batch_execute(sql).await.unwrap();
    let list = [
        required("id", "int64"),
        optional("count", "int64"),
        optional("added", "string"),
    ];
    let row = |id: i64| {
        insert(
            "narrow",
            &list,
            json!({ "id": id, "count": 7, "added": "a" }),
        )
    };
    world.kafka.produce(&topic, &[row(1)]).await;
    let worker = world.run();
    worker
        .says(&[
            "a column stays narrower",
            "ALTER COLUMN \\\"count\\\" TYPE bigint",
        ])
        .await;
    world
        .until_count("SELECT count(*) FROM narrow WHERE added = 'a'", 1)
        .await;
    // nobody waits for it any more
    let reading = locking_at(&world.database_url, "SELECT FROM narrow").await;
    world.kafka.produce(&topic, &[row(2)]).await;
    world
        .until_count("SELECT count(*) FROM narrow WHERE added = 'a'", 2)
        .await;
    reading.batch_execute("COMMIT").await.unwrap();
    let widened = worker
        .metric("landfall_ddl_statements_total", &["alter_type"])
        .await;
    assert_eq!(widened, 0.0);
}
