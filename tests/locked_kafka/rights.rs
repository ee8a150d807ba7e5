//! With what `deploy/kafka-acls.sh` grants a job runs, and `check` names each right that is missing, with the statement that
//! gives it.

use super::granted::Granted;
use crate::support::events;
use crate::support::locked_kafka::USER;
use crate::support::locked_kafka::rights::Right;

/// What `check` says without the right, as the worker's user.
async fn check_without(granted: &Granted, right: &Right) -> String {
    // what is told of it is a warning, for all topics at once
    let is_problem = right.operation_name() != "DescribeConfigs";
    let wanted = match is_problem {
        true => right.statement(),
        false => "kafka-acls --operation DescribeConfigs".to_owned(),
    };
    granted.admin().take(right);
    let (code, told) = granted.ask(USER, "check").await;
    assert!(told.contains(&wanted), "{wanted}: {told}");
    assert_eq!(code == Some(1), is_problem, "{told}");
    assert!(!told.contains("Timed out"), "{told}");
    granted.admin().grant(right);
    told
}

#[tokio::test]
async fn the_granted_rights_are_enough_for_the_worker_and_check_misses_each_of_them() {
    let granted = Granted::new("rights").await;
    let world = granted.world();
    let first = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &first).await;
    granted.grant_with_tools(&[&world.topic]);
    granted.succeeds(USER, "check").await;
    let mut rights = granted.rights_of(USER);
    assert_eq!(rights.len(), 6, "{rights:?}");
    // the letters' topic isn't there yet: whether it could be made is asked first
    rights.sort_by_key(|right| right.operation_name() != "Create");
    check_without(&granted, &rights[0]).await;
    // the job: rows, letters, a topic for them
    let events = [events::insert(2, 2, 1).on(1), events::broken(3).on(1)];
    world.kafka.produce(&world.topic, &events).await;
    granted.succeeds(USER, "run --until-caught-up").await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
    for right in &rights[1..] {
        check_without(&granted, right).await;
    }
    // a letters' topic that is shown, and may not be written
    let letters = world.dead_letter_topic();
    let write = granted.right_of(USER, "Write", &letters);
    let [describe] = &Right::of_statement(&write.statement().replace("Write", "Describe"))[..]
    else {
        panic!("one right");
    };
    granted.admin().grant(describe);
    let told = check_without(&granted, &write).await;
    let forbidden = "the user may not write to the dead letter topic";
    assert!(told.contains(forbidden), "{told}");
}
