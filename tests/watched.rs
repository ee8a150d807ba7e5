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

/// A group in trouble, and who watches it.
struct Session {
    prometheus: Prometheus,
    postgres: OwnPostgres,
    world: World,
}

impl Session {
    async fn send(&self, table: &str, events: &[Event]) {
        let topic = format!("{}.public.{table}", self.world.name);
        self.world.kafka.produce(&topic, events).await;
    }

    async fn worker_begins(&self) -> Worker {
        let worker = self.world.run();
        watch(&self.prometheus, &worker).await;
        self.send("t", &events::history(300, 2)).await;
        self.send("stopped", &[insert_into("stopped", 1, 1)]).await;
        let landed = "SELECT count(*) FROM t WHERE version = 2";
        self.world.until_count(landed, 300).await;
        let scraped = "landfall_kafka_received_bytes_total > 0";
        self.prometheus.until(scraped).await;
        worker
    }

    /// A table is made, rows are refused, a delete leaves one.
    async fn something_becomes_of_events(&self) {
        let fields = [required("id", "int64"), optional("name", "string")];
        let row = insert("made", &fields, json!({ "id": 1, "name": "Ada" }));
        self.send("made", &[row]).await;
        self.send("t", &[refused(1), refused(2)]).await;
        self.send("users", &[of_user(1, "c", "Bob")]).await;
        self.world
            .until_count("SELECT count(*) FROM users", 1)
            .await;
        self.send("users", &[of_user(2, "d", "bob")]).await;
        for metric in [
            "ddl_statements_total",
            "rows_left_total",
            "open_dead_letters",
        ] {
            self.prometheus
                .until(&format!("landfall_{metric} > 0"))
                .await;
        }
    }

    async fn worker_joins(&self) -> Worker {
        let worker = self.world.run();
        watch(&self.prometheus, &worker).await;
        let shared = "count(landfall_assigned_partitions > 0) == 2";
        self.prometheus.until(shared).await;
        worker
    }

    async fn alter(&self, change: &str) {
        let statement = format!("ALTER TABLE stopped RENAME COLUMN {change}");
        self.world.db.batch_execute(&statement).await.unwrap();
    }

    /// A table lacks a column, then Postgres is away; both are mended.
    async fn something_stands_still(&mut self) {
        self.alter("body TO gone").await;
        self.send("stopped", &[insert_into("stopped", 2, 1)]).await;
        let stands = "landfall_standing_partitions{why=\"systemic\"} > 0";
        self.prometheus.until(stands).await;
        self.postgres.stop();
        self.send("t", &events::history(300, 3)[600..]).await;
        let waits = "landfall_waiting_lanes{verdict=\"unavailable\"} > 0";
        self.prometheus.until(waits).await;
        self.prometheus
            .until("sum(landfall_lag_events) > 100")
            .await;
        self.postgres.restart();
        self.world.reconnect().await;
        let landed = "SELECT count(*) FROM t WHERE version = 3";
        self.world.until_count(landed, 300).await;
        self.alter("gone TO body").await;
        let landed = "SELECT count(*) FROM stopped";
        self.world.until_count(landed, 2).await;
    }

    async fn alerts_seen(&self) -> Vec<String> {
        let asked = "count by (alertname) (ALERTS)";
        let seen = self.prometheus.history(asked).await.unwrap();
        let names = seen
            .iter()
            .filter_map(|(labels, _)| labels["alertname"].as_str());
        names.map(str::to_owned).collect()
    }
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
    let world = world_of_tables(&postgres).await;
    let mut session = Session {
        prometheus: Prometheus::start(),
        postgres,
        world,
    };
    let exporters = Path::new(EXPORTERS);
    session.prometheus.scrape_page("exporters", exporters).await;
    let first = session.worker_begins().await;
    session.something_becomes_of_events().await;
    let second = session.worker_joins().await;
    session.something_stands_still().await;
    assert_eq!(second.stop().await.0, Some(0));
    session.prometheus.until("up == 0").await;

    for (place, query) in queries() {
        let history = session.prometheus.history(&query).await;
        let history = history.unwrap_or_else(|e| panic!("{place}: {query}: {e}"));
        let is_answered = history.iter().any(|(_, values)| !values.is_empty());
        assert!(is_answered, "{place}: {query} is empty");
    }
    let rules = session.prometheus.rules().await;
    assert!(rules.len() > 30, "{}", rules.len());
    for [name, health, error] in rules {
        assert_eq!(health, "ok", "{name}: {error}");
    }
    eventually("the alerts have been seen", async || {
        let seen = session.alerts_seen().await;
        let all = ALERTS
            .iter()
            .all(|alert| seen.iter().any(|name| name == alert));
        all.then_some(())
    })
    .await;
    promtool_accepts_the_metrics_of(&first).await;
    assert_eq!(first.stop().await.0, Some(0));
}
