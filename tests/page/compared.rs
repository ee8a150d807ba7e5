//! What the page shows beside what `landfall status --json` says at the same time.

use serde_json::{Value, json};

use super::address;
use super::browser::{ReadRow, dump, read_rows};
use crate::commands::landfall;
use crate::support::worker::Worker;
use crate::support::{World, eventually};

/// As the command says: its objects of a kind.
pub fn told(world: &World, kind: &str) -> Vec<Value> {
    let objects = landfall(world, "status --json").objects().into_iter();
    objects.filter(|object| object["kind"] == kind).collect()
}

/// The page in a browser, with what Kafka and Postgres were asked for after this moment.
pub async fn fresh_page(worker: &Worker) -> String {
    // to a second
    let asked_at = async || {
        let (_, document) = worker.get("/status.json").await;
        let document: Value = serde_json::from_str(&document).unwrap();
        document["asked_at"].as_str().map(str::to_owned)
    };
    let now = landfall::clock::utc_now();
    eventually("it was asked since", async || {
        asked_at().await.filter(|asked| *asked > now)
    })
    .await;
    dump(&address(worker, "/").await)
}

/// What is shown of a partition is what the command said before or what it says after, or lies between.
pub async fn shows_the_same(world: &World, worker: &Worker) -> String {
    let before = told(world, "partition");
    let page = fresh_page(worker).await;
    let after = told(world, "partition");
    let rows = read_rows(&page, "partitions");
    assert_eq!(rows.len(), after.len(), "{rows:?} {after:?}");
    for ((row, before), after) in rows.iter().zip(&before).zip(&after) {
        let said = format!("{row:?} is neither {before} nor {after}");
        assert_eq!(json!(row["topic"]), after["topic"]);
        assert_eq!(row["partition"], after["partition"].to_string());
        for column in ["committed", "applied", "end"] {
            assert!(lies_between(row, column, before, after), "{column}: {said}");
        }
        if let (Ok(applied), Ok(end)) = (row["applied"].parse::<i64>(), row["end"].parse::<i64>()) {
            let lag = (end - applied).max(0).to_string();
            assert!(row["lag"] == lag || after["applied"].is_null(), "{said}");
        }
        let state = |line: &Value| describe(line);
        assert!(
            [state(before), state(after)].contains(&row["state"]),
            "{said}: {page}"
        );
    }
    let letters = told(world, "dead_letters");
    let shown = read_rows(&page, "letters");
    let shown: Vec<Value> = shown.iter().map(letter_cells).collect();
    let said = letters.iter().map(|l| {
        json!([
            l["table_name"].as_str().unwrap_or("?"),
            l["reason"],
            l["parked"].to_string(),
            l["parked_keys"].to_string(),
            l["done_with"].to_string()
        ])
    });
    assert_eq!(shown, said.collect::<Vec<_>>());
    page
}

fn lies_between(row: &ReadRow, column: &str, before: &Value, after: &Value) -> bool {
    let shown = row[column].parse::<i64>().ok();
    match (before[column].as_i64(), shown, after[column].as_i64()) {
        // the worker knows what nobody else tells now
        (_, _, None) => true,
        (None, _, Some(most)) => shown.is_none_or(|shown| shown <= most),
        (Some(least), shown, Some(most)) => shown.is_some_and(|s| (least..=most).contains(&s)),
    }
}

fn letter_cells(row: &ReadRow) -> Value {
    let columns = ["table", "reason", "parked", "parked keys", "done with"];
    json!(columns.map(|column| &row[column]))
}

/// As `landfall status` has it for people; why it stands still is told apart.
fn describe(line: &Value) -> String {
    let line = line.clone();
    match (line["state"].as_str().unwrap(), &line["standstill"]) {
        (_, Value::Object(standstill)) => {
            format!(
                "stands still since {}",
                standstill["since"].as_str().unwrap()
            )
        }
        ("ok", _) => String::new(),
        ("new", _) => "nothing applied yet".to_owned(),
        ("unknown", _) => "?".to_owned(),
        (state, _) => panic!("{state}"),
    }
}
