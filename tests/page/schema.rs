//! `/status.json` and `landfall status --json` are as docs/status.schema.json says.

use serde_json::{Value, json};

use super::{make_trouble, world_with_trouble};
use crate::commands::landfall;
use crate::support::eventually;
use crate::support::repository::text;

/// What is wrong with the value, as the schema has it.
fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// A part of the schema, as a schema.
fn definition(schema: &Value, name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] })
}

/// Every object says which keys it has, and allows no other: so what isn't described isn't told.
fn closed(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(object) => {
                if object.contains_key("properties") {
                    object.insert("additionalProperties".into(), json!(false));
                }
                object.values_mut().for_each(close);
            }
            Value::Array(values) => values.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

#[tokio::test]
async fn what_status_tells_is_described_and_nothing_else_is_told() {
    let schema: Value = serde_json::from_str(&text("docs/status.schema.json")).unwrap();
    let (open, schema) = (schema.clone(), closed(schema));
    let world = world_with_trouble("page_schema").await;
    let worker = world.run();
    let first = worker.get("/status.json").await.1;
    let _rival = make_trouble(&world).await;
    let last = eventually("it stands still and is told", async || {
        let document: Value = serde_json::from_str(&worker.get("/status.json").await.1).unwrap();
        let stands = document["partitions"].as_array().unwrap().iter();
        let stands = stands.filter(|p| p["state"] == "stands_still").count();
        (stands > 0 && document["dead_letters"][0]["parked"] == 3).then_some(document)
    })
    .await;
    for document in [serde_json::from_str(&first).unwrap(), last] {
        let wrong = errors(&schema, &document);
        assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
    }
    let answer = landfall(&world, "status --json");
    for mut line in answer.objects() {
        let mut wrong = errors(&definition(&open, "line"), &line);
        let kind = line.as_object_mut().unwrap().remove("kind").unwrap();
        wrong.extend(errors(&definition(&schema, kind.as_str().unwrap()), &line));
        assert!(wrong.is_empty(), "{wrong:#?}\n{line:#}");
    }
    let kinds = ["partition", "dead_letters", "versions"];
    assert!(
        kinds
            .iter()
            .all(|kind| answer.all("kind").contains(&json!(kind)))
    );
}
