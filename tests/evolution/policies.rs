//! What isn't allowed waits, with its remedy, and holds up nobody else.

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required, topic, until_column};
use crate::support::{World, events, eventually};

fn list() -> [super::schemas::FieldSchema<'static>; 3] {
    [
        required("id", "int64"),
        optional("version", "int64"),
        optional("added", "string"),
    ]
}

#[tokio::test]
async fn under_none_and_add_columns_a_missing_table_waits_until_somebody_creates_it() {
    let mut world = World::new("evolve_none", 1).await;
    world.set("apply", "schema_evolution = \"add_columns\"");
    let name = topic(&mut world, "absent", 1).await;
    world.set("[route]", &format!("topic = {:?}", world.topic.clone()));
    world.set("[route]", "table = \"public.t\"");
    world.set("[route]", "schema_evolution = \"none\"");
    let event = |table: &str| {
        insert(
            table,
            &list(),
            json!({ "id": 1, "version": 1, "added": "a" }),
        )
    };
    world.kafka.produce(&name, &[event("absent")]).await;
    world.kafka.produce(&world.topic, &[event("t")]).await;
    let worker = world.run();
    worker.says(&["table public.absent does not exist"]).await;
    worker
        .says(&["table public.t has no column added", "ADD COLUMN"])
        .await;
    world
        .db
        .batch_execute("CREATE TABLE absent (id bigint PRIMARY KEY)")
        .await
        .unwrap();
    until_column(&world, "absent", "added").await;
    world
        .until_count("SELECT count(*) FROM absent WHERE added = 'a'", 1)
        .await;
    assert!(
        !describe(&world, "t")
            .await
            .contains(&"added text".to_owned())
    );
    world
        .db
        .batch_execute("ALTER TABLE t ADD COLUMN added text")
        .await
        .unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE added = 'a'", 1)
        .await;
}

#[tokio::test]
async fn a_role_that_may_not_create_waits_alone_and_goes_on_once_it_may() {
    let mut world = World::new("evolve_role", 1).await;
    create(&mut world);
    world.migrate().await;
    world.set("postgres", "migrate = false");
    let role = world.name.clone();
    let grants = format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN;
         GRANT ALL ON t, audit TO {role}; GRANT USAGE ON SEQUENCE audit_seq_seq TO {role}; GRANT USAGE ON SCHEMA landfall TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landfall TO {role}"
    );
    world.db.batch_execute(&grants).await.unwrap();
    world.database_url = world.database_url.replace("postgres@", &format!("{role}@"));
    let name = topic(&mut world, "made", 1).await;
    let row = json!({ "id": 1, "version": 1, "added": "a" });
    world
        .kafka
        .produce(&name, &[insert("made", &list(), row)])
        .await;
    let worker = world.run();
    worker
        .says(&[
            "table public.made can't be given",
            "permission denied for schema public",
            "CREATE TABLE IF NOT EXISTS \"public\".\"made\"",
        ])
        .await;
    // the others go on
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    let (_, ready) = worker.get("/readyz").await;
    assert!(ready.contains("public.made"), "{ready}");
    let attempts = worker
        .metric("landfall_failed_attempts_total", &["systemic"])
        .await;
    assert!(attempts < 50.0, "{attempts} attempts: it spins");
    world
        .db
        .batch_execute(&format!("GRANT CREATE ON SCHEMA public TO {role}"))
        .await
        .unwrap();
    eventually("the table is made", async || {
        let sql = "SELECT count(*) FROM pg_tables WHERE tablename = 'made'";
        (world.count(sql).await == 1).then_some(())
    })
    .await;
    world.until_count("SELECT count(*) FROM made", 1).await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
    assert_eq!(worker.stop().await.0, Some(0));
    world
        .db
        .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_table_in_use_is_waited_for_and_others_go_on() {
    let mut world = World::new("evolve_locked", 1).await;
    create(&mut world);
    let name = topic(&mut world, "busy", 1).await;
    world
        .db
        .batch_execute("CREATE TABLE busy (id bigint PRIMARY KEY)")
        .await
        .unwrap();
    let reading = crate::support::world::locking_at(&world.database_url, "SELECT FROM busy").await;
    let row = json!({ "id": 1, "version": 1, "added": "a" });
    world
        .kafka
        .produce(&name, &[insert("busy", &list(), row)])
        .await;
    let worker = world.run();
    worker
        .says(&["table public.busy can't be given", "55P03"])
        .await;
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    reading.batch_execute("COMMIT").await.unwrap();
    until_column(&world, "busy", "added").await;
    world
        .until_count("SELECT count(*) FROM busy WHERE added = 'a'", 1)
        .await;
}

#[tokio::test]
async fn what_no_schema_tells_waits_and_names_the_command_that_proposes_it() {
    let mut world = World::new("evolve_untold", 1).await;
    create(&mut world);
    let name = topic(&mut world, "untold", 1).await;
    let event = events::insert_into("untold", 1, 1);
    world.kafka.produce(&name, &[event]).await;
    let worker = world.run();
    worker
        .says(&[
            "of public.untold",
            "nothing is guessed",
            "landfall check --ddl",
        ])
        .await;
    world
        .db
        .batch_execute("CREATE TABLE untold (id bigint PRIMARY KEY, version bigint, body text)")
        .await
        .unwrap();
    world.until_count("SELECT count(*) FROM untold", 1).await;
}

#[tokio::test]
async fn a_column_that_no_table_can_have_is_named_with_what_the_route_can_do() {
    let mut world = World::new("evolve_names", 1).await;
    create(&mut world);
    let name = topic(&mut world, "named", 1).await;
    let long = "n".repeat(64);
    let list = [
        required("id", "int64"),
        optional("ctid", "string"),
        optional(&long, "string"),
    ];
    let mut row = json!({ "id": 1, "ctid": "a" });
    row[&long] = "b".into();
    world
        .kafka
        .produce(&name, &[insert("named", &list, row)])
        .await;
    let worker = world.run();
    let line = worker
        .says(&[
            "no column of public.named can be called ctid",
            "rename",
            "exclude",
        ])
        .await;
    assert!(line.contains("it has 64 bytes"), "{line}");
    assert!(!line.contains("ADD COLUMN"), "{line}");
}

#[tokio::test]
async fn a_name_that_something_else_has_is_told_and_nothing_is_counted_as_made() {
    let mut world = World::new("evolve_taken", 1).await;
    create(&mut world);
    let name = topic(&mut world, "taken", 1).await;
    world
        .db
        .batch_execute("CREATE INDEX taken ON t (version)")
        .await
        .unwrap();
    let row = json!({ "id": 1, "version": 1, "added": "a" });
    world
        .kafka
        .produce(&name, &[insert("taken", &list(), row)])
        .await;
    let worker = world.run();
    worker
        .says(&["public.taken isn't what its statements make it", "index"])
        .await;
    let made = worker.metric("landfall_ddl_statements_total", &[]).await;
    assert_eq!(made, 0.0);
    world.db.batch_execute("DROP INDEX taken").await.unwrap();
    until_column(&world, "taken", "added").await;
    world.until_count("SELECT count(*) FROM taken", 1).await;
}
