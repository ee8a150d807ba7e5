//! However many letters there are, what is asked of them goes by an index.

use crate::commands::{done, landfall};
use crate::support::{World, events, eventually};

/// So many letters, of all states, tables, topics and reasons; a thousand of them of one key.
async fn put_aside(world: &World, letters: i64) {
    let sql = format!(
        "INSERT INTO landfall.dead_letters (event_id, state, topic, partition, \"offset\", table_name, operation, key, key_hash, old_key_hash, \
         reason, stage, message, attempts, first_failed_at, last_failed_at, consumer_group, dlq_topic, dlq_partition, dlq_offset) \
         SELECT gen_random_uuid(), CASE i % 10 WHEN 0 THEN 'replayed' WHEN 1 THEN 'discarded' ELSE 'parked' END, 'topic' || i % 3, i % 7, i, \
         'public.t' || i % 5, 'update', '{{\"id\":' || i || '}}', CASE WHEN i <= 1000 THEN 1 ELSE hashint8extended(i, 0) END, \
         CASE WHEN i % 100 = 0 THEN hashint8extended(i, 1) END, CASE i % 2 WHEN 0 THEN 'value' ELSE 'constraint' END, 'TASK_PUT', \
         'no', 1, now(), now(), 'g', '{}', 0, i FROM generate_series(1::bigint, {letters}) i",
        world.dead_letter_topic()
    );
    world.db.batch_execute(&sql).await.expect("letters");
}

/// How many letters were read in the order in which they lie, by sessions that have ended.
async fn count_scanned(world: &World) -> i64 {
    let sql = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'dead_letters' AND schemaname = 'landfall'";
    world
        .db
        .batch_execute("SELECT pg_stat_clear_snapshot()")
        .await
        .expect("fresh figures");
    world.count(sql).await
}

#[tokio::test]
async fn with_many_letters_nothing_that_is_asked_of_them_looks_through_all() {
    let mut world = World::new("many_letters", 2).await;
    world.migrate().await;
    world.catch_up().await;
    put_aside(&world, 200_000).await;
    // what Postgres takes the table to hold is another matter each time
    for analyze in ["", "ANALYZE landfall.dead_letters"] {
        world.db.batch_execute(analyze).await.expect("figures");
        let before = count_scanned(&world).await;

        let listed = done(&world, "dlq list");
        assert!(
            listed.text.contains("at least 10000 more"),
            "{}",
            listed.text
        );
        for filter in [
            "--table public.t3",
            "--topic topic2",
            "--reason value",
            "--table public.t1 --reason value",
            "--topic none",
        ] {
            done(&world, &format!("dlq list {filter}"));
        }
        let page = done(&world, "dlq list --json --limit 2500").all("id");
        assert_eq!(page.len(), 2500);
        let id = &page[2400];
        let shown = done(&world, &format!("dlq show {id} --json"));
        assert!(shown.text.contains("no longer holds it"), "{}", shown.text);
        done(&world, "dlq show 3");
        landfall(&world, &format!("dlq replay --id {id}"));
        landfall(&world, "dlq replay --limit 3 --dry-run");
        let events = if analyze.is_empty() {
            events::history(500, 1)
        } else {
            events::history(500, 2)
        };
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        done(&world, &format!("dlq discard --id {id} --yes"));
        done(&world, &format!("forget --topic {}", world.topic));

        assert_eq!(count_scanned(&world).await - before, 0, "{analyze}");
    }
    // nobody has counted them since, and none is parked any more
    let settle = "UPDATE landfall.dead_letters SET state = 'discarded' WHERE state = 'parked'";
    world.db.batch_execute(settle).await.expect(settle);
    let before = count_scanned(&world).await;
    world.set("apply", "batch_rows = 50");
    world
        .kafka
        .produce(&world.topic, &events::history(500, 3))
        .await;
    world.catch_up().await;
    done(&world, "dlq list");
    assert_eq!(count_scanned(&world).await - before, 0);
}

#[tokio::test]
async fn indexes_of_many_letters_that_are_missing_are_built_beside_the_lanes() {
    let world = World::new("letter_indexes", 1).await;
    world.migrate().await;
    let usable = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
        WHERE i.indrelid = 'landfall.dead_letters'::regclass AND i.indisvalid";
    let all = world.count(usable).await;
    let drop = "DO $$ DECLARE i record; BEGIN FOR i IN SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid \
        WHERE x.indrelid = 'landfall.dead_letters'::regclass AND c.relname ~ '_(id|table|topic|reason|source|key)$' AND c.relname !~ '(old_key|parked|event_id_key)$' \
        LOOP EXECUTE 'DROP INDEX landfall.' || i.relname; END LOOP; END $$";
    world
        .db
        .batch_execute(drop)
        .await
        .expect("as before an upgrade");
    assert!(world.count(usable).await <= all - 6);
    // too many to be built while writers wait
    put_aside(&world, 60_000).await;
    // somebody who is at writing letters
    let other = crate::support::world::connect(&world.database_url).await;
    let hold = "BEGIN; UPDATE landfall.dead_letters SET attempts = 2 WHERE id = 1";
    other.batch_execute(hold).await.expect("it writes");

    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(20, 1))
        .await;
    world.until_count("SELECT count(*) FROM t", 20).await;
    other.batch_execute("COMMIT").await.expect("it ends");
    eventually("they are built", async || {
        (world.count(usable).await == all).then_some(())
    })
    .await;
    worker.says(&["created indexes of dead_letters"]).await;
}
