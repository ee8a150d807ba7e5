//! What a real Jaeger has of a worker's batches. `tests/traces.rs` asks the same of a collector of its own at each `make test`:
//! building this one takes minutes.

use std::collections::BTreeSet;
use std::process::Command;

use serde_yaml::Value;

use crate::support::jaeger::Jaeger;
use crate::support::repository::text;
use crate::support::spans::{SeenTrace, producer_trace, traced_row};
use crate::support::stack::dev;
use crate::support::{Event, World, events, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jaeger_has_each_batch_as_one_trace_and_finds_the_one_that_the_log_names() {
    let jaeger = Jaeger::start();
    let mut world = World::new("jaeger", 1).await;
    let endpoint = format!("endpoint = \"{}\"", jaeger.endpoint);
    world.set("tracing", &endpoint);
    world.set("tracing", "sample_ratio = 1.0");
    let rows: Vec<Event> = (1..301).map(traced_row).collect();
    world.kafka.produce(&world.topic, &rows).await;
    world.catch_up().await;
    let first = eventually("Jaeger has a batch", async || {
        Some(jaeger.traces().await).filter(|traces| !traces.is_empty())
    })
    .await;
    let producers: BTreeSet<String> = (1..301).map(producer_trace).collect();
    for trace in first.values() {
        trace.assert_is_of_a_landed_batch(&world.topic, world.group(), &world.name);
        trace.assert_links_to(&producers);
    }

    // of these, only what the log warns of is sent
    world.settings.remove("tracing");
    world.set("tracing", &endpoint);
    world.set("tracing", "sample_ratio = 0.0");
    let worker = world.run();
    world.kafka.produce(&world.topic, &[traced_row(301)]).await;
    world.until_count("SELECT count(*) FROM t", 301).await;
    let letter = events::broken(302).with_header("traceparent", "not a trace");
    world.kafka.produce(&world.topic, &[letter]).await;
    let line = worker.says(&["put aside as a dead letter"]).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    let named = line.rsplit("trace_id=").next().unwrap().trim();
    let told: SeenTrace = eventually("Jaeger has the trace that the log names", async || {
        jaeger.trace(named).await
    })
    .await;
    told.assert_tells_of_letters(&world.dead_letter_topic(), 1);
    assert_eq!(jaeger.traces().await.len(), first.len() + 1);
}

#[test]
fn jaeger_knows_its_flags_in_the_compose_file() {
    let compose: Value = serde_yaml::from_str(&text("docker-compose.yml")).unwrap();
    let command = &compose["services"]["jaeger"]["command"];
    let flags = command.as_sequence().unwrap().iter();
    let output = Command::new(dev("jaeger", &["program"]).trim())
        .args(flags.map(|flag| flag.as_str().unwrap()))
        .arg("--help")
        .output()
        .expect("it is built");
    assert!(output.status.success(), "{output:?}");
}
