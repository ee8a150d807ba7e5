//! Tables that aren't there yet, and a row that somebody holds.

use serde_json::json;

use crate::support::events::{change_of, insert_into};
use crate::support::world::locking_at;
use crate::support::{World, audit, events, eventually};

#[tokio::test]
async fn a_topic_that_appears_under_a_running_worker_and_has_no_table_stops_itself_alone() {
    let mut world = World::new("appears", 4).await;
    world.topics = vec![format!("^{}[.]public[.].*", world.name)];
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(100, 1))
        .await;
    world.until_count("SELECT count(*) FROM t", 100).await;
    let new = format!("{}.public.new", world.name);
    world.kafka.create_topic(&new, 4).await;
    let rows: Vec<_> = (1..=50).map(|id| insert_into("new", id, 1)).collect();
    world.kafka.produce(&new, &rows).await;
    eventually("/readyz names the table", async || {
        let (status, reasons) = worker.get("/readyz").await;
        let named = reasons.contains("table public.new does not exist");
        (status == 503 && named).then_some(())
    })
    .await;
    let newer = events::history(100, 2).split_off(100);
    world.kafka.produce(&world.topic, &newer).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 100)
        .await;
    audit::create_table(&world.db, "new").await;
    world.until_count("SELECT count(*) FROM new", 50).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        0
    );
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn an_event_that_is_alone_in_its_batch_waits_for_its_row_and_is_no_letter() {
    let mut world = World::new("alone", 2).await;
    world.set("retry", "max_attempts = 1\nmax_delay = \"200ms\"");
    let first = [0, 1].map(|n| events::insert(1, 10 + n, 1).on(n as i32));
    world.kafka.produce(&world.topic, &first).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    let lock = "SELECT FROM t WHERE id = 10 FOR UPDATE";
    let rival = locking_at(&world.database_url, lock).await;
    let held = [events::update(2, 10, 2).on(0)];
    world.kafka.produce(&world.topic, &held).await;
    eventually("/readyz says that it waits", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains("(locked)")).then_some(())
    })
    .await;
    // more than one attempt
    let failed = async || {
        let attempts = "landfall_failed_attempts_total";
        worker.metric(attempts, &["locked"]).await
    };
    let before = failed().await;
    eventually("it is tried again", async || {
        (failed().await >= before + 2.0).then_some(())
    })
    .await;
    let other = [events::update(3, 11, 2).on(1)];
    world.kafka.produce(&world.topic, &other).await;
    let landed = "SELECT count(*) FROM t WHERE id = 11 AND version = 2";
    world.until_count(landed, 1).await;
    rival.batch_execute("COMMIT").await.unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 2)
        .await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_delete_and_an_update_of_part_of_a_row_lock_only_the_partition_concerned() {
    let world = World::new("forty_days", 1).await;
    let tables = "CREATE TABLE p (id bigint, day date, note text, doc text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE format(
            'CREATE TABLE p_%s PARTITION OF p FOR VALUES FROM (%L) TO (%L)', n, date '2026-01-01' + n, date '2026-01-02' + n);
        END LOOP; END $$;
        INSERT INTO p SELECT n, '2026-01-06', 'old', 'old' FROM generate_series(1, 3) n";
    world.sql(tables).await;
    let worker = world.run();
    let key = |id: i64| json!({ "id": id, "day": "2026-01-06" });
    let part = json!({ "id": 2, "day": "2026-01-06", "note": "new", "doc": "__debezium_unavailable_value" });
    let events = [
        change_of("p", "d", 1, key(1), None),
        change_of("p", "u", 2, key(2), Some(part)),
    ];
    for (id, event) in (1..).zip(events) {
        let lock = format!("SELECT FROM p WHERE id = {id} FOR UPDATE");
        let rival = locking_at(&world.database_url, &lock).await;
        world.kafka.produce(&world.topic, &[event]).await;
        let locked = "SELECT count(DISTINCT a.pid), count(DISTINCT c.oid) FROM pg_stat_activity a
            JOIN pg_locks l ON l.pid = a.pid JOIN pg_class c ON c.oid = l.relation
            WHERE a.datname = current_database() AND a.application_name = 'landfall'
              AND a.wait_event_type = 'Lock' AND c.relname ~ '^p_[0-9]+'";
        let relations = eventually("it waits for the row", async || {
            let row = world.db.query_one(locked, &[]).await.unwrap();
            (row.get::<_, i64>(0) == 1).then(|| row.get::<_, i64>(1))
        })
        .await;
        // the partition and its index
        assert!(relations <= 2, "{relations}");
        rival.batch_execute("COMMIT").await.unwrap();
        let applied = "SELECT count(*) FROM landfall.processed_events";
        world.until_count(applied, id).await;
    }
    let left =
        "SELECT count(*) FROM p WHERE (id, note, doc) IN ((2, 'new', 'old'), (3, 'old', 'old'))";
    assert_eq!(world.count(left).await, 2);
    assert_eq!(world.count("SELECT count(*) FROM p").await, 2);
    assert_eq!(worker.stop().await.0, Some(0));
}
