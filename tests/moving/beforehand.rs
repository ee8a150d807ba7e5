//! `landfall check` says where partitions begin.

use serde_json::{Value, json};

use super::{start_at, taken_over, version};
use crate::commands::landfall;
use crate::support::World;

/// Standard output, and its objects of this kind.
fn check(world: &World, kind: &str) -> (String, Vec<Value>) {
    let text = landfall(world, "check").text;
    let objects = landfall(world, "check --json").objects().into_iter();
    (text, objects.filter(|o| o["kind"] == kind).collect())
}

#[tokio::test]
async fn a_group_that_would_be_read_again_from_the_beginning_is_told_beforehand() {
    let world = taken_over("check_again", 2, 5).await;
    let (text, warnings) = check(&world, "warning");
    let warning = warnings.iter().find(|w| w["code"] == "read_from_beginning");
    let warning = warning.expect(&text);
    assert_eq!(warning["topic"], json!(world.topic));
    let found = warning["found"].as_str().expect("text");
    let told = format!("although the group {} has committed offsets", world.group());
    assert!(
        found.contains(&told) && found.contains("64 events"),
        "{found}"
    );
    assert!(text.contains("set kafka.start = \"group\""), "{text}");
    assert!(text.contains("from the beginning"), "{text}");
}

#[tokio::test]
async fn where_partitions_begin_is_told_as_run_decides_it() {
    let mut world = taken_over("check_starts", 2, 5).await;
    start_at(&mut world, "group");
    let (text, starts) = check(&world, "start");
    let topic = world.topic.clone();
    let start = |from: &str, to_read: i64, left_out: i64| {
        json!([{ "kind": "start", "topic": topic, "from": from, "partitions": 2, "of_partitions": 2,
                 "to_read": to_read, "left_out": left_out }])
    };
    assert_eq!(json!(starts), start("committed_offset", 16, 64), "{text}");
    assert!(!text.contains("rows that are there go back"), "{text}");
    world.catch_up().await;
    assert_eq!(json!(check(&world, "start").1), start("watermark", 0, 0));
    // of a destination that had nothing yet
    world.sql("DROP SCHEMA landfall CASCADE").await;
    world.settings.remove("kafka");
    start_at(&mut world, "latest");
    let (text, starts) = check(&world, "start");
    assert_eq!(json!(starts), start("end", 0, 80), "{text}");
    assert!(text.contains("80 events before it left out"), "{text}");
}

#[tokio::test]
async fn a_group_that_has_committed_nothing_is_a_problem() {
    let mut world = taken_over("check_wrong_group", 1, 5).await;
    let other = format!("{}.other", world.topic);
    world.kafka.create_topic(&other, 1).await;
    world.kafka.produce(&other, &version(8, 6)).await;
    world.topics.push(other.clone());
    start_at(&mut world, "group");
    let (text, problems) = check(&world, "problem");
    assert_eq!(problems.len(), 1, "{text}");
    assert_eq!(problems[0]["code"], "group_uncommitted");
    let found = problems[0]["found"].as_str().expect("text");
    assert!(found.contains(&format!("nothing of {other}: ")), "{found}");
    assert!(found.contains("connect-<its name>"), "{found}");
}

#[tokio::test]
async fn a_committed_offset_that_the_log_does_not_have_is_a_problem() {
    let mut world = taken_over("check_lost", 1, 5).await;
    world
        .kafka
        .reset(world.group(), &world.topic, 1, 1_000)
        .await;
    start_at(&mut world, "group");
    let (text, problems) = check(&world, "problem");
    assert_eq!(problems.len(), 1, "{text}");
    assert_eq!(problems[0]["code"], "committed_offset_not_there");
    assert!(text.contains("the log ends at 40"), "{text}");
}

#[tokio::test]
async fn a_route_that_matches_no_topic_is_a_problem_and_patterns_are_counted() {
    let mut world = taken_over("check_idle_route", 1, 2).await;
    start_at(&mut world, "group");
    let route = "topic = '.*[.]pubic[.](?<t>.+)'\ntable = 'public.${t}'";
    world.set("[route]", route);
    let (text, problems) = check(&world, "problem");
    assert_eq!(problems.len(), 1, "{text}");
    assert_eq!(problems[0]["code"], "route_matches_nothing");
    let found = problems[0]["found"].as_str().expect("text");
    assert!(
        found.contains(&format!("no route matches {}", world.topic)),
        "{found}"
    );
    let (_, patterns) = check(&world, "pattern");
    let expected = json!([{ "kind": "pattern", "key": "route.topic", "pattern": ".*[.]pubic[.](?<t>.+)", "topics": 0 }]);
    assert_eq!(json!(patterns), expected);
}
