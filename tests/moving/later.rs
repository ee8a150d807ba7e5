//! Several processes that settle where topics begin.

use landfall::config::{Config, StartAt};
use landfall::ledger::first_starts::{AskedFor, FirstStart, MetTopics, enter_first_starts};
use landfall::postgres::connection::{build_pool, connect};

use crate::support::World;

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
