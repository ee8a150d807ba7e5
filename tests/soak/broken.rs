//! Tables that are broken don't slow down the others: as long as it takes to land these alone, it takes beside the others.

use std::time::{Duration, Instant};

use crate::support::crowd::Crowd;

/// How much longer it may take, in percent, and how far two runs of the same differ by chance, in seconds.
const SLOWER: f64 = 10.0;
const SCATTER: f64 = 1.0;

/// How long it takes until all rows of the tables that aren't broken are there.
async fn land(test: &str, whole: usize, broken: usize, rows: i64) -> Duration {
    let crowd = Crowd::set_up(test, whole + broken, broken, rows).await;
    let rival = crowd.break_tables().await;
    let since = Instant::now();
    let worker = crowd.world.run();
    crowd.are_landed(false).await;
    let took = since.elapsed();
    drop(rival);
    worker.stop().await;
    for topic in &crowd.world.topics {
        crowd.world.kafka.delete_topic(topic).await;
    }
    crowd.take_down().await;
    took
}

/// The best of three, alternated, in seconds: alone, and beside the broken ones.
async fn compare(whole: usize, broken: usize, rows: i64) {
    let (mut alone, mut beside) = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        let took = land("alone", whole, 0, rows).await;
        alone = alone.min(took.as_secs_f64());
        let took = land("beside", whole, broken, rows).await;
        beside = beside.min(took.as_secs_f64());
    }
    println!(
        "{whole} tables of {rows} rows: {alone:.2} s alone, {beside:.2} s beside {broken} that are broken"
    );
    let most = alone * (1.0 + SLOWER / 100.0) + SCATTER;
    assert!(beside <= most, "{beside} s, at most {most} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_ten_broken_tables_104_land_in_the_time_that_they_take_alone() {
    compare(104, 10, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_one_broken_table_299_land_in_the_time_that_they_take_alone() {
    compare(299, 1, 400).await;
}
