//! What watches a group is asked of a real Prometheus that has scraped live workers through trouble of every kind: no query
//! of a dashboard and no rule is empty or in error.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::deployment::alerts::rules_in;
use crate::deployment::dashboards::{dashboards, expressions, panels, title};
use crate::deployment::exported::EXPORTERS;
use crate::evolution::schemas::{create, insert, optional, required, topic};
use crate::support::events::{change_of, insert_into};
use crate::support::own_postgres::OwnPostgres;
use crate::support::prometheus::Prometheus;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, eventually};

/// Alerts that are at least pending once in the session.
const ALERTS: [&str; 6] = [
    "LandfallBreakerOpen",
    "LandfallBurnsBudgetFast",
    "LandfallDeadLetters",
    "LandfallDown",
    "LandfallLate",
    "LandfallWaitsForPostgres",
];

/// An update that a constraint of `t` refuses.
fn refused(id: i64) -> Event {
    events::update(2_500_000 + id, id, 1_000)
}

fn of_user(lsn: i64, op: &str, key: &str) -> Event {
    let row = (op == "c").then(|| json!({ "k": key, "v": 1 }));
    change_of("users", op, lsn, json!({ "k": key }), row)
}

async fn watch(prometheus: &Prometheus, worker: &Worker) {
    let line = worker.says(&["serving /metrics"]).await;
    let (_, address) = line.split_once("address=").unwrap();
    let address = address.split_whitespace().next().unwrap();
    prometheus.scrape("landfall", address.trim_matches('"'));
}

/// A table of each kind of trouble, and the topics that lead to them.
async fn world_of_tables(postgres: &OwnPostgres) -> World {
    let mut world = World::on("watched", 4, &postgres.url()).await;
    create(&mut world);
    let tables = "CREATE EXTENSION citext; CREATE TABLE users (k citext PRIMARY KEY, v int);
        ALTER TABLE t ADD CHECK (version < 1000)";
    world.db.batch_execute(tables).await.unwrap();
    audit::create_table(&world.db, "stopped").await;
    for table in ["users", "stopped", "made"] {
        topic(&mut world, table, 1).await;
    }
    world
}

/// What a live group tells in trouble of each kind; the second worker is gone at the end.
async fn go_through_trouble(
    prometheus: &Prometheus,
    postgres: &OwnPostgres,
    world: &mut World,
) -> Worker {
    let [t, users, stopped, made] = [0, 1, 2, 3].map(|n| world.topics[n].clone());
    let first = world.run();
    watch(prometheus, &first).await;
    world.kafka.produce(&t, &events::history(300, 2)).await;
    world
        .kafka
        .produce(&stopped, &[insert_into("stopped", 1, 1)])
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 300)
        .await;
    prometheus
        .until("landfall_kafka_received_bytes_total > 0")
        .await;

    // a table is made, letters are written, a delete leaves a row
    let fields = [required("id", "int64"), optional("name", "string")];
    let row = insert("made", &fields, json!({ "id": 1, "name": "Ada" }));
    world.kafka.produce(&made, &[row]).await;
    world.kafka.produce(&t, &[refused(1), refused(2)]).await;
    world.kafka.produce(&users, &[of_user(1, "c", "Bob")]).await;
    world.until_count("SELECT count(*) FROM users", 1).await;
    world.kafka.produce(&users, &[of_user(2, "d", "bob")]).await;
    prometheus.until("landfall_ddl_statements_total > 0").await;
    prometheus.until("landfall_rows_left_total > 0").await;
    prometheus.until("landfall_open_dead_letters > 0").await;

    // a second worker joins
    let second = world.run();
    watch(prometheus, &second).await;
    prometheus
        .until("count(landfall_assigned_partitions > 0) == 2")
        .await;

    // a table loses a column, and Postgres goes away
    let rename = "ALTER TABLE stopped RENAME COLUMN body TO gone";
    world.db.batch_execute(rename).await.unwrap();
    world
        .kafka
        .produce(&stopped, &[insert_into("stopped", 2, 1)])
        .await;
    prometheus
        .until("landfall_standing_partitions{why=\"systemic\"} > 0")
        .await;
    postgres.stop();
    world
        .kafka
        .produce(&t, &events::history(300, 3)[600..])
        .await;
    prometheus
        .until("landfall_waiting_lanes{verdict=\"unavailable\"} > 0")
        .await;
    prometheus.until("sum(landfall_lag_events) > 100").await;
    postgres.restart();
    world.reconnect().await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 300)
        .await;

    // what it lacked is there again, and one worker goes
    let rename = "ALTER TABLE stopped RENAME COLUMN gone TO body";
    world.db.batch_execute(rename).await.unwrap();
    world.until_count("SELECT count(*) FROM stopped", 2).await;
    assert_eq!(second.stop().await.0, Some(0));
    prometheus.until("up == 0").await;
    first
}

/// As Grafana would ask, of everything.
fn without_variables(expression: &str) -> String {
    let mut asked = expression
        .replace("$__rate_interval", "5s")
        .replace("$__range", "10m");
    for variable in ["job", "instance", "topic", "table"] {
        asked = asked.replace(&format!("\"${variable}\""), "\".+\"");
    }
    assert!(!asked.contains('$'), "{asked}");
    asked
}

/// Every query of the dashboards with the panel's title, and what rules record.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let place = format!("{}: {}", title(&dashboard), title(panel));
            let asked = expressions(panel).into_iter().map(without_variables);
            queries.extend(asked.map(|expression| (place.clone(), expression)));
        }
    }
    for rule in rules_in("rules") {
        let record = rule["record"].as_str().unwrap().to_owned();
        queries.push(("rules".to_owned(), record));
    }
    queries
}

/// `promtool check metrics` on what the worker tells: names, units, help.
async fn promtool_accepts_the_metrics_of(worker: &Worker) {
    let (_, page) = worker.get("/metrics").await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(page.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboards_and_every_rule_answers_for_a_live_group_in_trouble() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = world_of_tables(&postgres).await;
    let prometheus = Prometheus::start();
    prometheus
        .scrape_page("exporters", Path::new(EXPORTERS))
        .await;
    let first = go_through_trouble(&prometheus, &postgres, &mut world).await;

    for (place, query) in queries() {
        let history = prometheus.history(&query).await;
        let history = history.unwrap_or_else(|e| panic!("{place}: {query}: {e}"));
        assert!(
            history.iter().any(|(_, values)| !values.is_empty()),
            "{place}: {query} is empty"
        );
    }
    let rules = prometheus.rules().await;
    assert!(rules.len() > 30, "{}", rules.len());
    for [name, health, error] in rules {
        assert_eq!(health, "ok", "{name}: {error}");
    }
    eventually("the alerts have been seen", async || {
        let seen = prometheus
            .history("count by (alertname) (ALERTS)")
            .await
            .unwrap();
        let names = seen
            .iter()
            .filter_map(|(labels, _)| labels["alertname"].as_str());
        ALERTS
            .map(|alert| names.clone().any(|name| name == alert))
            .iter()
            .all(|seen| *seen)
            .then_some(())
    })
    .await;
    promtool_accepts_the_metrics_of(&first).await;
    assert_eq!(first.stop().await.0, Some(0));
}
