//! `landfall check` asks the registry, and says which schemas the records have.

use serde_json::{Value, json};

use super::{produce, world};
use crate::commands::{Answer, landfall};
use crate::support::Event;
use crate::support::events::{change, insert};

fn of_kind(answer: &Answer, kind: &str) -> Vec<Value> {
    let all = answer.objects();
    all.into_iter().filter(|o| o["kind"] == kind).collect()
}

#[tokio::test]
async fn a_healthy_set_up_names_each_topics_schemas() {
    let (world, encoder) = world("avro_check", 1).await;
    world.migrate().await;
    produce(&world, &encoder, &[insert(1, 1, 1), insert(2, 2, 1)]).await;
    let answer = landfall(&world, "check --json");
    assert_eq!(answer.code, Some(0), "{}{}", answer.text, answer.error);
    let registry = of_kind(&answer, "registry").remove(0);
    assert_eq!(
        (&registry["reachable"], &registry["schemas"]),
        (&json!(1), &json!(2))
    );
    let topic = of_kind(&answer, "topic").remove(0);
    assert_eq!(topic["table"], "public.t");
    assert_eq!(topic["columns"], 3);
    let schemas = topic["schemas"].to_string();
    let value = format!("{}-value version 1 (id {})", world.topic, encoder.value.0);
    // keys of all tests are alike, and registered under many subjects
    assert!(
        schemas.contains(&value) && schemas.contains("-key version 1"),
        "{schemas}"
    );
    let text = landfall(&world, "check").text;
    assert!(
        text.contains("answers; 2 schemas in the sampled records"),
        "{text}"
    );
    assert!(text.contains(&value), "{text}");
}

#[tokio::test]
async fn every_problem_with_registry_and_records_is_told() {
    let (mut world, encoder) = world("avro_check_odd", 1).await;
    world.migrate().await;
    let column = json!({ "id": 1, "version": 1, "body": "x" });
    let good = encoder.encode(&change("c", 1, 1, Some(column)));
    let unknown = [&[0][..], &i32::MAX.to_be_bytes(), &[2]].concat();
    let apicurio = [&[0][..], &7_i64.to_be_bytes(), &[2]].concat();
    let odd = [
        unknown.as_slice(),
        apicurio.as_slice(),
        b"{\"op\":\"c\"}",
        &good.value.clone().unwrap()[..20],
    ];
    let odd = odd.map(|value| Event {
        value: Some(value.to_vec()),
        ..good.clone()
    });
    world
        .kafka
        .produce(&world.topic, &[odd.as_slice(), &[good]].concat())
        .await;
    let answer = landfall(&world, "check --json");
    let found: Vec<String> = of_kind(&answer, "problem")
        .iter()
        .chain(&of_kind(&answer, "warning"))
        .map(|o| format!("{} {}", o["code"], o["found"]))
        .collect();
    for said in [
        "has no schema with id 2147483647",
        "look like JSON",
        "ends too early",
        "set apicurio.registry.as-confluent=true",
    ] {
        assert!(
            found.iter().any(|f| f.contains(said)),
            "{said} is not in {found:#?}"
        );
    }

    world.settings.insert(
        "format.registry",
        vec!["url = \"http://127.0.0.1:1\"".to_owned()],
    );
    let answer = landfall(&world, "check --json");
    assert_eq!(answer.code, Some(1));
    let codes: Vec<Value> = of_kind(&answer, "problem")
        .iter()
        .map(|o| o["code"].clone())
        .collect();
    assert_eq!(codes, ["registry_unreachable"], "{}", answer.text);
    let address = crate::support::stack().registry.clone();
    world
        .settings
        .insert("format.registry", vec![format!("url = \"{address}\"")]);
    let answer = landfall(&world, "check --json");
    let codes: Vec<Value> = of_kind(&answer, "problem")
        .iter()
        .map(|o| o["code"].clone())
        .collect();
    assert_eq!(codes, ["registry_unusable"], "{}", answer.text);
}
