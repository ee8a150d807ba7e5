//! `landfall status` tells positions exactly, beside a running worker, and what it can when a side is away.

use serde_json::{Value, json};

use crate::commands::{done, landfall, put_aside};
use crate::support::World;
use crate::support::events;

fn partitions(objects: &[Value]) -> Vec<&Value> {
    let partitions = objects.iter().filter(|o| o["kind"] == "partition");
    partitions.collect()
}

#[tokio::test]
async fn status_tells_what_is_committed_applied_and_still_to_come() {
    let world = World::new("status", 2).await;
    let history = events::history(50, 2);
    let on = |partition: i32, n: usize| -> Vec<_> {
        let some = history.iter().take(n).cloned();
        some.map(|event| event.on(partition)).collect()
    };
    world.kafka.produce(&world.topic, &on(0, 100)).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &on(0, 7)).await;
    world.kafka.produce(&world.topic, &on(1, 3)).await;

    let objects = done(&world, "status --json").objects();

    let told: Vec<Value> = partitions(&objects)
        .iter()
        .map(|p| {
            json!([
                p["topic"],
                p["partition"],
                p["committed"],
                p["applied"],
                p["end"],
                p["lag"],
                p["state"]
            ])
        })
        .collect();
    let expected = [
        json!([world.topic, 0, 100, 100, 107, 7, "ok"]),
        // taken up once, and empty then
        json!([world.topic, 1, null, 0, 3, 3, "ok"]),
    ];
    assert_eq!(told, expected);
    let text = done(&world, "status").text;
    let line = text.lines().find(|line| line.starts_with(&world.topic));
    let cells: Vec<&str> = line.expect(&text).split_whitespace().collect();
    assert_eq!(cells[1..], ["0", "100", "100", "107", "7"], "{text}");
    assert!(text.contains("no dead letters"), "{text}");
}

#[tokio::test]
async fn a_running_worker_does_not_notice_that_it_is_looked_at() {
    let world = World::new("status_live", 2).await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    for _ in 0..3 {
        let objects = done(&world, "status --json").objects();
        assert_eq!(partitions(&objects).len(), 2);
        assert!(partitions(&objects).iter().all(|p| p["lag"] == 0));
    }
    world
        .kafka
        .produce(&world.topic, &events::history(20, 3)[40..])
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 20)
        .await;
    let assigned = worker.log().matches("partitions assigned").count();
    assert_eq!(assigned, 1, "{}", worker.log());
    assert!(!worker.log().contains("given up"), "{}", worker.log());
}

#[tokio::test]
async fn dead_letters_are_counted_by_table_and_reason() {
    let world = World::new("status_letters", 1).await;
    world.migrate().await;
    for columns in [
        [("reason", "'value'"), ("state", "'parked'")],
        [("reason", "'value'"), ("state", "'replayed'")],
        [("reason", "'value'"), ("state", "'discarded'")],
        [("reason", "'constraint'"), ("state", "'superseded'")],
        [("reason", "'undecodable'"), ("table_name", "NULL")],
    ] {
        put_aside(&world, &columns).await;
    }
    let objects = done(&world, "status --json").objects();
    let told: Vec<Value> = objects
        .iter()
        .filter(|o| o["kind"] == "dead_letters")
        .map(|o| json!([o["table_name"], o["reason"], o["parked"], o["done_with"]]))
        .collect();
    let expected = [
        json!([null, "undecodable", 1, 0]),
        json!(["public.t", "constraint", 0, 1]),
        json!(["public.t", "value", 1, 2]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn topics_that_are_new_gone_created_again_or_no_longer_asked_for_are_told() {
    let mut world = World::new("status_topics", 1).await;
    let topic = |name: &str| format!("{}.{name}", world.name);
    let [gone, again, dropped, new, never] =
        ["gone", "again", "dropped", "new", "never"].map(topic);
    for topic in [&gone, &again, &dropped] {
        world.kafka.create_topic(topic, 1).await;
        world.kafka.produce(topic, &events::history(5, 1)).await;
    }
    world.topics = vec![gone.clone(), again.clone(), dropped.clone()];
    world.catch_up().await;
    world.kafka.delete_topic(&gone).await;
    world.kafka.delete_topic(&again).await;
    world.kafka.create_topic(&again, 1).await;
    world.kafka.create_topic(&new, 1).await;
    world.kafka.produce(&again, &events::history(2, 1)).await;
    world.kafka.produce(&new, &events::history(4, 1)).await;
    world.topics = vec![
        format!("^{}[.](gone|again|new)$", world.name),
        never.clone(),
    ];

    let objects = done(&world, "status --json").objects();

    let of = |topic: &str| {
        let found = partitions(&objects)
            .into_iter()
            .find(|p| p["topic"] == topic);
        let p = found.unwrap_or_else(|| panic!("{topic}: {objects:?}"));
        json!([p["state"], p["applied"], p["end"], p["lag"]])
    };
    assert_eq!(of(&gone), json!(["no_topic", 5, null, null]));
    assert_eq!(of(&again), json!(["recreated", 5, 2, 2]));
    assert_eq!(of(&dropped), json!(["not_subscribed", 5, 5, 0]));
    assert_eq!(of(&new), json!(["new", null, 4, 4]));
    assert_eq!(of(&never), json!(["no_topic", null, null, null]));
    let text = done(&world, "status").text;
    for said in [
        "no such topic any more",
        "created again",
        "not in kafka.topics",
        "nothing applied yet",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn when_one_side_is_away_the_other_is_told_and_the_problem_named() {
    let mut world = World::new("status_away", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(5, 1))
        .await;
    world.catch_up().await;
    put_aside(&world, &[]).await;

    let file = std::fs::read_to_string(world.config_file()).unwrap();
    let without_kafka = file.replace(&crate::support::stack().kafka, "127.0.0.1:1");
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(elsewhere.path(), without_kafka).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["status", "--json", "--config"])
        .arg(elsewhere.path())
        .output()
        .unwrap();
    let (text, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1), "{text}{error}");
    let objects: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let partition = partitions(&objects)[0];
    assert_eq!(
        (&partition["applied"], &partition["state"]),
        (&json!(5), &json!("unknown"))
    );
    assert!(
        objects
            .iter()
            .any(|o| o["kind"] == "dead_letters" && o["parked"] == 1)
    );
    assert!(objects.iter().any(|o| o["kind"] == "problem"));
    assert!(
        error.contains("Kafka at 127.0.0.1:1 can't be reached"),
        "{error}"
    );

    world.database_url = "postgres://postgres@127.0.0.1:1/warehouse".to_owned();
    let answer = landfall(&world, "status --json");
    assert_eq!(answer.code, Some(1));
    let objects = answer.objects();
    let partition = partitions(&objects)[0];
    assert_eq!(
        (&partition["committed"], &partition["end"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(
        (&partition["lag"], &partition["state"]),
        (&json!(null), &json!("unknown"))
    );
    assert!(
        answer.error.contains("127.0.0.1:1/warehouse"),
        "{}",
        answer.error
    );
}
