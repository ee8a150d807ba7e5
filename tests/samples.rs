//! Each file of `config/samples` lands topics of the kind that its first lines tell of: `check` has no problem with them, a run
//! lands them, and reading them again writes no row.

mod audit_trail;
mod bookings;
mod debezium_jdbc_sink;
mod jdbc_source_avro;
mod pg_replicate_kafka;
mod service_protobuf;
mod tenants_mysql;
mod trigger_outbox;
mod unwrapped;

use serde_json::Value;

use crate::commands::done;
use crate::support::avro::Registry;
use crate::support::repository::text;
use crate::support::{Event, World, stack};

/// A world whose configuration is that file, with the stack's addresses in place of the file's, and the world's name before
/// `prefix`, with which the names of the file's topics begin.
async fn sample_world(sample: &str, prefix: &str) -> World {
    let mut world = World::new(&format!("sample_{}", sample.replace('-', "_")), 1).await;
    world.topics.clear();
    let own = |line: &str| match line.split(' ').next() {
        Some("group") => format!("group = {:?}", world.name),
        Some("topic" | "topics") => line.replace(prefix, &topic(&world, prefix)),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text(&format!("config/samples/{sample}.toml"))
        .lines()
        .map(own)
        .collect();
    let whole = lines
        .join("\n")
        .replace("127.0.0.1:9092", &stack().kafka)
        .replace("http://127.0.0.1:8081", &registry().url)
        .replace(
            "postgres://landfall@127.0.0.1:5432/warehouse",
            &world.database_url,
        );
    world.whole = Some(format!("{whole}\n[http]\nlisten = \"127.0.0.1:0\"\n"));
    world
}

/// The world's own topic of that name.
fn topic(world: &World, name: &str) -> String {
    format!("{}-{name}", world.name)
}

fn registry() -> Registry {
    Registry::at(&stack().registry)
}

/// A record with this key, if any, and this value; null is a tombstone.
fn record(key: Option<&Value>, value: &Value) -> Event {
    Event {
        key: key.map(|key| key.to_string().into_bytes()),
        value: (!value.is_null()).then(|| value.to_string().into_bytes()),
        ..Event::default()
    }
}

/// Makes the topic, if it isn't there, and produces to it.
async fn send(world: &mut World, name: &str, events: &[Event]) {
    let topic = topic(world, name);
    if !world.topics.contains(&topic) {
        world.kafka.create_topic(&topic, 1).await;
        world.topics.push(topic.clone());
    }
    world.kafka.produce(&topic, events).await;
}

/// Lands what is there, of which `check` says beforehand that nothing is wrong with it.
async fn land(world: &World) {
    done(world, "check");
    let worker = world.catch_up().await;
    let letters = world
        .count("SELECT count(*) FROM landfall.dead_letters")
        .await;
    assert_eq!(letters, 0, "{}", worker.log());
}

async fn known_events(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM landfall.processed_events")
        .await
}

/// Reads every topic a second time. No row of these tables is written.
async fn read_again(world: &World, tables: &[&str]) {
    let versions = tables
        .iter()
        .map(|table| format!("SELECT '{table} ' || ctid || ' ' || xmin FROM {table}"));
    let versions = versions.collect::<Vec<_>>().join(" UNION ALL ") + " ORDER BY 1";
    let before = world.texts(&versions).await;
    for topic in &world.topics {
        world.kafka.reset(world.group(), topic, 1, 0).await;
    }
    land(world).await;
    assert_eq!(world.texts(&versions).await, before);
}

#[test]
fn each_sample_has_its_test() {
    let files = crate::support::repository::files("config/samples");
    for file in files {
        let name = file
            .trim_start_matches("config/samples/")
            .trim_end_matches(".toml");
        let test = text(&format!("tests/samples/{}.rs", name.replace('-', "_")));
        assert!(test.contains(&format!("sample_world(\"{name}\"")), "{file}");
    }
}
