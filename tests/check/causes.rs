//! `landfall check` tells why records would become dead letters: once for each cause, whatever the values, and as a
//! problem where all of a kind would.

use serde_json::{Value, json};

use super::{check, insert, objects, table, topic};
use crate::support::{Event, World};

const ODD: &str = "CREATE TABLE odd (id int PRIMARY KEY, n int)";

fn broken(id: i64, after: &str) -> Event {
    let value = format!(r#"{{"op":"c","after":"{after}","source":{{}}}}"#);
    Event::raw(&json!({ "id": id }).to_string(), &value)
}

fn found<'o>(objects: &'o [Value], code: &str) -> Vec<&'o Value> {
    objects.iter().filter(|o| o["code"] == code).collect()
}

#[tokio::test]
async fn records_whose_values_alone_differ_have_one_cause_with_the_first_place_and_their_letters_reason()
 {
    let mut world = World::new("causes_values", 1).await;
    table(&world, ODD).await;
    let records = [
        insert("odd", json!({ "id": 1, "n": 1 })),
        broken(2, "hunter2"),
        broken(3, "quite another"),
    ];
    topic(&mut world, "odd", &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(0), "{out}{err}");
    let objects = objects(&out);
    let causes = found(&objects, "not_change_events");
    assert_eq!(causes.len(), 1, "{out}");
    let expected = json!({
        "kind": "warning", "partition": 0, "offset": 1, "events": 2, "of_events": 3, "verdict": "reject",
        "reason": "undecodable",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&causes[0][name], value, "{name}: {out}");
    }
    assert!(!out.contains("hunter2") && !out.contains("quite"), "{out}");

    world.catch_up().await;
    let letters = "SELECT count(*) FROM landfall.dead_letters WHERE reason = 'undecodable'";
    assert_eq!(world.count(letters).await, 2);
}

#[tokio::test]
async fn records_that_differ_in_what_is_wrong_are_told_apart_and_are_a_problem_where_none_is_landed()
 {
    let mut world = World::new("causes_apart", 1).await;
    table(&world, ODD).await;
    let heartbeat = Event::raw(r#"{"serverName":"test"}"#, r#"{"ts_ms":1}"#);
    let no_op = Event::raw(
        r#"{"id":4}"#,
        r#"{"op":"hunter2","after":{"id":4},"source":{}}"#,
    );
    // what carries nothing to land says nothing of the others
    topic(&mut world, "odd", &[heartbeat, broken(2, "x"), no_op]).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}{err}");
    let objects = objects(&out);
    let causes = found(&objects, "not_change_events");
    assert_eq!(causes.len(), 2, "{out}");
    for (cause, offset) in causes.iter().zip([1, 2]) {
        assert_eq!(cause["kind"], "problem", "{out}");
        assert_eq!(cause["offset"], offset, "{out}");
        assert_eq!(
            (&cause["events"], &cause["of_events"]),
            (&json!(1), &json!(2))
        );
    }
    assert!(!out.contains("hunter2"), "{out}");
}

#[tokio::test]
async fn values_that_dont_convert_are_told_by_what_is_wrong_with_them() {
    let mut world = World::new("causes_unfit", 1).await;
    table(&world, ODD).await;
    let records = [
        insert("odd", json!({ "id": 1, "n": { "a": 1 } })),
        insert("odd", json!({ "id": 2, "n": { "b": "hunter2" } })),
        insert("odd", json!({ "id": 3, "n": [1] })),
        insert("odd", json!({ "id": 4, "n": 4 })),
    ];
    topic(&mut world, "odd", &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(0), "{out}{err}");
    let objects = objects(&out);
    let causes = found(&objects, "values_unfit");
    let told: Vec<_> = causes
        .iter()
        .map(|cause| (&cause["column"], &cause["offset"], &cause["events"]))
        .collect();
    let n = json!("n");
    let expected = [(&n, &json!(0), &json!(2)), (&n, &json!(2), &json!(1))];
    assert_eq!(told, expected, "{out}");
    assert!(
        causes.iter().all(|cause| cause["reason"] == "value"),
        "{out}"
    );
}
