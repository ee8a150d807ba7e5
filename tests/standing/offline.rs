//! A partition that no broker leads, as its disk is gone, stands still by itself.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::stand_still;
use crate::support::events::insert_into;
use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, eventually};

/// How many of the topic's partitions have no leader.
fn count_offline(broker: &str, topic: &str) -> usize {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker);
    let client: BaseConsumer = config.create().expect("a client");
    let timeout = std::time::Duration::from_secs(10);
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .expect("Kafka answers");
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions());
    partitions
        .filter(|partition| partition.leader() < 0)
        .count()
}

#[tokio::test]
async fn partitions_without_a_leader_are_set_aside_and_the_others_are_taken_up() {
    let kafka = OwnKafka::with_disks();
    let broker = kafka.broker();
    let mut world = World::at("offline", 4, &broker).await;
    world.set_lanes(1);
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let rows = |version: i64| -> Vec<Event> {
        let mut all = events::history(40, version).split_off(40 * (version as usize - 1));
        for (at, event) in all.iter_mut().enumerate() {
            event.partition = Some((at % 4) as i32);
        }
        all
    };
    world.kafka.produce(&world.topic, &rows(1)).await;
    let mut first = Worker::start(
        &["run", "--until-caught-up"],
        &world.config_file(),
        &environment,
    );
    assert_eq!(first.wait().await, Some(0), "{}", first.log());
    world.kafka.produce(&world.topic, &rows(2)).await;
    // of these it isn't known yet which go first
    let fresh = world.add_topic("fresh", 4).await;
    audit::create_table(&world.db, "fresh").await;
    let more: Vec<Event> = (0..40)
        .map(|id| insert_into("fresh", id, 1).on(id as i32 % 4))
        .collect();
    world.kafka.produce(&fresh, &more).await;
    // the group's own has to stay
    let stays = kafka.disk_of("__consumer_offsets-0");
    let disk = if stays == 1 { 2 } else { 1 };
    let is_gone = |topic: &str, number: i32| kafka.disk_of(&format!("{topic}-{number}")) == disk;
    let gone = (0..4).filter(|n| is_gone(&world.topic, *n)).count();
    let first_gone = (0..4).find(|n| is_gone(&fresh, *n));
    let first_gone = first_gone.expect("each disk has some");
    assert!((1..4).contains(&gone), "each disk has some");
    kafka.take_disk(disk);
    eventually("they have no leader", async || {
        (count_offline(&broker, &world.topic) == gone).then_some(())
    })
    .await;
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    let landed = "SELECT count(*) FROM t WHERE version = 2";
    world.until_count(landed, 10 * (4 - gone as i64)).await;
    let fresh_landed = "SELECT count(*) FROM fresh";
    world
        .until_count(fresh_landed, 10 * first_gone as i64)
        .await;
    let standing = gone + 4 - first_gone as usize;
    stand_still(&worker, standing, &["(unavailable)", "no broker leads"]).await;
    eventually(
        "those are late that stand still, and no others",
        async || {
            let (_, metrics) = worker.get("/metrics").await;
            let lags = metrics.lines();
            let lags = lags.filter(|line| line.starts_with("landfall_lag_seconds{"));
            let lags: Vec<f64> = lags
                .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
                .collect();
            let late = lags.iter().filter(|lag| **lag > 5.0).count();
            (lags.len() == 8 && late == standing).then_some(())
        },
    )
    .await;
    kafka.give_disk(disk);
    kafka.stop();
    kafka.restart();
    world.until_count(landed, 40).await;
    world.until_count(fresh_landed, 40).await;
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}
