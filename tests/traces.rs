//! Traces: what a collector is sent of each batch, and that nothing waits for the collector. The same is asked of a real
//! Jaeger in `tests/soak/jaeger.rs`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::support::collector::Collector;
use crate::support::spans::{SeenTrace, producer_trace, traced_row};
use crate::support::worker::Worker;
use crate::support::{Event, World, events, eventually};

fn traced_rows(ids: std::ops::Range<i64>) -> Vec<Event> {
    ids.map(traced_row).collect()
}

fn send_to(world: &mut World, endpoint: &str, ratio: f64) {
    world.set("tracing", &format!("endpoint = \"{endpoint}\""));
    world.set("tracing", &format!("sample_ratio = {ratio:?}"));
}

#[tokio::test]
async fn a_batch_is_one_trace_of_its_steps_and_statements_that_is_linked_to_its_producers() {
    let mut world = World::new("traced", 1).await;
    let collector = Collector::start().await;
    send_to(&mut world, &collector.url, 1.0);
    world
        .kafka
        .produce(&world.topic, &traced_rows(1..301))
        .await;
    world.catch_up().await;
    let traces = collector.traces();
    let with_rows: Vec<&SeenTrace> = traces.values().collect();
    assert!(!with_rows.is_empty(), "{traces:#?}");
    let producers: BTreeSet<String> = (1..301).map(producer_trace).collect();
    for trace in with_rows {
        trace.assert_is_of_a_landed_batch(&world.topic, world.group(), &world.name);
        trace.assert_links_to(&producers);
    }
    assert!(collector.services().iter().all(|name| name == "landfall"));
}

#[tokio::test]
async fn a_batch_with_dead_letters_is_traced_though_no_others_are_and_the_log_names_its_trace() {
    let mut world = World::new("traced_letters", 1).await;
    let collector = Collector::start().await;
    send_to(&mut world, &collector.url, 0.0);
    let refuse = "ALTER TABLE t ADD CONSTRAINT low CHECK (version < 100)";
    world.db.batch_execute(refuse).await.unwrap();
    let worker = world.run();
    world.kafka.produce(&world.topic, &traced_rows(1..3)).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    let (refused, fine) = (events::insert(3, 3, 100), events::insert(4, 4, 1));
    let letters = [events::broken(5), refused, fine];
    world.kafka.produce(&world.topic, &letters).await;
    world.until_count("SELECT count(*) FROM t", 3).await;
    let line = worker.says(&["put aside", "constraint"]).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    let traces = collector.traces();
    let mut sent = 0;
    for trace in traces.values() {
        let told = trace
            .said()
            .iter()
            .filter(|s| s.contains("put aside"))
            .count();
        assert!(told > 0, "nothing was to be told of {trace:#?}");
        trace.assert_tells_of_letters(&world.dead_letter_topic(), told);
        sent += told;
    }
    assert_eq!(sent, 2, "{traces:#?}");
    let named = line.rsplit("trace_id=").next().unwrap().trim();
    assert!(
        traces.contains_key(named),
        "{line} names none of {traces:#?}"
    );
    let refusals = traces.values().flat_map(|trace| &trace.parts);
    let refusals: Vec<_> = refusals
        .filter(|part| part.attribute("db.response.status_code") == Some("23514"))
        .collect();
    assert!(!refusals.is_empty(), "{traces:#?}");
    // the rest of the batch went in without the event that was to blame
    assert!(refusals.iter().all(|part| !part.is_error), "{refusals:#?}");
}

#[tokio::test]
async fn a_batch_that_only_a_person_can_help_is_traced_as_an_error() {
    let mut world = World::new("traced_error", 1).await;
    let collector = Collector::start().await;
    send_to(&mut world, &collector.url, 0.0);
    let gone = "ALTER TABLE t RENAME TO away";
    world.db.batch_execute(gone).await.unwrap();
    world.kafka.produce(&world.topic, &traced_rows(1..3)).await;
    let worker = world.run();
    worker.says(&["ERROR", "trace_id="]).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    let traces = collector.traces();
    let is_error = |trace: &&SeenTrace| trace.root.is_error;
    let failed = traces.values().find(is_error);
    let failed = failed.unwrap_or_else(|| panic!("no error in {traces:#?}"));
    assert_eq!(failed.root.attribute("error.type"), Some("systemic"));
}

/// A port at which connections are taken, and nothing else is done.
async fn hang() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A port at which nobody is.
async fn nobody() -> String {
    hang().await.1
}

#[tokio::test]
async fn rows_arrive_and_the_worker_ends_though_the_collector_is_away_or_hangs_and_what_is_dropped_is_counted()
 {
    let (_listener, hanging) = hang().await;
    for (name, endpoint) in [("traced_away", nobody().await), ("traced_hang", hanging)] {
        let mut world = World::new(name, 1).await;
        send_to(&mut world, &endpoint, 1.0);
        world.set("apply", "batch_rows = 2");
        world
            .kafka
            .produce(&world.topic, &traced_rows(1..101))
            .await;
        let variables = [
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ];
        let worker = Worker::start(&["run"], &world.config_file(), &variables);
        world.until_count("SELECT count(*) FROM t", 100).await;
        let dropped = eventually("spans are dropped", async || {
            let (metric, kind) = ("landfall_telemetry_dropped_total", "kind=\"spans\"");
            let dropped = worker.metric(metric, &[kind]).await;
            (dropped > 0.0).then_some(dropped)
        })
        .await;
        let since = Instant::now();
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
        // it would wait for ten minutes else
        assert!(since.elapsed() < Duration::from_secs(30), "{log}");
        assert!(dropped.fract() == 0.0);
        let told = log.matches("spans can't be sent").count();
        assert!(told <= 1, "{log}");
    }
}
