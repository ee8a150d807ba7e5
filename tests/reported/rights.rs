//! Rights that are taken away from a worker as it runs, and what `check` says of them.

use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{World, events, eventually};

#[tokio::test]
async fn the_right_to_write_letters_is_missed_aloud_and_the_letter_comes_once_it_is_given_back() {
    let kafka = OwnKafka::with_rights();
    let broker = kafka.broker();
    let world = World::at("letters_denied", 2, &broker).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    let first = [0, 1].map(|n| events::insert(1, 10 + n, 1).on(n as i32));
    world.kafka.produce(&world.topic, &first).await;
    world.until_count("SELECT count(*) FROM t", 2).await;

    let letters = world.dead_letter_topic();
    let on = ["--topic", letters.as_str()];
    kafka.deny("Write", &on);
    let broken = [events::broken(1).on(0), events::insert(2, 20, 1).on(0)];
    world.kafka.produce(&world.topic, &broken).await;
    eventually("/readyz names the topic", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains(&letters)).then_some(())
    })
    .await;
    // the other partition goes on meanwhile
    let other = [events::insert(3, 30, 1).on(1)];
    world.kafka.produce(&world.topic, &other).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 30", 1)
        .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        0
    );

    kafka.allow("Write", &on);
    world.until_count("SELECT count(*) FROM t", 4).await;
    world
        .until_count("SELECT count(*) FROM landfall.dead_letters", 1)
        .await;
    eventually("it is ready again", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn check_names_the_group_and_the_topic_that_may_not_be_read() {
    let kafka = OwnKafka::with_rights();
    let broker = kafka.broker();
    let world = World::at("check_denied", 1, &broker).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let rights = [
        ("--group", world.group(), "may not use the consumer group"),
        (
            "--topic",
            &*world.topic,
            "the rights to describe and read it",
        ),
    ];
    for (on, name, words) in rights {
        kafka.deny("Read", &[on, name]);
        eventually("check names it", async || {
            let mut check = Worker::start(&["check"], &world.config_file(), &environment);
            let code = check.wait().await;
            let told = check.log();
            assert!(!told.contains("Timed out"), "{told}");
            (code == Some(1) && told.contains(name) && told.contains(words)).then_some(())
        })
        .await;
        kafka.allow("Read", &[on, name]);
    }
}
