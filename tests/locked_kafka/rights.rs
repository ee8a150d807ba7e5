//! With what `deploy/kafka-acls.sh` grants a job runs and its letters are replayed; each right that is missing is named,
//! with the statement that gives it, and stops only what it is for.

use std::process::Command;

use super::{CA, Locked};
use crate::support::locked_kafka::rights::{Operation, Resource, Right};
use crate::support::locked_kafka::{OPERATOR, PASSWORD, READER, USER};
use crate::support::repository::root;
use crate::support::stack::stack;
use crate::support::worker::Worker;
use crate::support::{events, eventually};

const PLAIN: [(&str, &str); 4] = [
    ("security.protocol", "SASL_SSL"),
    CA,
    ("sasl.mechanism", "PLAIN"),
    ("sasl.password", PASSWORD),
];

fn as_user(locked: &Locked, user: &str, arguments: &[&str]) -> Worker {
    let user = ("LANDFALL_KAFKA__PROPERTIES__SASL_USERNAME", user);
    locked.start_with(arguments, &[user])
}

/// Runs the script as somebody does who has Kafka's tools.
fn grant(locked: &Locked, topics: &[&str]) {
    let world = &locked.world;
    let users = [USER, OPERATOR, READER].map(|user| format!("User:{user}"));
    let mut arguments = vec!["--group", world.group()];
    for topic in topics {
        arguments.extend(["--topic", topic]);
    }
    for (option, user) in ["--worker", "--operator", "--reader"]
        .into_iter()
        .zip(&users)
    {
        arguments.extend([option, user]);
    }
    let broker = locked.kafka.open_address();
    arguments.extend(["--", "--bootstrap-server", &broker]);
    stack(); // its tools are there
    let tool = format!("{} acls", root().join("dev/kafka").display());
    let granted = Command::new(root().join("deploy/kafka-acls.sh"))
        .args(&arguments)
        .env("KAFKA_ACLS", tool)
        .output()
        .expect("it runs");
    assert!(granted.status.success(), "{granted:?}");
}

async fn succeeds(locked: &Locked, user: &str, arguments: &[&str]) {
    let mut command = as_user(locked, user, arguments);
    let code = command.wait().await;
    assert_eq!(code, Some(0), "{user} {arguments:?}: {}", command.log());
}

/// What `check` says without the right, as the worker's user.
async fn check_without(locked: &Locked, right: &Right) {
    let option = match right.on {
        Resource::RD_KAFKA_RESOURCE_GROUP => "--group",
        _ => "--topic",
    };
    let operation = match right.operation {
        Operation::RD_KAFKA_ACL_OPERATION_READ => "Read",
        Operation::RD_KAFKA_ACL_OPERATION_WRITE => "Write",
        Operation::RD_KAFKA_ACL_OPERATION_CREATE => "Create",
        _ => "DescribeConfigs",
    };
    let wanted = match operation {
        // what is told of it is a warning, for all topics at once
        "DescribeConfigs" => "kafka-acls --operation DescribeConfigs".to_owned(),
        _ => format!(
            "--add --allow-principal User:{USER} --operation {operation} {option} {}",
            right.name
        ),
    };
    locked.kafka.admin().take(right);
    eventually("check names the right", async || {
        let mut check = as_user(locked, USER, &["check"]);
        let code = check.wait().await;
        // the text is broken into lines
        let told = check.log().split_whitespace().collect::<Vec<_>>().join(" ");
        let is_problem = operation != "DescribeConfigs";
        (told.contains(&wanted) && (code == Some(1)) == is_problem).then_some(())
    })
    .await;
    locked.kafka.admin().grant(right);
}

#[tokio::test]
async fn the_granted_rights_are_enough_and_each_of_them_is_missed() {
    let locked = Locked::new("rights", "LOGIN", &PLAIN).await;
    let world = &locked.world;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    grant(&locked, &[&world.topic]);
    eventually("check finds nothing", async || {
        let mut check = as_user(&locked, USER, &["check"]);
        (check.wait().await == Some(0)).then_some(())
    })
    .await;
    let rights = locked.kafka.admin().rights_of(&format!("User:{USER}"));
    let mut rights: Vec<Right> = rights
        .into_iter()
        .filter(|right| right.name.starts_with(&world.name))
        .collect();
    assert_eq!(rights.len(), 6, "{rights:?}");
    // the letters' topic isn't there yet: whether it could be made is asked first
    rights.sort_by_key(|right| right.operation != Operation::RD_KAFKA_ACL_OPERATION_CREATE);
    check_without(&locked, &rights[0]).await;
    // the job: rows, letters, a topic for them
    let events = [events::insert(2, 2, 1).on(1), events::broken(3).on(1)];
    world.kafka.produce(&world.topic, &events).await;
    succeeds(&locked, USER, &["run", "--until-caught-up"]).await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
    for right in &rights[1..] {
        check_without(&locked, right).await;
    }
    // who replays, and who looks
    let mut replay = as_user(&locked, OPERATOR, &["dlq", "replay"]);
    assert_eq!(replay.wait().await, Some(1), "{}", replay.log());
    assert!(replay.log().contains("failed 1"), "{}", replay.log());
    succeeds(&locked, READER, &["status"]).await;
}

#[tokio::test]
async fn a_topic_that_may_not_be_read_stands_and_others_go_on() {
    let mut locked = Locked::new("topic_denied", "LOGIN", &PLAIN).await;
    let other = format!("{}.public.u", locked.world.name);
    locked.world.kafka.create_topic(&other, 1).await;
    locked.world.topics.push(other.clone());
    locked.world.set("[route]", &format!("topic = '{other}'"));
    locked.world.set("[route]", "table = 'public.u'");
    crate::support::audit::create_table(&locked.world.db, "u").await;
    let world = &locked.world;
    grant(&locked, &[&world.topic, &other]);
    let run = as_user(&locked, USER, &["run"]);
    let insert = |id| [events::insert(id, id, 1).on(0)];
    world.kafka.produce(&world.topic, &insert(1)).await;
    world.kafka.produce(&other, &insert(1)).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    world.until_count("SELECT count(*) FROM u", 1).await;

    let rights = locked.kafka.admin().rights_of(&format!("User:{USER}"));
    let read = rights.into_iter().find(|right| {
        right.name == other && right.operation == Operation::RD_KAFKA_ACL_OPERATION_READ
    });
    let read = read.expect("it was granted");
    locked.kafka.admin().take(&read);
    world.kafka.produce(&other, &insert(2)).await;
    eventually("/readyz names the topic", async || {
        let (status, reasons) = run.get("/readyz").await;
        (status == 503 && reasons.contains(&other) && reasons.contains("--operation Read"))
            .then_some(())
    })
    .await;
    world.kafka.produce(&world.topic, &insert(2)).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(world.count("SELECT count(*) FROM u").await, 1);
    locked.kafka.admin().grant(&read);
    world.until_count("SELECT count(*) FROM u", 2).await;
    assert_eq!(run.stop().await.0, Some(0));
}
