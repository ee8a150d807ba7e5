//! Topics that nobody could see at the first start, and several processes at it.

use landfall::config::{Config, StartAt};
use landfall::ledger::first_starts::{AskedFor, FirstStart, MetTopics, enter_first_starts};
use landfall::postgres::connection::{build_pool, connect};

use super::{start_at, version};
use crate::support::World;
use crate::support::events::{Event, update};
use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;

/// Five versions of rows of another table's worth of keys.
fn hidden_history() -> Vec<Event> {
    let of_version = |v: i64| (1..=8).map(move |id| update(v * 1_000_000 + id, 100 + id, v));
    (1..=5).flat_map(of_version).collect()
}

#[tokio::test]
async fn a_topic_that_may_be_seen_only_later_goes_on_where_the_group_stands() {
    let kafka = OwnKafka::with_rights();
    let broker = kafka.broker();
    let mut world = World::at("late_group", 1, &broker).await;
    let (hidden, new) = (
        format!("{}.hidden", world.topic),
        format!("{}.new", world.topic),
    );
    world.kafka.create_topic(&hidden, 1).await;
    world.kafka.produce(&hidden, &hidden_history()).await;
    world.kafka.produce(&world.topic, &version(8, 1)).await;
    world.kafka.reset(world.group(), &hidden, 1, 32).await;
    world.kafka.reset(world.group(), &world.topic, 1, 0).await;
    world.topics = vec![format!("^{}[.]public[.]t", world.name)];
    start_at(&mut world, "group");
    kafka.deny("Describe", &["--topic", &hidden]);
    kafka.deny("Read", &["--topic", &hidden]);
    world.set(
        "kafka.properties",
        "\"topic.metadata.refresh.interval.ms\" = 1000",
    );
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    world.until_count("SELECT count(*) FROM t", 8).await;
    kafka.allow("Read", &["--topic", &hidden]);
    kafka.allow("Describe", &["--topic", &hidden]);
    world.kafka.create_topic(&new, 1).await;
    world
        .kafka
        .produce(
            &new,
            &[update(9_000_000, 201, 1), update(9_000_001, 202, 1)],
        )
        .await;
    let landed =
        "SELECT count(*) FROM t WHERE id > 100 AND version = 5 OR id > 200 AND version = 1";
    world.until_count(landed, 10).await;
    worker
        .says(&["goes on where the group stands", "left_out=32", &hidden])
        .await;
    let gone_back = "SELECT count(*) FROM audit WHERE id BETWEEN 101 AND 108 AND version < 5";
    assert_eq!(world.count(gone_back).await, 0, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn what_another_process_has_settled_meanwhile_is_looked_at_anew() {
    let world = World::new("latest_meanwhile", 1).await;
    world.migrate().await;
    let config = Config::parse(&std::fs::read_to_string(world.config_file()).unwrap()).unwrap();
    let pool = build_pool(&config).unwrap();
    let mut client = connect(&pool).await.unwrap();
    let group = world.group();
    let start = |topic: &str| FirstStart {
        topic: topic.to_owned(),
        topic_id: None,
        partitions: 1,
        offsets: vec![(0, 60)],
    };
    let met = MetTopics::read_met(&client, "landfall", group, StartAt::Latest).await;
    let asked = |before: Option<&Vec<String>>| AskedFor {
        now: vec!["^a".to_owned()],
        before: before.cloned(),
    };
    let of_both = asked(met.unwrap().asked_before());
    // the other one was quicker, and a topic was created since
    let other = [start("a1")];
    let entered = enter_first_starts(&mut client, "landfall", group, &other, Some(&of_both)).await;
    assert_eq!(entered.unwrap().map(|names| names.len()), Some(1));
    let late = [start("a1"), start("a2")];
    let entered = enter_first_starts(&mut client, "landfall", group, &late, Some(&of_both)).await;
    assert_eq!(entered.unwrap(), None);
    assert_eq!(world.count("SELECT count(*) FROM landfall.topics").await, 1);
    let met = MetTopics::read_met(&client, "landfall", group, StartAt::Latest).await;
    assert!(!met.unwrap().is_met_first("a2"));
}
