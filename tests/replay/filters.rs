//! Which letters a replay is about, and how it tells of them.

use serde_json::json;

use crate::commands::{done, landfall};
use crate::replay::{bad, land, mend, outcomes, states, version, world};
use crate::support::events::{change_of, insert};
use crate::support::{Event, World, audit};

/// Letters 1 and 2 of `public.t` (constraint), 3 of it (undecodable), 4 of `public.o`.
async fn four_letters(test: &str) -> World {
    let mut world = world(test).await;
    audit::create_table(&world.db, "o").await;
    let sql = "ALTER TABLE o ADD CONSTRAINT not_bad CHECK (body <> 'bad')";
    world.db.batch_execute(sql).await.unwrap();
    let others = format!("{}.public.o", world.name);
    world.kafka.create_topic(&others, 1).await;
    world.topics.push(others.clone());
    let garbage = Event::raw(r#"{"id":3}"#, "not json");
    land(
        &world,
        &[
            insert(1, 1, 1),
            insert(2, 2, 1),
            bad(3, 1, 2),
            bad(4, 2, 2),
            garbage,
        ],
    )
    .await;
    let row = json!({ "id": 1, "version": 1, "body": "bad" });
    let other = change_of("o", "c", 5, json!({ "id": 1 }), Some(row));
    world.kafka.produce(&others, &[other]).await;
    world.catch_up().await;
    assert_eq!(states(&world).await, ["parked"; 4]);
    world
}

#[tokio::test]
async fn filters_narrow_what_is_replayed() {
    let world = four_letters("filters").await;
    let event: String = {
        let sql = "SELECT event_id::text FROM landfall.dead_letters WHERE id = 2";
        world.db.query_one(sql, &[]).await.unwrap().get(0)
    };
    let told = |filters: &str| {
        let answer = landfall(&world, &format!("dlq replay --dry-run --json {filters}"));
        let ids = answer.all("id");
        ids.iter().filter_map(|id| id.as_i64()).collect::<Vec<_>>()
    };
    assert_eq!(told(""), [1, 2, 3, 4]);
    assert_eq!(told("--id 3 --id 1"), [1, 3]);
    assert_eq!(told(&format!("--id {event}")), [2]);
    assert_eq!(told("--table public.o"), [4]);
    assert_eq!(told(&format!("--topic {}", world.topic)), [1, 2, 3]);
    assert_eq!(told("--reason undecodable"), [3]);
    assert_eq!(told("--reason undecodable --table public.o"), [0i64; 0]);
    assert_eq!(told("--limit 2"), [1, 2]);
    assert_eq!(told("--since 1h"), [1, 2, 3, 4]);
    assert_eq!(told("--since 2999-01-01T00:00:00Z"), [0i64; 0]);

    mend(&world, "bad").await;
    assert_eq!(
        done(&world, "dlq replay --limit 1 --rate 1000").text,
        "replayed 1\n"
    );
    assert_eq!(
        (version(&world, 1).await, version(&world, 2).await),
        (Some(2), Some(1))
    );
    assert_eq!(
        done(&world, &format!("dlq replay --id {event}")).text,
        "replayed 1\n"
    );
    assert_eq!(version(&world, 2).await, Some(2));
}

#[tokio::test]
async fn a_program_is_told_each_letters_outcome_and_then_the_counts() {
    let world = four_letters("json").await;
    mend(&world, "bad").await;
    let answer = landfall(&world, "dlq replay --json");
    assert_eq!(answer.code, Some(1), "{}", answer.error);
    let objects = answer.objects();
    let (counts, letters) = objects.split_last().unwrap();
    assert_eq!(
        outcomes(letters),
        ["replayed", "replayed", "failed", "failed"]
    );
    assert_eq!(letters[0]["table"], "public.t");
    assert_eq!(letters[0]["key"], "{\"id\":1}");
    assert_eq!(letters[0]["dry_run"], false);
    assert!(letters[3]["detail"].as_str().unwrap().contains("23514"));
    assert_eq!(counts["counts"], json!({ "replayed": 2, "failed": 2 }));
    assert!(
        answer.error.contains("2 letters failed"),
        "{}",
        answer.error
    );
}

#[tokio::test]
async fn letters_that_there_are_not_are_an_error_and_a_wrong_command_line_is_another() {
    let world = world("no_such").await;
    world.migrate().await;
    for id in ["99", "00000000-0000-0000-0000-00000000002a"] {
        let answer = landfall(&world, &format!("dlq replay --id {id}"));
        assert_eq!(answer.code, Some(1), "{}", answer.text);
        let says = format!("there is no letter {id}");
        assert!(answer.error.contains(&says), "{}", answer.error);
    }
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    for wrong in [
        "--id x",
        "--limit 0",
        "--rate 0",
        "--since yesterday",
        "--all",
    ] {
        let answer = landfall(&world, &format!("dlq replay {wrong}"));
        assert_eq!(answer.code, Some(2), "{wrong}: {}", answer.error);
    }
}
