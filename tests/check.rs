//! `landfall check` finds everything that is wrong at once, and changes nothing.

mod causes;
mod ledger;
mod trial;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Event, World, events, stack};

/// Exit code, standard output and standard error.
fn check(config: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("check")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .expect("landfall starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn objects(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
    text.lines().map(parse).collect()
}

fn codes(objects: &[Value], kind: &str) -> Vec<String> {
    let of_kind = objects.iter().filter(|object| object["kind"] == kind);
    let mut codes: Vec<String> = of_kind
        .map(|object| object["code"].as_str().expect("a code").to_owned())
        .collect();
    codes.sort();
    codes
}

async fn table(world: &World, sql: &str) {
    world.db.batch_execute(sql).await.expect(sql);
}

/// A topic of this world with these events, which the configuration names.
async fn topic(world: &mut World, table: &str, events: &[Event]) -> String {
    let topic = format!("{}.public.{table}", world.name);
    world.kafka.create_topic(&topic, 1).await;
    world.kafka.produce(&topic, events).await;
    world.topics.push(topic.clone());
    topic
}

fn insert(table: &str, row: Value) -> Event {
    events::change_of(table, "c", 1, json!({ "id": 1 }), Some(row))
}

#[tokio::test]
async fn positions_that_dont_tell_events_apart_are_a_warning() {
    let mut world = World::new("check_positions", 1).await;
    let other = |version| json!({ "id": 1, "version": version, "body": "b" });
    world
        .kafka
        .produce(
            &world.topic,
            &[insert("t", other(1)), insert("t", other(2))],
        )
        .await;
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let objects = objects(&out);
    assert!(
        codes(&objects, "warning").contains(&"positions_ambiguous".to_owned()),
        "{out}"
    );
    assert!(out.contains("provide.transaction.metadata=true"), "{out}");
    world.set("apply", "idempotency = \"offset\"");
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert!(!out.contains("positions_ambiguous"), "{out}");
}

#[tokio::test]
async fn a_healthy_set_up_exits_0_and_prints_table_and_key() {
    let world = World::new("check_healthy", 3).await;
    // as a broker has it by default; the stack's keeps events for ever
    let week = [("retention.ms", "604800000")];
    world.kafka.configure(&world.topic, &week).await;
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;

    let (code, text, error) = check(&world.config_file(), &[]);

    assert_eq!(code, Some(0), "{text}{error}");
    let line = text.lines().find(|line| line.starts_with(&world.topic));
    let cells: Vec<&str> = line.expect(&text).split_whitespace().collect();
    assert_eq!(cells[1..], ["3", "public.t", "id", "3", "ok"], "{text}");
    assert!(text.contains("`run` creates it"), "{text}");
    assert!(text.ends_with("\nno problems\n"), "{text}");
}

#[tokio::test]
async fn all_problems_are_reported_at_once() {
    let mut world = World::new("check_all", 1).await;
    world.topics.push(format!("{}.absent", world.name));
    topic(
        &mut world,
        "nowhere",
        &[insert("nowhere", json!({ "id": 1 }))],
    )
    .await;
    let row = json!({ "id": 1, "name": "a", "n": "no number", "x": 1, "y": 2 });
    topic(&mut world, "narrow", &[insert("narrow", row)]).await;
    table(
        &world,
        "CREATE TABLE narrow (id int NOT NULL, name text, n int, must text NOT NULL)",
    )
    .await;
    let heartbeat = Event::raw(r#"{"serverName":"test"}"#, r#"{"ts_ms":1}"#);
    topic(&mut world, "heartbeat", &[heartbeat]).await;

    let (code, text, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{text}");
    let objects = objects(&text);
    let problems = [
        "columns_missing",
        "no_unique_index",
        "required_columns",
        "table_missing",
        "topic_missing",
    ];
    assert_eq!(codes(&objects, "problem"), problems, "{text}");
    // a heartbeat's topic does no harm
    assert!(
        codes(&objects, "warning").contains(&"nothing_to_land".to_owned()),
        "{text}"
    );
    let columns = objects.iter().find(|o| o["code"] == "columns_missing");
    let columns = columns.expect("found");
    assert_eq!(columns["table"], "public.narrow");
    assert!(columns["found"].as_str().expect("text").ends_with(": x, y"));
}

#[tokio::test]
async fn values_that_do_not_fit_are_told_without_being_shown() {
    let mut world = World::new("check_values", 1).await;
    let row = json!({ "id": 1, "name": null, "at": { "hunter2": 1 } });
    topic(&mut world, "odd", &[insert("odd", row)]).await;
    let broken = Event::raw(r#"{"id":1}"#, r#"{"op":"c","after":"hunter2","source":{}}"#);
    topic(&mut world, "broken", &[broken]).await;
    table(
        &world,
        "CREATE TABLE odd (id int PRIMARY KEY, name text NOT NULL, at timestamptz)",
    )
    .await;

    let (code, text, error) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1));
    let problems = ["not_change_events", "nulls", "values_unfit"];
    assert_eq!(codes(&objects(&text), "problem"), problems, "{text}");
    assert!(
        !format!("{text}{error}").contains("hunter2"),
        "{text}{error}"
    );
}

/// Anybody who may write to a topic names a table there; whoever checks looks at it in a terminal.
#[tokio::test]
async fn check_prints_nothing_unfiltered_that_a_record_says() {
    let mut world = World::new("check_steering", 1).await;
    let steering = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}";
    let (table, column) = (format!("o{steering}rders"), format!("na{steering}me"));
    let row = json!({ "id": 1, column: "a" });
    topic(&mut world, "steering", &[insert(&table, row)]).await;

    let (code, text, error) = check(&world.config_file(), &[]);
    let (_, json, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{text}");
    let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    for said in [&text, &error, &json] {
        assert!(!said.chars().any(steers), "{said:?}");
    }
    assert!(text.contains("public.o]0;owned[2J31mrders"), "{text}");
    let objects = objects(&json);
    let missing = objects.iter().find(|o| o["code"] == "table_missing");
    let missing = missing.expect("found");
    assert_eq!(missing["table"], format!("public.{table}"));
}

#[tokio::test]
async fn unreachable_kafka_and_postgres_are_both_named_in_bounded_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("landfall.toml");
    let text = "[kafka]\nbrokers = \"127.0.0.1:1\"\ntopics = [\"t\"]\n\
                [postgres]\nurl = \"postgres://sink:hunter2@127.0.0.1:1/warehouse\"\n";
    std::fs::write(&config, text).expect("written");

    let started = Instant::now();
    let (code, text, error) = check(&config, &[]);

    assert_eq!(code, Some(1));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(
        text.contains("Kafka at 127.0.0.1:1 can't be reached"),
        "{text}"
    );
    assert!(
        text.contains("Postgres at postgres://sink@127.0.0.1:1/warehouse"),
        "{text}"
    );
    assert!(error.contains("2 problems found"), "{error}");
    assert!(!format!("{text}{error}").contains("hunter2"));
}

#[tokio::test]
async fn a_missing_privilege_names_the_grant() {
    let world = World::new("check_grant", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(2, 1))
        .await;
    let role = &world.name;
    table(
        &world,
        &format!("CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT ON t TO {role}"),
    )
    .await;
    let address = stack().postgres.replace("postgres@", &format!("{role}@"));
    let config = world.config_file_for(&format!("{address}/{}", world.name));

    let (code, text, _) = check(&config, &[]);

    assert_eq!(code, Some(1), "{text}");
    let grant = format!(r#"GRANT UPDATE, DELETE ON "public"."t" TO "{role}";"#);
    assert!(text.contains(&grant), "{text}");
    // nor may it create the bookkeeping
    let create = format!(r#"CREATE SCHEMA "landfall" AUTHORIZATION "{role}";"#);
    assert!(text.contains(&create), "{text}");
    table(&world, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_destination_that_takes_no_writes_is_a_problem() {
    let world = World::new("check_read_only", 1).await;
    let read_only = "ALTER DATABASE {} SET default_transaction_read_only = on";
    table(&world, &read_only.replace("{}", &world.name)).await;

    let (code, text, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1));
    assert_eq!(codes(&objects(&text), "problem"), ["postgres_read_only"]);
}

#[tokio::test]
async fn a_topic_without_records_is_judged_by_a_guess_and_only_warns() {
    let mut world = World::new("check_empty", 1).await;
    topic(&mut world, "later", &[]).await;
    world.topics.push(format!("^{}_none[.].*", world.name));

    let (code, text, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(0), "{text}");
    let objects = objects(&text);
    let warnings = [
        "pattern_matches_nothing",
        "table_missing",
        "topic_outlives_ledger",
    ];
    assert_eq!(codes(&objects, "warning"), warnings, "{text}");
    let lines: Vec<&Value> = objects.iter().filter(|o| o["kind"] == "topic").collect();
    assert_eq!(lines[0]["table"], "public.later");
    assert_eq!(lines[0]["table_from"], "topic_name");
    assert_eq!(lines[1]["table"], "public.t");
    assert_eq!(lines[1]["state"], "ok");
}

#[tokio::test]
async fn a_wrong_property_is_named_and_its_value_is_kept_secret() {
    let mut world = World::new("check_property", 1).await;
    world.set("kafka.properties", "\"sasl.pasword\" = \"hunter2\"");

    let (code, text, error) = check(&world.config_file(), &[]);

    assert_eq!(code, Some(1));
    assert!(text.contains("kafka.properties.sasl.pasword"), "{text}");
    assert!(
        !format!("{text}{error}").contains("hunter2"),
        "{text}{error}"
    );
}

#[tokio::test]
async fn checking_changes_nothing() {
    let world = World::new("check_nothing", 2).await;
    world
        .kafka
        .produce(&world.topic, &events::history(50, 1))
        .await;
    let committed = async || world.kafka.committed(world.group(), &world.topic, 2).await;

    let (code, text, error) = check(&world.config_file(), &[]);

    assert_eq!(code, Some(0), "{text}{error}");
    assert_eq!(committed().await, [None, None]);
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'landfall'";
    assert_eq!(world.count(schemas).await, 0);
    assert_eq!(world.count("SELECT count(*) FROM t").await, 0);
    let (_, json, _) = check(&world.config_file(), &["--json"]);
    assert_eq!(objects(&json)[0]["dead_letter_topics"][0]["exists"], false);
}

#[tokio::test]
async fn a_role_that_may_not_add_to_the_bookkeeping_is_told() {
    let world = World::new("check_owner", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(2, 1))
        .await;
    world.catch_up().await;
    let role = world.name.clone();
    let lesser = format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON t, audit TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}; GRANT USAGE ON SCHEMA landfall TO {role};
         GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA landfall TO {role}"
    );
    table(&world, &lesser).await;
    let address = stack().postgres.replace("postgres@", &format!("{role}@"));
    let config = world.config_file_for(&format!("{address}/{}", world.name));

    let (code, text, _) = check(&config, &["--json"]);

    assert_eq!(code, Some(1), "{text}");
    assert_eq!(
        codes(&objects(&text), "problem"),
        ["schema_forbidden"],
        "{text}"
    );
    assert!(
        codes(&objects(&text), "warning").contains(&"schema_not_owned".to_owned()),
        "{text}"
    );
    assert!(text.contains("UPDATE on landfall.partitions"), "{text}");
    table(&world, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_pooler_before_postgres_is_a_warning() {
    let world = World::new("check_pooler", 1).await;
    let direct = check(&world.config_file(), &["--json"]).1;
    assert!(!direct.contains("postgres_pooled"), "{direct}");
    let server = stack().postgres.rsplit('@').next().unwrap().to_owned();
    let pooler = crate::support::proxy::Hole::as_pooler(server.clone()).await;
    let through = format!("127.0.0.1:{}", pooler.port);
    let config = world.config_file_for(&world.database_url.replace(&server, &through));
    let pooled = tokio::task::spawn_blocking(move || check(&config, &["--json"]).1);
    let pooled = objects(&pooled.await.unwrap());
    assert!(
        codes(&pooled, "warning").contains(&"postgres_pooled".to_owned()),
        "{pooled:?}"
    );
}
