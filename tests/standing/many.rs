//! Many topics, some of whose tables are broken in five ways: the others land, and looking after the broken ones is cheap.

use std::time::Instant;

use super::{goes_on, stand_still};
use crate::support::crowd::Crowd;
use crate::support::events::insert_into;
use crate::support::{World, audit, events, eventually};

#[tokio::test]
async fn with_ten_of_114_tables_broken_in_five_ways_all_rows_of_the_others_land() {
    let crowd = Crowd::set_up("broken_ten", 114, 10, 20).await;
    let rival = crowd.break_tables().await;
    let worker = crowd.world.run();
    crowd.are_landed(false).await;
    for (number, name) in crowd.names[..10].iter().enumerate() {
        let (why, what) = match number % 5 {
            0 => ("(systemic)", format!("table public.{name} does not exist")),
            1 => ("(systemic)", format!("public.{name} has no column body")),
            2 => ("(systemic)", format!("permission denied for table {name}")),
            3 => ("(locked)", format!("public.{name} is locked by session")),
            _ => (
                "(systemic)",
                format!("no partition of relation \"{name}\" found"),
            ),
        };
        stand_still(&worker, 1, &[&format!(".{name}[0]"), why, &what]).await;
    }
    stand_still(&worker, 10, &["["]).await;
    crowd.mend_tables(rival).await;
    crowd.are_landed(true).await;
    goes_on(&crowd.world, worker).await;
    crowd.take_down().await;
}

#[tokio::test]
async fn a_table_that_is_missing_is_looked_for_once_for_all_of_its_partitions() {
    let mut world = World::new("missing_for_many", 1).await;
    world.set_lanes(1);
    let topics: Vec<String> = (1..=25)
        .map(|n| format!("{}.public.gone{n}", world.name))
        .collect();
    world.kafka.create_topics(&topics, 1).await;
    for (id, topic) in topics.iter().enumerate() {
        let row = [insert_into("gone", id as i64, 1)];
        world.kafka.produce(topic, &row).await;
    }
    world.topics.extend(topics);
    let worker = world.run();
    stand_still(&worker, 25, &["gone", "(systemic)"]).await;
    let failed = async || {
        let attempts = "landfall_failed_attempts_total";
        worker.metric(attempts, &["systemic"]).await
    };
    // each has been tried by itself
    let begun = eventually("all have been tried", async || {
        let failed = failed().await;
        (failed >= 26.0).then_some(failed)
    })
    .await;
    let since = Instant::now();
    let tried = eventually("some are tried again", async || {
        let tried = failed().await - begun;
        (tried >= 5.0).then_some(tried)
    })
    .await;
    // dead_letter.breaker.open
    let looks = since.elapsed().as_secs_f64() / 0.3;
    assert!(tried <= looks + 2.0, "{tried} tries, {looks} times");
    world
        .kafka
        .produce(&world.topic, &events::history(50, 1))
        .await;
    world.until_count("SELECT count(*) FROM t", 50).await;
    audit::create_table(&world.db, "gone").await;
    world.until_count("SELECT count(*) FROM gone", 25).await;
    goes_on(&world, worker).await;
}
