//! `run --until-caught-up` ends whatever happens, and says why not everything is in.

use crate::support::events::{broken, change_of, history};
use crate::support::worker::Worker;
use crate::support::{Event, World};

/// A job with these arguments more; returns its exit code and its log.
async fn run_job(world: &World, more: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["run", "--until-caught-up"], more].concat();
    let mut job = Worker::start(&arguments, &world.config_file(), &[]);
    let code = job.wait().await;
    (code, job.log())
}

#[tokio::test]
async fn a_job_lands_the_rest_and_ends_with_the_table_that_only_a_person_can_create() {
    let mut world = World::new("job_no_table", 1).await;
    let gone = format!("{}.public.gone", world.name);
    world.kafka.create_topic(&gone, 1).await;
    world.topics.push(gone.clone());
    let key = serde_json::json!({ "id": 1 });
    let event = change_of("gone", "c", 10, key.clone(), Some(key));
    world.kafka.produce(&gone, &[event]).await;
    world.kafka.produce(&world.topic, &history(100, 2)).await;
    let (code, log) = run_job(&world, &[]).await;
    assert_eq!(code, Some(1), "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.contains("table public.gone does not exist"), "{log}");
    assert_eq!(world.count("SELECT count(*) FROM t").await, 100);
    world.sql("CREATE TABLE gone (id bigint PRIMARY KEY)").await;
    let (code, log) = run_job(&world, &[]).await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(world.count("SELECT count(*) FROM gone").await, 1);
}

#[tokio::test]
async fn a_job_ends_when_what_is_away_does_not_come_back() {
    let mut world = World::new("job_away", 1).await;
    let url = world.database_url.clone();
    world.database_url = "postgres://postgres@127.0.0.1:1/nowhere".to_owned();
    let (code, log) = run_job(&world, &["--wait-for", "1s"]).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("not caught up after 1s"), "{log}");
    assert!(
        log.contains("bookkeeping schema waits (unavailable)"),
        "{log}"
    );
    world.database_url = url;
}

#[tokio::test]
async fn a_job_ends_where_no_topic_matches() {
    let mut world = World::new("job_no_topic", 1).await;
    world.topics = vec![format!("^{}[.]nothing[.].*", world.name)];
    let (code, log) = run_job(&world, &[]).await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("no topic matches kafka.topics"), "{log}");
}

#[tokio::test]
async fn a_job_that_may_put_nothing_aside_ends_with_1_if_it_did() {
    let mut world = World::new("job_letters", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let broken_one: [Event; 1] = [broken(7)];
    for (more, expected) in [(&["--fail-on-dead-letters"][..], 1), (&[], 0)] {
        world.kafka.produce(&world.topic, &broken_one).await;
        let (code, log) = run_job(&world, more).await;
        assert_eq!(code, Some(expected), "{log}");
        let told = log.contains("1 events were put aside as dead letters");
        assert_eq!(told, expected == 1, "{log}");
    }
    // what was put aside before is none of its own
    let (code, log) = run_job(&world, &["--fail-on-dead-letters"]).await;
    assert_eq!(code, Some(0), "{log}");
}
