//! Upgrading and going back: the bookkeeping of a later Landfall, and what it says of who can go on with it.

use landfall::ledger::schema_version::current_version;
use serde_json::Value;

use crate::commands::{done, landfall};
use crate::support::worker::Worker;
use crate::support::{World, audit, events};

/// As if a later Landfall had upgraded the schema, to which it adds; `oldest_build`: whose builds can go on, as it says.
async fn upgrade_to_later(world: &World, oldest_build: i32) {
    let sql = format!(
        "ALTER TABLE landfall.partitions ADD COLUMN of_later text NOT NULL DEFAULT 'later';
         CREATE TABLE landfall.of_later (id bigint PRIMARY KEY);
         INSERT INTO landfall.migrations (version, name, oldest_build, applied_by) VALUES (9999, 'of_later', {oldest_build}, '9.9.9')"
    );
    world.db.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_build_goes_on_with_what_a_later_one_has_added_to_its_bookkeeping() {
    let mut world = World::new("later_additive", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let refuse = "ALTER TABLE t ADD CONSTRAINT small CHECK (version < 3)";
    world.db.batch_execute(refuse).await.unwrap();
    let before = [events::insert(1, 1, 1), events::update(2, 1, 3)];
    world.kafka.produce(&world.topic, &before).await;
    // a worker that runs when the schema is upgraded
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    world.until_count(letters, 1).await;
    upgrade_to_later(&world, current_version()).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(3, 2, 1)])
        .await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(worker.stop().await.0, Some(0));

    // and all that starts later, be it with the right to migrate or not
    world
        .kafka
        .produce(&world.topic, &[events::insert(4, 3, 1)])
        .await;
    world.catch_up().await;
    world.set("postgres", "migrate = false");
    world
        .kafka
        .produce(&world.topic, &[events::insert(5, 4, 1)])
        .await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 4);

    let check = landfall(&world, "check");
    assert!(check.text.contains("is at version 9999"), "{}", check.text);
    assert!(!check.text.contains("schema_too_new"), "{}", check.text);
    let status = done(&world, "status --json").objects();
    let versions = status
        .iter()
        .find(|line| line["kind"] == "versions")
        .unwrap();
    assert_eq!(versions["ledger_schema"], 9999);
    assert!(done(&world, "migrate").text.contains("is up to date"));
    world
        .db
        .batch_execute("ALTER TABLE t DROP CONSTRAINT small")
        .await
        .unwrap();
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    done(&world, "prune --dry-run");
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_bookkeeping_that_a_build_can_not_go_on_with_is_refused_with_what_to_do() {
    let mut world = World::new("later_other", 1).await;
    world.migrate().await;
    upgrade_to_later(&world, 9998).await;
    let says = |text: &str| {
        for word in [
            "Landfall 9.9.9",
            "version 9998",
            "use that Landfall or a later one",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    for migrate in ["true", "false"] {
        world
            .settings
            .insert("postgres", vec![format!("migrate = {migrate}")]);
        let mut worker = Worker::start(&["run"], &world.config_file(), &[]);
        assert_eq!(worker.wait().await, Some(1), "{}", worker.log());
        says(&worker.log());
    }
    for command in ["migrate", "migrate --no-way-back", "status", "dlq list"] {
        let answer = landfall(&world, command);
        assert_eq!(answer.code, Some(1), "{command}: {}", answer.text);
        says(&answer.error);
    }
    let check = landfall(&world, "check --json");
    let found = check.objects();
    let found: Option<&Value> = found.iter().find(|line| line["code"] == "schema_too_new");
    says(&found.unwrap_or(&Value::Null).to_string());
}

#[tokio::test]
async fn a_bookkeeping_of_0_1_is_upgraded_unasked_to_one_that_0_1_goes_on_with() {
    let mut world = World::new("of_0_1", 1).await;
    crate::evolution::schemas::create(&mut world);
    world.migrate().await;
    let told = "SELECT count(*) FROM landfall.migrations WHERE oldest_build IS NOT NULL AND applied_by IS NOT NULL";
    let all = "SELECT count(*) FROM landfall.migrations";
    assert_eq!(world.count(told).await, world.count(all).await);
    // as 0.1 has left it, with a table that it has made
    let former = "ALTER TABLE landfall.migrations DROP COLUMN oldest_build, DROP COLUMN applied_by;
        DROP TABLE landfall.made_columns;
        DELETE FROM landfall.migrations WHERE name = 'made_columns';
        CREATE TABLE made (id bigint PRIMARY KEY, name text NOT NULL);
        INSERT INTO landfall.destination_tables (schema_name, table_name, made_oid)
        VALUES ('public', 'made', 'public.made'::regclass)";
    world.db.batch_execute(former).await.unwrap();

    world.catch_up().await;
    assert_eq!(world.count(told).await, 1);
    let made = "SELECT count(*) FROM landfall.made_columns WHERE (table_name, relation) = ('made', 'made'::regclass)";
    assert_eq!(world.count(made).await, 2);
    // which looks at nothing but the highest number
    let highest = "SELECT max(version)::int8 FROM landfall.migrations";
    assert_eq!(world.count(highest).await, 32);
}
