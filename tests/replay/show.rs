//! `dlq show`: everything that is known of one letter, for people and for programs.

use serde_json::json;

use crate::commands::{done, landfall};
use crate::replay::{bad, land, mend, part, world};
use crate::support::Event;
use crate::support::events::{insert, update};
use crate::support::kafka::header;

#[tokio::test]
async fn a_letter_is_shown_with_its_record_its_error_and_what_a_replay_would_do() {
    let world = world("show").await;
    let refused = bad(2, 1, 2).with_header("trace", "t-1");
    let events = [insert(1, 1, 1), refused.clone(), part(3, 1, 3)];
    land(&world, &events).await;
    let text = done(&world, "dlq show 1").text;
    let value = String::from_utf8(refused.value.unwrap()).unwrap();
    let event: String = {
        let sql = "SELECT event_id::text FROM landfall.dead_letters WHERE id = 1";
        world.db.query_one(sql, &[]).await.unwrap().get(0)
    };
    for said in [
        "state          parked",
        "table          public.t",
        "key            {\"id\":1}",
        &format!("read from      {}[0], offset 1", world.topic),
        "constraint at TASK_PUT, SQLSTATE 23514",
        "header         trace: t-1",
        "record key     {\"id\":1}",
        &value,
        &event,
        "later letter   2 (parked, behind), offset 2",
        "a replay       would fail (constraint, SQLSTATE 23514)",
    ] {
        assert!(text.contains(said), "{said} in:\n{text}");
    }
    assert_eq!(text.matches("trace").count(), 1, "{text}");

    let object = done(&world, &format!("dlq show {event} --json"))
        .objects()
        .remove(0);
    assert_eq!(object["letter"]["id"], 1);
    assert_eq!(object["record"]["value"], value);
    assert_eq!(
        object["record"]["headers"],
        json!([{ "key": "trace", "value": "t-1" }])
    );
    assert_eq!(object["others_of_its_key"][0]["id"], 2);
    assert_eq!(object["replay"]["outcome"], "failed");
    let second = done(&world, "dlq show 2").text;
    assert!(
        second.contains("a replay       waits behind letter 1"),
        "{second}"
    );
    assert!(
        second.contains("earlier one    1 (parked, constraint)"),
        "{second}"
    );

    mend(&world, "bad").await;
    land(&world, &[update(4, 1, 4)]).await;
    let text = done(&world, "dlq show 1").text;
    assert!(text.contains("superseded by the later event"), "{text}");
    let sql = "SELECT count(*) FROM audit";
    assert_eq!(world.count(sql).await, 2, "showing changes nothing");
}

#[tokio::test]
async fn what_is_no_text_is_shown_by_its_bytes_and_nothing_steers_the_terminal() {
    let world = world("show_odd").await;
    let binary = Event {
        key: Some(vec![0xff, 0xfe]),
        value: Some(vec![0xff, 0x00, 0xc3]),
        ..Event::default()
    };
    let steering = Event::raw("\"\u{1b}[2J\"", "a\u{1b}]0;title\u{7}\r\nb")
        .with_header("odd\u{1b}", "\u{9b}2J");
    land(&world, &[binary, steering]).await;

    let text = done(&world, "dlq show 1").text;
    assert!(
        text.contains("record key     2 bytes that are no text, beginning with fffe"),
        "{text}"
    );
    assert!(
        text.contains("record value   3 bytes that are no text, beginning with ff00c3"),
        "{text}"
    );
    let text = done(&world, "dlq show 2").text;
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(control), "{text:?}");
    assert!(text.contains("record value   a]0;title  b"), "{text:?}");
    let object = done(&world, "dlq show 2 --json").objects().remove(0);
    assert_eq!(object["record"]["value"], "a\u{1b}]0;title\u{7}\r\nb");
}

#[tokio::test]
async fn a_letter_without_a_row_is_shown_by_its_event_id() {
    let world = world("show_stray").await;
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1), bad(2, 1, 2)])
        .await;
    let worker = world.run_until("before_commit", 2);
    worker.await_seam("before_commit").await.kill().await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    let event = header(&letters[0], "landfall.event.id").unwrap();

    let text = done(&world, &format!("dlq show {event}")).text;
    assert!(
        text.contains("it lies in the dead letter topic alone"),
        "{text}"
    );
    assert!(
        text.contains("a replay       is left to the worker"),
        "{text}"
    );
    let object = done(&world, &format!("dlq show {event} --json"))
        .objects()
        .remove(0);
    assert_eq!(object["letter"]["event_id"], event);
    assert_eq!(object["replay"]["outcome"], "left_to_worker");

    for id in ["7", "00000000-0000-0000-0000-00000000002a"] {
        let answer = landfall(&world, &format!("dlq show {id}"));
        assert_eq!(answer.code, Some(1));
        assert!(
            answer.error.contains(&format!("there is no letter {id}")),
            "{}",
            answer.error
        );
    }
}

#[tokio::test]
async fn a_letter_that_kafka_no_longer_has_is_shown_as_lost() {
    let world = world("show_lost").await;
    world
        .kafka
        .create_topic(&world.dead_letter_topic(), 1)
        .await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    world
        .kafka
        .delete_records(&world.dead_letter_topic(), 1)
        .await;
    let text = done(&world, "dlq show 1").text;
    assert!(
        text.contains("record         lost: the dead letter topic no longer holds it"),
        "{text}"
    );
    let object = done(&world, "dlq show 1 --json").objects().remove(0);
    assert!(object["record"]["lost"].is_string());
    assert_eq!(object["replay"]["outcome"], "missing");
}
