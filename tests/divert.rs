//! `retry.when_unavailable = "dead_letter"`: events go to the dead letter topic while Postgres is away,
//! in order, and are still applied once and in order by whoever goes by the watermark.

use rdkafka::message::Message as _;

use crate::support::events::{delete, insert, partial, tombstone, update};
use crate::support::kafka::header;
use crate::support::own_postgres::OwnPostgres;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, eventually};

async fn world(test: &str, postgres: &OwnPostgres) -> World {
    let mut world = World::on(test, 1, &postgres.url()).await;
    world.set("retry", "when_unavailable = \"dead_letter\"");
    world.set("retry", "max_attempts = 2");
    world.set("retry", "initial_delay = \"20ms\"\nmax_delay = \"100ms\"");
    world
        .kafka
        .create_topic(&world.dead_letter_topic(), 1)
        .await;
    world
}

async fn until_published(world: &World, expected: usize) {
    eventually("the letters are published", async || {
        (world.published().await.len() >= expected).then_some(())
    })
    .await;
    assert_eq!(world.published().await.len(), expected);
}

async fn until_committed(world: &World, expected: i64) {
    eventually("the offsets are committed", async || {
        let committed = world.kafka.committed(world.group(), &world.topic, 1).await;
        (committed == [Some(expected)]).then_some(())
    })
    .await;
}

async fn until_tried(worker: &Worker, times: f64) {
    eventually("it was tried many times", async || {
        let attempts = worker
            .metric("landfall_failed_attempts_total", &["unavailable"])
            .await;
        (attempts >= times).then_some(())
    })
    .await;
}

const WATERMARK: &str = "SELECT next_offset FROM landfall.partitions";

/// A worker that has landed three rows, and then lost its Postgres.
async fn start_and_lose(world: &World, postgres: &OwnPostgres) -> Worker {
    let rows = [insert(1, 1, 1), insert(2, 2, 1), insert(3, 3, 1)];
    world.kafka.produce(&world.topic, &rows).await;
    let worker = world.run();
    eventually("the rows are there", async || {
        (world.count("SELECT count(*) FROM t").await == 3).then_some(())
    })
    .await;
    until_committed(world, 3).await;
    postgres.stop();
    worker
}

#[tokio::test]
async fn events_are_diverted_in_order_and_their_rows_appear_by_themselves() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = world("divert", &postgres).await;
    let worker = start_and_lose(&world, &postgres).await;
    let history: Vec<Event> = (0..100)
        .map(|n| update(10 + n, 1 + n % 3, 10 + n))
        .collect();
    for part in history.chunks(30) {
        world.kafka.produce(&world.topic, part).await;
    }
    until_published(&world, 100).await;
    until_committed(&world, 103).await;
    worker.says(&["events go to the dead letter topic"]).await;
    assert_eq!(worker.get("/readyz").await.0, 503);
    for (n, letter) in world.published().await.iter().enumerate() {
        assert_eq!(
            header(letter, "landfall.reason").as_deref(),
            Some("unavailable")
        );
        let offset = header(letter, "__connect.errors.offset");
        assert_eq!(offset, Some((n + 3).to_string()), "in order");
        assert_eq!(letter.payload(), history[n].value.as_deref());
    }

    postgres.restart();
    world.reconnect().await;
    // nothing more comes, and yet they do
    world
        .until_count("SELECT count(*) FROM landfall.dead_letters", 100)
        .await;
    world.until_count(WATERMARK, 103).await;
    let in_order = "SELECT count(*) FROM (SELECT bool_and(\"offset\" = id + 2 AND dlq_offset = id - 1 AND reason = 'unavailable' AND state = 'parked') AS ok
                    FROM landfall.dead_letters) o WHERE ok";
    assert_eq!(world.count(in_order).await, 1);
    assert_eq!(
        world.rows().await,
        ["1 1 body 1 1", "2 1 body 2 1", "3 1 body 3 1"]
    );
    worker.says(&["going on"]).await;
    assert_eq!(worker.get("/readyz").await, (200, "ready\n".into()));

    // whole, partial, and one of another key
    let later = [update(500, 1, 500), partial(501, 2, 501), insert(502, 4, 1)];
    world.kafka.produce(&world.topic, &later).await;
    world.until_count(WATERMARK, 106).await;
    let states = "SELECT count(*) FROM (SELECT key::json ->> 'id' AS id, state, count(*) AS n FROM landfall.dead_letters GROUP BY 1, 2) s
                  WHERE (id, state, n) IN (('1', 'superseded', 34), ('2', 'parked', 34), ('3', 'parked', 33))";
    assert_eq!(world.count(states).await, 3, "{:?}", world.letters().await);
    assert_eq!(
        world.rows().await,
        [
            "1 500 body 1 500",
            "2 1 body 2 1",
            "3 1 body 3 1",
            "4 1 body 4 1"
        ]
    );
    assert_eq!(world.published().await.len(), 101, "the partial one");
    audit::assert_forward_only(&world.db).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn an_event_that_comes_with_the_end_of_the_outage_supersedes_what_was_diverted() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = world("divert_owed", &postgres).await;
    // it is stopped for as long as Postgres needs to start
    let patient = "\"session.timeout.ms\" = 45000".into();
    world.settings.insert("kafka.properties", vec![patient]);
    let worker = start_and_lose(&world, &postgres).await;
    let away = [
        update(10, 1, 10),
        update(11, 2, 11),
        delete(12, 3),
        tombstone(3),
        update(11, 2, 11),
    ];
    world.kafka.produce(&world.topic, &away).await;
    until_committed(&world, 8).await;
    let letters = world.published().await.len();
    assert!(
        (3..=4).contains(&letters),
        "{letters}, the tombstone belongs to the delete"
    );
    // nothing is read before Postgres is back, and what is owed is written with it at the latest
    worker.freeze();
    let later = [
        update(20, 1, 20),
        partial(21, 2, 21),
        insert(22, 3, 22),
        update(10, 1, 10),
    ];
    world.kafka.produce(&world.topic, &later).await;
    postgres.restart();
    world.reconnect().await;
    worker.thaw();
    world.until_count(WATERMARK, 12).await;
    let log = worker.log();
    assert_eq!(
        world.rows().await,
        ["1 20 body 1 20", "2 1 body 2 1", "3 22 body 3 22"],
        "{log}"
    );
    assert_eq!(
        world.letters().await,
        [
            "1 unavailable superseded",
            "2 unavailable parked",
            "3 unavailable superseded",
            "2 behind parked"
        ],
        "{log}"
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_worker_killed_during_the_outage_applies_every_event_from_kafka() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = world("divert_kill", &postgres).await;
    let worker = start_and_lose(&world, &postgres).await;
    let history: Vec<Event> = (0..60).map(|n| update(10 + n, 1 + n % 3, 10 + n)).collect();
    world.kafka.produce(&world.topic, &history).await;
    until_published(&world, 60).await;
    until_committed(&world, 63).await;
    worker.kill().await;

    let worker = world.run(); // while Postgres is still away
    worker.says(&["waiting"]).await;
    postgres.restart();
    world.reconnect().await;
    world.until_count(WATERMARK, 63).await;
    assert_eq!(
        world.rows().await,
        ["1 67 body 1 67", "2 68 body 2 68", "3 69 body 3 69"],
        "{}",
        worker.log()
    );
    assert_eq!(world.letters().await, [""; 0]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        63
    );
    assert_eq!(world.published().await.len(), 60, "none is published again");
    audit::assert_forward_only(&world.db).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn while_it_is_to_wait_nothing_is_diverted() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = world("divert_not", &postgres).await;
    world.settings.get_mut("retry").unwrap()[0] = "when_unavailable = \"wait\"".into();
    let worker = start_and_lose(&world, &postgres).await;
    world
        .kafka
        .produce(&world.topic, &[update(10, 1, 10)])
        .await;
    until_tried(&worker, 10.0).await;
    assert_eq!(
        world.kafka.committed(world.group(), &world.topic, 1).await,
        [Some(3)]
    );
    postgres.restart();
    world.reconnect().await;
    world
        .until_count("SELECT version FROM t WHERE id = 1", 10)
        .await;
    assert_eq!(world.published().await.len(), 0);
    assert_eq!(world.letters().await, [""; 0]);
}

/// The dead letter topic itself doesn't take anything: that is no outage of Postgres, and no reason
/// to send it what Postgres would take.
#[tokio::test]
async fn a_dead_letter_topic_that_takes_nothing_is_no_reason_to_divert_events() {
    let mut world = World::new("divert_kafka", 1).await;
    world.set("retry", "when_unavailable = \"dead_letter\"");
    world.set("retry", "max_attempts = 2\ninitial_delay = \"20ms\"");
    let topic = world.dead_letter_topic();
    world.kafka.create_topic(&topic, 1).await;
    let no_records = [("max.message.bytes", "1")];
    world.kafka.configure(&topic, &no_records).await;
    let mut events = events::history(50, 1);
    events.push(events::broken(99));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker
        .says(&["can't publish to the dead letter topic"])
        .await;
    eventually("it was tried many times", async || {
        let of_letters = &["systemic"];
        let attempts = worker.metric("landfall_failed_attempts_total", of_letters);
        (attempts.await >= 3.0).then_some(())
    })
    .await;
    world.kafka.configure(&topic, &[]).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    world.until_count(letters, 1).await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 50);
    assert_eq!(
        world.letters().await,
        ["99 undecodable parked"],
        "{}",
        worker.log()
    );
    assert_eq!(worker.stop().await.0, Some(0));
}
