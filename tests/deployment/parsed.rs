//! The compose files, held to the specification's schema; and what their services read, by the programs that read it, as
//! far as they are to be had without containers.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;
use serde_yaml::Value;

use super::compose::{FILES, compose, each_service};
use super::{json, keys, path, text, yaml};
use crate::support::stack::{dev, of_stack};

fn said(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Runs a program, which has to like what it reads.
fn accepts(program: &str, arguments: &[&str]) -> String {
    let programs = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(arguments)
        // where Debian puts programs that only administrators run
        .env("PATH", format!("{programs}:/usr/sbin"))
        .output()
        .unwrap_or_else(|e| panic!("{program}, see dev/prerequisites: {e}"));
    assert!(output.status.success(), "{program}: {}", said(&output));
    said(&output)
}

#[test]
fn both_files_are_of_the_compose_specification() {
    let schema = std::fs::read_to_string(dev("compose", &["schema"]).trim()).unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let wrong = |file: serde_json::Value| -> Vec<String> {
        let errors = schema.iter_errors(&file);
        let told = errors.map(|e| format!("{}: {e}", e.instance_path()));
        told.collect()
    };
    for file in FILES {
        // as written, but for anchors, and with what other files bring
        let mut written = yaml(file);
        written.apply_merge().unwrap();
        for whole in [written, compose(file)] {
            let whole = serde_json::to_value(whole).unwrap();
            assert_eq!(wrong(whole), [""; 0], "{file}");
        }
    }
    // and it does refuse what is wrong
    let mut slip = serde_json::to_value(yaml(FILES[0])).unwrap();
    slip["services"]["landfall"]["stop_grace"] = "40s".into();
    assert!(!wrong(slip).is_empty());
}

#[test]
fn alertmanager_and_the_balancer_accept_their_configurations() {
    let file = |file: &str| path(file).to_str().unwrap().to_owned();
    accepts(
        "amtool",
        &["check-config", &file("monitoring/alertmanager.yml")],
    );
    accepts(
        "haproxy",
        &["-c", "-f", &file("deploy/compose/haproxy.cfg")],
    );
}

/// What the image makes of a variable: KAFKA_LOG_DIRS is log.dirs.
fn property(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("KAFKA_")?;
    let for_java = ["HEAP_OPTS", "OPTS", "JVM_PERFORMANCE_OPTS"].contains(&name);
    (!for_java).then(|| name.replace('_', ".").to_lowercase())
}

fn java(class: &str, arguments: &[&str]) -> String {
    let class_path = of_stack("KAFKA_CLASSPATH");
    let quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"];
    let words = [&quick[..], &[&*class_path, class], arguments].concat();
    accepts("java", &words)
}

/// As `server.properties`, with data in this folder.
fn broker_properties(service: &Value, folder: &Path) -> Vec<(String, String)> {
    let environment = &service["environment"];
    let given = keys(environment).into_iter().filter_map(|variable| {
        let value = &environment[&*variable];
        let number = || value.as_i64().map(|n| n.to_string());
        let value = value.as_str().map(str::to_owned).or_else(number).unwrap();
        Some((property(&variable)?, value))
    });
    let elsewhere = |(name, value): (String, String)| match &*name {
        "log.dirs" => (name, folder.join("data").to_str().unwrap().to_owned()),
        _ => (name, value),
    };
    given.map(elsewhere).collect()
}

/// Formatting a broker's folder is what reads all of its configuration, short of starting it.
#[test]
fn kafka_knows_each_property_of_its_brokers_and_takes_their_values() {
    let known = java("kafka.server.KafkaConfig", &[]);
    let known = Regex::new(r#"id="brokerconfigs_([^"]+)""#)
        .unwrap()
        .captures_iter(&known)
        .map(|found| found[1].to_owned())
        .collect::<BTreeSet<_>>();
    let (mut checked, mut alike) = (0, Vec::new());
    for (name, service) in each_service() {
        let is_broker = |image: &str| image.starts_with("apache/kafka:");
        if !service["image"].as_str().is_some_and(is_broker) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let properties = broker_properties(&service, folder.path());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (key, value) in &properties {
            assert!(known.contains(key), "{name}: {key}");
            writeln!(file, "{key}={value}").unwrap();
        }
        checked += 1;
        // the brokers of a cluster differ in their numbers and addresses alone: one of them will do
        let names: Vec<String> = properties.into_iter().map(|(key, _)| key).collect();
        if !alike.contains(&names) {
            alike.push(names);
            let file = file.path().to_str().unwrap();
            let words = ["format", "--config", file, "--cluster-id"];
            let id = "MkU3OEVBNTcwNTJENDM2Qk";
            java("kafka.tools.StorageTool", &[&words[..], &[id]].concat());
        }
    }
    assert_eq!((checked, alike.len()), (4, 2));
}

/// With the local stack's registry and Postgres in place of those that are not there.
#[test]
fn connect_takes_the_connector_with_its_workers_converters() {
    let mut connector = json("deploy/compose/connector.json");
    connector["name"] = "shop".into();
    let registry = of_stack("REGISTRY");
    let properties = text("deploy/connect/worker.properties");
    for (key, value) in properties.lines().filter_map(|line| line.split_once('=')) {
        if key.contains(".converter") {
            connector[key] = value.replace("http://registry:8080", &registry).into();
        }
    }
    let port = of_stack("PGPORT");
    for (key, value) in [
        ("hostname", "127.0.0.1"),
        ("port", &*port),
        ("dbname", "postgres"),
        ("user", "postgres"),
        ("password", "none"),
    ] {
        connector[format!("database.{key}")] = value.into();
    }
    let class = connector["connector.class"].as_str().unwrap();
    let connect = of_stack("CONNECT");
    let answer = ureq::put(format!(
        "{connect}/connector-plugins/{class}/config/validate"
    ))
    .header("content-type", "application/json")
    .send(connector.to_string());
    let answer = answer.unwrap().body_mut().read_to_string().unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error_count"], 0, "{answer}");
}
