//! Kafka loses the end of a log, and what follows from it for what is shorter, was fetched already, or goes back further. The
//! plain case is in tests/cut_logs.rs.

use std::time::Duration;

use crate::support::events::{history, insert, tombstone};
use crate::support::lone_broker::{catch_up, run, updates};
use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{Event, World};

#[tokio::test]
async fn a_log_that_is_shorter_than_the_watermark_is_not_read_again_and_what_is_new_has_no_twin() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let mut world = World::at("short", 1, &broker).await;
    // nothing but offsets tells what was landed
    world.set("apply", "idempotency = \"offset\"");
    world.kafka.produce(&world.topic, &history(100, 1)).await;
    let kept = kafka.log_size(&world.topic);
    world
        .kafka
        .produce(&world.topic, &updates(2_000_000, 2_000_300))
        .await;
    catch_up(&world, &broker).await;
    let written = "SELECT count(*) FROM audit";
    let writes = world.count(written).await;
    // a tombstone without its delete is known by its offset and its time alone
    let mut twin = World::at("twin", 1, &broker).await;
    let route = format!("topic = '{}'\ntable = \"public.t\"", twin.topic);
    twin.set("[route]", &route);
    twin.kafka.produce(&twin.topic, &history(4, 1)).await;
    let twin_kept = kafka.log_size(&twin.topic);
    let at_a_time = |event: Event| Event {
        timestamp: Some(1_793_491_200_000),
        ..event
    };
    twin.kafka
        .produce(&twin.topic, &[at_a_time(tombstone(1))])
        .await;
    catch_up(&twin, &broker).await;
    twin.until_count("SELECT count(*) FROM t", 3).await;

    kafka.restart_without(&[(&world.topic, kept), (&twin.topic, twin_kept)]);
    let log = catch_up(&world, &broker).await;
    assert!(log.contains("Kafka has lost the end of this log"), "{log}");
    let again = world.count(written).await;
    assert_eq!(again, writes, "nothing is applied again");
    let anew = updates(3_000_000, 3_000_010);
    world.kafka.produce(&world.topic, &anew).await;
    catch_up(&world, &broker).await;
    assert_eq!(world.count(written).await, writes + 10);
    twin.kafka
        .produce(&twin.topic, &[at_a_time(tombstone(2))])
        .await;
    let log = catch_up(&twin, &broker).await;
    assert_eq!(twin.count("SELECT count(*) FROM t").await, 2, "{log}");

    // rows of the ledger from before leaders were noted
    let forget = "UPDATE landfall.partitions SET leader_epoch = NULL";
    world.db.batch_execute(forget).await.unwrap();
    kafka.restart_without(&[(&world.topic, kept)]);
    let worker = run(&world, &broker);
    worker.says(&["stands still", "the log ends at 100"]).await;
    let (status, reasons) = worker.get("/readyz").await;
    assert_eq!(status, 503, "{reasons}");
    worker.stop().await;
    assert_eq!(world.count(written).await, writes + 10);
}

const EVENTS: &str = "SELECT count(*) FROM landfall.processed_events";

#[tokio::test]
async fn what_was_fetched_of_a_log_that_is_cut_behind_is_landed_and_so_is_a_topic_that_had_fewer_leaders()
 {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let mut world = World::at("lagging", 1, &broker).await;
    // of its log nothing comes any more
    let mut idle = World::at("idle", 1, &broker).await;
    for world in [&mut world, &mut idle] {
        // it stays in its group while the broker is away, and reads on
        let properties = world.settings.get_mut("kafka.properties").unwrap();
        *properties = vec!["\"session.timeout.ms\" = 300000".to_owned()];
    }
    let topic = &world.topic;
    let inserts =
        |from: i64, to: i64| -> Vec<Event> { (from..to).map(|id| insert(id, id, 1)).collect() };
    let produce = async |from, to| {
        for topic in [topic, &idle.topic] {
            world.kafka.produce(topic, &inserts(from, to)).await;
        }
    };
    produce(0, 400).await;
    let kept = [topic, &idle.topic].map(|topic| (topic.as_str(), kafka.log_size(topic)));
    produce(400, 700).await;

    // the client has fetched all of it by the time that the first hundred are landed
    let hold = tempfile::NamedTempFile::new().unwrap();
    let held_by = hold.path().display().to_string();
    let environment = [
        ("LANDFALL_KAFKA__BROKERS", broker.as_str()),
        ("FAILPOINTS", "poll=100*off->return"),
        ("LANDFALL_FAILPOINT_HOLDS", held_by.as_str()),
    ];
    let start = |world: &World| Worker::start(&["run"], &world.config_file(), &environment);
    let (worker, idle_worker) = (start(&world), start(&idle));
    for world in [&world, &idle] {
        world.until_count("SELECT count(*) FROM t", 100).await;
    }
    kafka.restart_without(&kept);
    world.kafka.produce(topic, &inserts(1_000, 1_050)).await;
    // librdkafka hears of the new leader, goes back to where the log was cut, and drops what it has. Nobody can see that, as
    // its lines wait for the poll that is held; where it takes longer this proves nothing, and fails nothing
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(hold);
    let anew = "SELECT count(*) FROM t WHERE id >= 1000";
    world.until_count(anew, 50).await;
    let before = "SELECT count(*) FROM t WHERE id < 400";
    world.until_count(before, 400).await;
    let next = "SELECT next_offset FROM landfall.partitions";
    world.until_count(next, 450).await;

    // the topic has had leaders by now that one of its name hasn't
    worker.freeze();
    world.kafka.delete_topic(topic).await;
    world.kafka.create_topic(topic, 1).await;
    world.kafka.produce(topic, &updates(3_000, 3_050)).await;
    worker.thaw();
    let recreated = "SELECT count(*) FROM t WHERE version >= 3000";
    world.until_count(recreated, 50).await;
    idle.until_count(before, 400).await;
    for worker in [worker, idle_worker] {
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_log_that_has_gone_back_to_an_earlier_state_is_not_taken_for_one_that_was_cut() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let ids = World::at("restored", 1, &broker).await;
    let mut offsets = World::at("restored_offsets", 1, &broker).await;
    offsets.set("apply", "idempotency = \"offset\"");
    let trimmed = World::at("restored_trimmed", 1, &broker).await;
    let aborted = World::at("aborted", 1, &broker).await;
    let produce = async |from, to| {
        for world in [&ids, &offsets, &trimmed] {
            world.kafka.produce(&world.topic, &updates(from, to)).await;
        }
    };
    produce(1_000, 1_100).await;
    aborted.kafka.produce(&aborted.topic, &history(5, 1)).await;
    catch_up(&aborted, &broker).await;
    kafka.copy_disk();
    // an aborted transaction is the first thing that the next leader takes
    let events = history(5, 2);
    aborted
        .kafka
        .produce_and_abort(&aborted.topic, &events)
        .await;
    for _ in 0..2 {
        let log = catch_up(&aborted, &broker).await;
        assert!(!log.contains("Kafka has lost"), "{log}");
    }
    kafka.stop();
    kafka.restart();
    produce(1_100, 1_300).await;
    for world in [&ids, &offsets, &trimmed] {
        catch_up(world, &broker).await;
    }
    let written = "SELECT count(*) FROM audit";
    let writes = offsets.count(written).await;

    kafka.restore_disk();
    // it is shorter than what was landed
    let stand = async || {
        let worker = run(&offsets, &broker);
        let said = worker
            .says(&["stands still", "isn't of the leader epochs"])
            .await;
        worker.stop().await;
        said
    };
    stand().await;
    let log = catch_up(&ids, &broker).await;
    assert!(log.contains("offsets can't be trusted"), "{log}");
    assert_eq!(ids.count(EVENTS).await, 300, "{log}");
    // and longer again
    produce(2_000, 2_300).await;
    stand().await;
    assert_eq!(offsets.count(written).await, writes);
    catch_up(&ids, &broker).await;
    assert_eq!(ids.count(EVENTS).await, 600);
    // nothing is left below the watermark that would tell
    trimmed.kafka.delete_records(&trimmed.topic, 300).await;
    let log = catch_up(&trimmed, &broker).await;
    assert!(log.contains("offsets can't be trusted"), "{log}");
    assert_eq!(trimmed.count(EVENTS).await, 400, "{log}");
}
