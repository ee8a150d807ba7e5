//! `apply.rate`: how many rows a worker may write in a second.

use landfall::watch::metrics;
use serde_json::Value;

use crate::commands::done;
use crate::support::{World, audit, events, eventually};

#[tokio::test]
async fn a_worker_that_its_rate_holds_back_says_so_lets_go_when_needed_and_lands_everything() {
    let mut world = World::new("rate", 2).await;
    world.set("apply", "rate = 2");
    let all: Vec<_> = (0..1000)
        .map(|n| events::insert(n, n, 1).on((n % 2) as i32))
        .collect();
    world.kafka.produce(&world.topic, &all).await;
    let worker = world.run();
    let rate = eventually("the rate holds it back", async || {
        let document: Value = serde_json::from_str(&worker.get("/status.json").await.1).unwrap();
        let rate = document["worker"]["rate"].clone();
        rate["holds_back_since"].is_string().then_some(rate)
    })
    .await;
    assert_eq!(rate["rows_per_second"], 2);
    eventually("so does the metric", async || {
        let waits = format!("{}_count", metrics::STAGE_SECONDS.name);
        (worker.metric(&waits, &["stage=\"rate\""]).await > 0.0).then_some(())
    })
    .await;
    let (_, page) = worker.get("/").await;
    assert!(page.contains("2 rows a second, holds back since"), "{page}");
    eventually("it is ready all the same", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let status = done(&world, "status").text;
    assert!(
        status.contains("apply.rate lets a worker write 2 rows a second"),
        "{status}"
    );

    // neither a rebalance nor a stop waits until all is in
    let fellow = world.run();
    for worker in [&worker, &fellow] {
        worker.says(&["partitions assigned", "partitions=1"]).await;
    }
    for worker in [worker, fellow] {
        assert_eq!(worker.stop().await.0, Some(0));
    }
    let landed = world.count("SELECT count(*) FROM t").await;
    assert!((1..1000).contains(&landed), "{landed}");

    world.settings.remove("apply");
    world.set("apply", "rate = 1000");
    world.catch_up().await;
    for table in ["t", "audit", "landfall.processed_events"] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(world.count(&sql).await, 1000, "{table}");
    }
    audit::assert_forward_only(&world.db).await;
}
