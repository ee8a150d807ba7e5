//! Blue and green: two groups with two bookkeepings, and readers who are switched from one's tables to the other's; and a
//! canary, which is one more worker of the group. docs/upgrading.md tells people how.

use crate::commands::done;
use crate::support::worker::Worker;
use crate::support::{World, audit, events, eventually};

#[tokio::test]
async fn green_lands_beside_blue_until_both_are_equal_and_readers_are_switched() {
    let mut world = World::new("blue_green", 2).await;
    let history = events::history(300, 4);
    let views = "CREATE SCHEMA green; CREATE TABLE green.t (LIKE t INCLUDING ALL);
        CREATE SCHEMA live; CREATE VIEW live.t AS SELECT * FROM t";
    world.db.batch_execute(views).await.unwrap();
    world.kafka.produce(&world.topic, &history[..600]).await;
    let blue = world.run();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 300)
        .await;

    let topic = world.topic.clone();
    world.set("[route]", &format!("topic = '{topic}'\ntable = 'green.t'"));
    let green_group = format!("{}_green", world.group());
    let green_is = [
        ("LANDFALL_KAFKA__GROUP", &*green_group),
        ("LANDFALL_POSTGRES__SCHEMA", "landfall_green"),
    ];
    let green = Worker::start(&["run"], &world.config_file(), &green_is);
    world.kafka.produce(&world.topic, &history[600..900]).await;
    // each from the beginning, by its own bookkeeping
    let differ = "SELECT count(*) FROM (TABLE t EXCEPT TABLE green.t UNION ALL (TABLE green.t EXCEPT TABLE t)) rows";
    world
        .until_count("SELECT count(*) FROM green.t WHERE version = 3", 300)
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 300)
        .await;
    assert_eq!(world.count(differ).await, 0);
    for schema in ["landfall", "landfall_green"] {
        let ids = format!("SELECT count(*) FROM {schema}.processed_events");
        assert_eq!(world.count(&ids).await, 900, "{schema}");
    }

    let switch = "CREATE OR REPLACE VIEW live.t AS SELECT * FROM green.t";
    world.db.batch_execute(switch).await.unwrap();
    assert_eq!(blue.stop().await.0, Some(0));
    world.kafka.produce(&world.topic, &history[900..]).await;
    world
        .until_count("SELECT count(*) FROM live.t WHERE version = 4", 300)
        .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        0
    );
    assert_eq!(green.stop().await.0, Some(0));
    // blue can be gone back to: it goes on where it was
    world.settings.remove("[route]");
    world.catch_up().await;
    assert_eq!(world.count(differ).await, 0);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_canary_has_a_share_of_the_partitions_and_gives_it_back() {
    let world = World::new("canary", 4).await;
    let history = events::history(200, 3);
    let steady = world.run();
    world.kafka.produce(&world.topic, &history[..200]).await;
    world.until_count("SELECT count(*) FROM t", 200).await;
    let canary = world.run();
    for worker in [&steady, &canary] {
        worker.says(&["partitions assigned", "partitions=2"]).await;
    }
    world.kafka.produce(&world.topic, &history[200..400]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 200)
        .await;
    eventually("the canary has landed its share", async || {
        let applied = canary.metric("landfall_events_total", &["outcome=\"applied\""]);
        (applied.await > 0.0).then_some(())
    })
    .await;
    assert_eq!(canary.stop().await.0, Some(0));
    world.kafka.produce(&world.topic, &history[400..]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 200)
        .await;
    assert_eq!(steady.stop().await.0, Some(0));
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, 600);
    audit::assert_forward_only(&world.db).await;
    done(&world, "status");
}
