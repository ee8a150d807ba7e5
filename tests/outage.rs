//! Postgres or Kafka away: nothing is lost, nothing is dead-lettered, and it says what it waits for.

use std::time::Duration;

use crate::support::own_postgres::OwnPostgres;
use crate::support::worker::Worker;
use crate::support::{World, audit, events};

#[tokio::test]
async fn postgres_stopped_for_twenty_seconds_is_waited_for_without_a_dead_letter() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on("outage", 2, &postgres.url()).await;
    world.set("apply", "batch_rows = 100");
    let worker = world.run();
    let history = events::history(500, 6);
    world.kafka.produce(&world.topic, &history[..1000]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 500)
        .await;

    postgres.stop();
    world.kafka.produce(&world.topic, &history[1000..]).await;
    worker.says(&["waiting", "Postgres"]).await;
    let (status, reasons) = worker.get("/readyz").await;
    assert_eq!(
        (status, reasons.contains("unavailable")),
        (503, true),
        "{reasons}"
    );
    // the length of the outage is the point here
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(worker.get("/healthz").await.0, 200);
    postgres.restart();

    world.reconnect().await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 500)
        .await;
    worker.says(&["going on"]).await;
    assert_eq!(worker.get("/readyz").await, (200, "ready\n".into()));
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
    assert!(
        !worker.log().contains("partitions given up"),
        "it never left the group:\n{}",
        worker.log()
    );
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_table_that_is_missing_stops_the_lane_until_it_is_created() {
    let world = World::new("no_table", 1).await;
    world
        .db
        .batch_execute("ALTER TABLE t RENAME TO later")
        .await
        .unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(50, 2))
        .await;
    let worker = world.run();
    worker
        .says(&["stopped taking in", "table public.t does not exist"])
        .await;
    assert_eq!(worker.get("/readyz").await.0, 503);
    world
        .db
        .batch_execute("ALTER TABLE later RENAME TO t")
        .await
        .unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 50)
        .await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
}

#[tokio::test]
async fn a_column_added_to_the_table_is_noticed() {
    let world = World::new("new_column", 1).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let row = serde_json::json!({ "id": 2, "version": 1, "body": "b", "extra": 7 });
    world
        .kafka
        .produce(&world.topic, &[events::change("c", 2, 2, Some(row))])
        .await;
    worker.says(&["has no column extra", "ADD COLUMN"]).await;
    world
        .db
        .batch_execute("ALTER TABLE t ADD COLUMN extra smallint")
        .await
        .unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE extra = 7", 1)
        .await;
}

/// The events before the one with the new column must not be written by what was known of the table
/// before: a row that is inserted first and deleted later would be deleted first and stay.
#[tokio::test]
async fn a_column_added_in_the_middle_of_a_batch_changes_no_order() {
    let world = World::new("new_column_order", 1).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let row = serde_json::json!({ "id": 3, "version": 1, "body": "b", "extra": 7 });
    let batch = [
        events::insert(10, 2, 1),
        events::change("c", 11, 3, Some(row)),
        events::delete(12, 2),
        events::tombstone(2),
    ];
    world.kafka.produce(&world.topic, &batch).await;
    worker.says(&["has no column extra", "ADD COLUMN"]).await;
    world
        .db
        .batch_execute("ALTER TABLE t ADD COLUMN extra smallint")
        .await
        .unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE extra = 7", 1)
        .await;
    assert_eq!(world.count("SELECT count(*) FROM t WHERE id = 2").await, 0);
}

#[tokio::test]
async fn a_value_that_fits_since_its_column_was_altered_is_no_dead_letter() {
    let world = World::new("altered", 1).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    world
        .db
        .batch_execute("ALTER TABLE t ADD COLUMN seen bytea")
        .await
        .unwrap();
    let event = |lsn: i64, id: i64, seen: &str| {
        let row = serde_json::json!({ "id": id, "version": 1, "body": "b", "seen": seen });
        events::change("c", lsn, id, Some(row))
    };
    world
        .kafka
        .produce(&world.topic, &[event(2, 2, "AAE=")])
        .await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    world
        .db
        .batch_execute("ALTER TABLE t ALTER seen TYPE text USING encode(seen, 'base64')")
        .await
        .unwrap();
    world
        .kafka
        .produce(&world.topic, &[event(3, 3, "not base64!")])
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE seen = 'not base64!'", 1)
        .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_deadlock_with_a_rival_is_retried() {
    let world = World::new("deadlock", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(2, 1))
        .await;
    world.catch_up().await;
    let rival = crate::support::world::connect(&world.database_url).await;
    rival
        .batch_execute(
            "SET deadlock_timeout = '1h'; BEGIN; UPDATE t SET body = 'rival' WHERE id = 2",
        )
        .await
        .unwrap();
    world
        .kafka
        .produce(
            &world.topic,
            &[events::update(70, 1, 7), events::update(71, 2, 7)],
        )
        .await;
    let worker = world.run();
    // the worker holds row 1 and waits for row 2; now the rival waits for row 1: the worker's
    // deadlock check, the only one that runs soon, ends the worker's transaction
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    world.until_count(waits, 1).await;
    rival
        .batch_execute("UPDATE t SET body = 'rival' WHERE id = 1; COMMIT")
        .await
        .unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 7", 2)
        .await;
    worker.says(&["tried again", "40P01"]).await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
}

#[tokio::test]
async fn kafka_and_postgres_out_of_reach_at_start_are_named_and_waited_for() {
    let world = World::new("unreachable", 1).await;
    let config = world.config_file_for("postgres://landfall:s3cret@127.0.0.1:9/nowhere");
    let worker = Worker::start(
        &["run"],
        &config,
        &[("LANDFALL_KAFKA__BROKERS", "127.0.0.1:9")],
    );
    let line = worker.says(&["waiting", "127.0.0.1:9/nowhere"]).await;
    assert!(line.contains("refused"), "{line}");
    assert!(!worker.log().contains("s3cret"), "{}", worker.log());
    assert_eq!(worker.get("/readyz").await.0, 503);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_role_that_may_only_write_lands_events_once_an_owner_has_migrated() {
    let mut world = World::new("lesser_role", 1).await;
    world.set("postgres", "migrate = false");
    let worker = world.run();
    worker.says(&["run `landfall migrate`"]).await;
    drop(worker);
    world.migrate().await;
    let role = world.name.clone();
    let grants = format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON t, audit TO {role}; GRANT USAGE ON SEQUENCE audit_seq_seq TO {role};
         GRANT USAGE ON SCHEMA landfall TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landfall TO {role}"
    );
    world.db.batch_execute(&grants).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(50, 3))
        .await;
    world.database_url = world.database_url.replace("postgres@", &format!("{role}@"));
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 3")
            .await,
        50
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        150
    );
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    world.db.batch_execute(&drop).await.unwrap();
}

#[tokio::test]
async fn a_table_that_somebody_keeps_locked_costs_time_and_no_dead_letters() {
    let mut world = World::new("contended", 1).await;
    world.set("retry", "max_attempts = 2\ninitial_delay = \"10ms\"");
    // what every write meets while somebody holds the table: the lock timeout, without its ten seconds
    let sql = "CREATE FUNCTION locked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'locked' USING ERRCODE = '55P03'; END $$;
               CREATE TRIGGER locked BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION locked()";
    world.db.batch_execute(sql).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(60, 1))
        .await;
    let worker = world.run();
    worker.says(&["a partition waits", "verdict=locked"]).await;
    crate::support::eventually("it was tried more than once", async || {
        let waited = worker
            .metric("landfall_failed_attempts_total", &["locked"])
            .await;
        (waited >= 3.0).then_some(())
    })
    .await;
    world
        .db
        .batch_execute("DROP TRIGGER locked ON t")
        .await
        .unwrap();
    world.until_count("SELECT count(*) FROM t", 60).await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
    assert_eq!(worker.stop().await.0, Some(0));
}
