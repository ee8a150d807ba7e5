//! Writes the topics of the comparison.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::executor::block_on;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::bench::Bench;
use crate::kafka::{config, options};

/// Makes the topic anew, and returns its name.
///
/// # Errors
/// As Kafka or the registry say.
pub fn make_topic(bench: &Bench, fixture: &Fixture) -> Result<String> {
    let topic = format!("bench-tables.public.{}", fixture.table);
    bench.kafka.delete(std::slice::from_ref(&topic))?;
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    for made in block_on(bench.kafka.admin()?.create_topics([&new], &options()))? {
        made.map_err(|(topic, code)| anyhow!("{topic}: {code}"))?;
    }
    let mut ids = [0; 2];
    for (schema, (id, half)) in fixture
        .schemas()
        .iter()
        .flatten()
        .zip(ids.iter_mut().zip(["key", "value"]))
    {
        *id = register(bench, &format!("{topic}-{half}"), schema)?;
    }
    let producer: BaseProducer = config(&bench.kafka.brokers).create()?;
    for record in fixture
        .records(ids)
        .map_err(|e| anyhow!("{}: {e}", fixture.title))?
    {
        let mut message = BaseRecord::<[u8], [u8]>::to(&topic).payload(&record.value);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        producer.send(message).map_err(|(error, _)| error)?;
    }
    producer.flush(Duration::from_secs(20))?;
    Ok(topic)
}

/// Returns the schema's id.
fn register(bench: &Bench, subject: &str, schema: &Value) -> Result<i32> {
    let url = format!(
        "{}/apis/ccompat/v7/subjects/{subject}/versions",
        bench.stack.value("REGISTRY")?
    );
    let body = json!({ "schema": schema.to_string() }).to_string();
    let mut curl = Command::new("curl");
    curl.args([
        "--noproxy",
        "*",
        "--silent",
        "--show-error",
        "--fail-with-body",
        "--max-time",
        "60",
    ]);
    curl.args([
        "--header",
        "Content-Type: application/vnd.schemaregistry.v1+json",
    ]);
    let answer = curl.args(["--data-binary", &body, &url]).output()?;
    let said = String::from_utf8_lossy(&answer.stdout);
    ensure!(answer.status.success(), "{url}: {said}");
    let answer: Value = serde_json::from_str(&said)?;
    let id = answer["id"].as_i64().and_then(|id| i32::try_from(id).ok());
    id.with_context(|| format!("{url}: {said}"))
}
