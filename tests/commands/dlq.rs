//! Letters are found, shown whole, counted and given up.

use std::time::SystemTime;

use serde_json::json;

use crate::commands::{done, landfall, put_aside};
use crate::support::World;

async fn world(test: &str) -> World {
    let world = World::new(test, 1).await;
    world.migrate().await;
    world
}

#[tokio::test]
async fn a_program_is_given_every_column_of_a_letter_under_its_name() {
    let world = world("dlq_columns").await;
    let id = put_aside(
        &world,
        &[
            ("event_id", "'00000000-0000-0000-0000-00000000002a'"),
            ("last_failed_at", "'2026-11-21 14:00:00.25+02'"),
            ("superseded_by", "'00000000-0000-0000-0000-00000000002b'"),
        ],
    )
    .await;

    let letters = done(&world, "dlq list --json").objects();

    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    let sql = "SELECT column_name::text FROM information_schema.columns \
               WHERE table_schema = 'landfall' AND table_name = 'dead_letters' ORDER BY 1";
    let columns = world.db.query(sql, &[]).await.unwrap();
    let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    let mut keys: Vec<&String> = letter.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, columns.iter().collect::<Vec<_>>());
    assert_eq!(letter["id"], id);
    assert_eq!(letter["event_id"], "00000000-0000-0000-0000-00000000002a");
    assert_eq!(letter["state"], "parked");
    assert_eq!(letter["offset"], 7);
    assert_eq!(letter["key"], "{\"id\":1}");
    assert_eq!(letter["last_failed_at"], "2026-11-21T12:00:00.250000Z");
    assert_eq!(letter["left_out_bytes"], json!(null));
    for time in ["state_changed_at", "first_failed_at"] {
        let time = humantime::parse_rfc3339(letter[time].as_str().unwrap()).unwrap();
        assert!(time < SystemTime::now());
    }
}

#[tokio::test]
async fn filters_narrow_one_another_and_the_oldest_come_first() {
    let world = world("dlq_filters").await;
    let plain = put_aside(&world, &[]).await;
    let table = put_aside(&world, &[("table_name", "'public.orders'")]).await;
    let unknown = put_aside(
        &world,
        &[("table_name", "NULL"), ("reason", "'undecodable'")],
    )
    .await;
    let old = put_aside(&world, &[("last_failed_at", "now() - interval '3 hours'")]).await;
    let replayed = put_aside(&world, &[("state", "'replayed'"), ("topic", "'other'")]).await;
    let discarded = put_aside(&world, &[("state", "'discarded'")]).await;
    let list = |filters: &str| {
        let answer = done(&world, &format!("dlq list --json {filters}"));
        let ids = answer.all("id");
        ids.iter()
            .map(|id| id.as_i64().unwrap())
            .collect::<Vec<_>>()
    };

    assert_eq!(list(""), [plain, table, unknown, old]);
    assert_eq!(list("--table public.orders"), [table]);
    assert_eq!(
        list("--table public.orders --table public.t"),
        [plain, table, old]
    );
    assert_eq!(list("--reason undecodable"), [unknown]);
    assert!(list("--reason undecodable --table public.t").is_empty());
    assert_eq!(list("--since 2h --table public.t"), [plain]);
    assert!(list("--since 2999-01-01T00:00:00Z").is_empty());
    assert!(list("--topic other").is_empty());
    assert_eq!(list("--topic other --state replayed"), [replayed]);
    assert_eq!(
        list("--state replayed --state discarded"),
        [replayed, discarded]
    );
    assert_eq!(list("--state all --limit 2"), [plain, table]);
    assert_eq!(list("--state all").len(), 6);

    let wrong = landfall(&world, "dlq list --since yesterday");
    assert_eq!(wrong.code, Some(2), "{}", wrong.error);
    assert!(wrong.error.contains("how long ago"), "{}", wrong.error);
}

#[tokio::test]
async fn people_are_shown_a_hundred_letters_and_told_how_many_more_there_are() {
    let world = world("dlq_page").await;
    assert!(
        done(&world, "dlq list")
            .text
            .contains("no such dead letters")
    );
    for _ in 0..103 {
        put_aside(&world, &[]).await;
    }
    let text = done(&world, "dlq list").text;
    assert!(text.contains("\n3 more; --limit"), "{text}");
    assert_eq!(text.matches("22P02").count(), 100);
    let text = done(&world, "dlq list --limit 103").text;
    assert!(!text.contains("more;"), "{text}");
    assert_eq!(done(&world, "dlq list --json").objects().len(), 103);
}

#[tokio::test]
async fn what_is_counted_is_grouped_by_table_reason_and_state() {
    let world = world("dlq_summary").await;
    for columns in [
        [("reason", "'value'"), ("state", "'parked'")],
        [("reason", "'value'"), ("state", "'parked'")],
        [("reason", "'value'"), ("state", "'replayed'")],
        [("reason", "'undecodable'"), ("table_name", "NULL")],
    ] {
        put_aside(&world, &columns).await;
    }
    let groups = done(&world, "dlq list --summary --json").objects();
    let told: Vec<_> = groups
        .iter()
        .map(|g| json!([g["table_name"], g["reason"], g["state"], g["count"]]))
        .collect();
    let expected = [
        json!([null, "undecodable", "parked", 1]),
        json!(["public.t", "value", "parked", 2]),
        json!(["public.t", "value", "replayed", 1]),
    ];
    assert_eq!(told, expected);
    let text = done(&world, "dlq list --summary --state parked --table public.t").text;
    let cells: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(cells[..4], ["public.t", "value", "parked", "2"], "{text}");
}

#[tokio::test]
async fn odd_characters_break_neither_table_nor_json() {
    let world = world("dlq_odd").await;
    let odd = "E'\\x1b[2J\\n\"a''b\\\\c\\t\\r\\u009b\\u202eé ;--'";
    put_aside(
        &world,
        &[
            ("table_name", odd),
            ("key", odd),
            ("message", odd),
            ("reason", odd),
        ],
    )
    .await;
    put_aside(&world, &[]).await;

    let text = done(&world, "dlq list").text;
    assert_eq!(text.lines().count(), 3, "{text:?}");
    let steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(steering), "{text:?}");
    assert!(text.contains("[2J \"a'b\\c  é ;--"), "{text:?}");
    let text = done(&world, "dlq list --summary").text;
    assert!(!text.contains(steering), "{text:?}");

    let letters = done(&world, "dlq list --json").objects();
    let exact = "\u{1b}[2J\n\"a'b\\c\t\r\u{9b}\u{202e}é ;--";
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["table_name"], exact);
    assert_eq!(letters[0]["key"], exact);
}

#[tokio::test]
async fn discarded_letters_are_marked_and_stay() {
    let world = world("dlq_discard").await;
    let event = "00000000-0000-0000-0000-00000000002a";
    let uuid = format!("'{event}'");
    let long_ago = ("state_changed_at", "'2026-01-01'");
    let one = put_aside(&world, &[long_ago]).await;
    put_aside(&world, &[long_ago, ("event_id", &uuid)]).await;
    put_aside(&world, &[long_ago, ("table_name", "'public.orders'")]).await;
    let kept = put_aside(&world, &[long_ago, ("reason", "'constraint'")]).await;
    let replayed = put_aside(&world, &[long_ago, ("state", "'replayed'")]).await;

    let by_id = format!("dlq discard --yes --id {one} --id {event}");
    let answer = done(&world, &by_id);
    assert_eq!(answer.text, "2 letters discarded\n");
    let by_filter = "dlq discard --yes --table public.orders";
    assert_eq!(done(&world, by_filter).text, "1 letter discarded\n");
    let discarded = "SELECT count(*) FROM landfall.dead_letters WHERE state = 'discarded' AND state_changed_at > now() - interval '1 hour'";
    assert_eq!(world.count(discarded).await, 3);
    let untouched =
        "SELECT count(*) FROM landfall.dead_letters WHERE state_changed_at = '2026-01-01'";
    assert_eq!(world.count(untouched).await, 2);

    // again: nothing is left to do, and nothing changes
    assert!(done(&world, &by_id).text.contains("nothing to discard"));
    // what is named and can't be had is told, and the others are left alone too
    let refused = landfall(
        &world,
        &format!("dlq discard --yes --id {kept} --id {replayed} --id 999999"),
    );
    assert_eq!(refused.code, Some(1));
    for said in [
        &*format!("letter {replayed} is replayed"),
        "no letter 999999",
        "nothing was discarded",
    ] {
        assert!(refused.error.contains(said), "{}", refused.error);
    }
    assert_eq!(world.count(untouched).await, 2);

    assert_eq!(
        done(&world, "dlq discard --all --yes").text,
        "1 letter discarded\n"
    );
    assert_eq!(world.count(untouched).await, 1);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        5
    );
}

#[tokio::test]
async fn nothing_is_discarded_by_halves_of_a_command() {
    let world = world("dlq_refused").await;
    let id = put_aside(&world, &[]).await;
    for words in [
        "dlq discard --yes".to_owned(),
        format!("dlq discard --id {id}"),
        "dlq discard --all".to_owned(),
        "dlq discard --all --table public.t --yes".to_owned(),
        "dlq discard --id letter --yes".to_owned(),
    ] {
        let refused = landfall(&world, &words);
        assert_eq!(refused.code, Some(2), "{words}: {}", refused.error);
    }
    let refused = landfall(&world, "dlq discard --all");
    assert!(refused.error.contains("--yes"), "{}", refused.error);
    let parked = "SELECT count(*) FROM landfall.dead_letters WHERE state = 'parked'";
    assert_eq!(world.count(parked).await, 1);
}

#[tokio::test]
async fn without_the_bookkeeping_tables_a_command_says_how_to_get_them() {
    let world = World::new("dlq_unmigrated", 1).await;
    for words in [
        "dlq list",
        "dlq discard --all --yes",
        "forget --topic t",
        "status",
    ] {
        let answer = landfall(&world, words);
        assert_eq!(answer.code, Some(1), "{words}");
        assert!(
            answer.error.contains("landfall migrate"),
            "{words}: {}",
            answer.error
        );
        assert!(
            answer.error.contains(&world.name),
            "{words}: {}",
            answer.error
        );
    }
}
