//! Very large records, and very many tables.

use std::time::{Duration, Instant};

use rdkafka::Message as _;
use serde_json::json;

use crate::support::events::{change_of, insert_into};
use crate::support::kafka::header;
use crate::support::own_postgres::OwnPostgres;
use crate::support::worker::Worker;
use crate::support::{Event, World};

const LARGE: usize = 45 << 20;
const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_45_megabytes_land_and_one_that_is_refused_leaves_a_letter_without_its_value() {
    let world = World::new("soak_large", 2).await;
    let most = [("max.message.bytes", "60000000")];
    world.kafka.configure(&world.topic, &most).await;
    let body = "x".repeat(LARGE);
    let large = |id: i64, version: Option<i64>| {
        let row = json!({ "id": id, "version": version, "body": body });
        change_of("t", "c", 1_000_000 + id, json!({ "id": id }), Some(row))
    };
    for id in 1..=6 {
        let version = (id != 3).then_some(1);
        world
            .kafka
            .produce(&world.topic, &[large(id, version)])
            .await;
    }
    let since = Instant::now();
    world.catch_up().await;
    let took = since.elapsed().as_secs_f64();
    println!(
        "five records of {LARGE} bytes, and one that is refused: {took:.1} s from the start to the end"
    );
    let whole = format!("SELECT count(*) FROM t WHERE length(body) = {LARGE}");
    assert_eq!(world.count(&whole).await, 5);
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].payload().is_none());
    let left_out = header(&letters[0], "landfall.left.out.bytes");
    assert!(left_out.is_some_and(|bytes| bytes.parse::<usize>().unwrap() > LARGE));
}

/// Makes so many tables, a thousand in a transaction: each of them is locked until its end.
async fn make_tables(world: &World, tables: i64) {
    for first in (1..=tables).step_by(1_000) {
        let last = tables.min(first + 999);
        let make = format!(
            "DO $$ BEGIN FOR n IN {first}..{last} LOOP
               EXECUTE format('CREATE TABLE m%s (id bigint PRIMARY KEY, version bigint NOT NULL, body text)', n);
             END LOOP; END $$"
        );
        world.db.batch_execute(&make).await.unwrap();
    }
}

/// The rows of all of them, a thousand tables at a time.
async fn count_rows(world: &World, tables: i64) -> i64 {
    let mut rows = 0;
    for first in (1..=tables).step_by(1_000) {
        let counts: Vec<String> = (first..=tables.min(first + 999))
            .map(|n| format!("(SELECT count(*) FROM m{n})"))
            .collect();
        rows += world.count(&format!("SELECT {}", counts.join(" + "))).await;
    }
    rows
}

/// Longer than other tests wait.
async fn until_applied(world: &World, events: i64) {
    let since = Instant::now();
    let applied = "SELECT count(*) FROM landfall.processed_events";
    loop {
        let there = world.db.query_one(applied, &[]).await;
        let there = there.map_or(0, |row| row.get::<_, i64>(0));
        if there == events {
            return;
        }
        let waits = since.elapsed() < LONG;
        assert!(waits, "{there} of {events} events after {LONG:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lands two rows for each of so many tables, through topics with as many partitions as there are `partitions`.
async fn land_tables(test: &str, tables: i64, topics: usize, lanes: &[usize]) {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on(test, 4, &postgres.url()).await;
    let more = (1..topics).map(|n| format!("{}.public.more{n}", world.name));
    let more: Vec<String> = more.collect();
    if !more.is_empty() {
        world.kafka.create_topics(&more, 4).await;
    }
    world.topics.extend(more);
    make_tables(&world, tables).await;
    for (topic, nth) in world.topics.iter().zip(0..) {
        let own = (1..=tables).filter(|n| n % topics as i64 == nth);
        let row = |n: i64| (1..=2).map(move |id| insert_into(&format!("m{n}"), id, 1));
        let events: Vec<Event> = own.flat_map(row).collect();
        world.kafka.produce(topic, &events).await;
    }
    for lanes in lanes {
        let lanes = lanes.to_string();
        let (set, file) = (
            [("LANDFALL_APPLY__LANES", lanes.as_str())],
            world.config_file(),
        );
        let since = Instant::now();
        let worker = Worker::start(&["run"], &file, &set);
        until_applied(&world, 2 * tables).await;
        let took = since.elapsed().as_secs_f64();
        println!(
            "{tables} tables through {} partitions with {lanes} lanes: {took:.1} s from the start",
            4 * topics
        );
        worker.stop().await;
        assert_eq!(count_rows(&world, tables).await, 2 * tables);
        let letters = "SELECT count(*) FROM landfall.dead_letters";
        assert_eq!(world.count(letters).await, 0);
        // for the next one, from the beginning
        let empty = format!(
            "DO $$ BEGIN FOR n IN 1..{tables} LOOP
               EXECUTE format('DELETE FROM m%s', n); IF n % 1000 = 0 THEN COMMIT; END IF;
             END LOOP; END $$"
        );
        world.db.batch_execute(&empty).await.unwrap();
        world
            .db
            .batch_execute("DROP SCHEMA landfall CASCADE")
            .await
            .unwrap();
    }
    for topic in &world.topics {
        world.kafka.delete_topic(topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_thousand_tables_land_with_postgres_own_settings_at_one_lane_and_at_four() {
    land_tables("soak_tables", 16_000, 1, &[1, 4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tables_land_through_two_thousand_partitions() {
    land_tables("soak_topics", 10_000, 500, &[4]).await;
}
