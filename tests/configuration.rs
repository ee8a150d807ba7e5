//! The command line and the configuration, as the real binary answers to them.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::World;

fn landfall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(arguments)
        .output()
        .expect("landfall starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// What is written to standard error, when nothing goes to standard output and it exits with 2.
fn refusal(arguments: &[&str]) -> String {
    let output = landfall(arguments);
    let error = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    error
}

const SIX_PROBLEMS: &str = "\
[kafka]
topics = ['^(']
broker = 'x'
[postgres]
url = 'mysql://sink:hunter2@db/warehouse'
schema = 'pg_landfall'
[apply]
lanes = 99
[log]
format = 'xml'
";

#[test]
fn six_problems_are_six_lines_with_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("six.toml");
    std::fs::write(&file, SIX_PROBLEMS).unwrap();
    let file = file.to_str().unwrap();
    let keys = [
        "kafka.topics",
        "kafka.broker",
        "postgres.url",
        "postgres.schema",
        "apply.lanes",
        "log.format",
    ];
    for command in [&["run"][..], &["check"], &["check", "--json"], &["migrate"]] {
        let error = refusal(&[command, &["--config", file]].concat());
        let mut lines = error.lines();
        let headline = lines.next().unwrap();
        // kafka.brokers is missing besides
        assert!(headline.ends_with("7 problems:"), "{error}");
        for key in keys {
            let of_key = |line: &str| {
                line.starts_with(&format!("  {file}:")) && line.contains(&format!(": {key}: "))
            };
            assert_eq!(
                error.lines().filter(|l| of_key(l)).count(),
                1,
                "{key}\n{error}"
            );
        }
        assert!(error.contains("LANDFALL_KAFKA__BROKERS"), "{error}");
        assert_eq!(lines.count(), 7, "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_wrong_command_line_exits_2_and_says_what_there_is() {
    let error = refusal(&["fly"]);
    assert!(error.contains("'fly'"), "{error}");
    assert!(refusal(&[]).contains("migrate"));
    refusal(&["run", "--until-caught-upp"]);
    let error = refusal(&["run", "--config", "/nowhere/landfall.toml"]);
    assert!(error.contains("/nowhere/landfall.toml"), "{error}");
}

#[test]
fn help_and_version_are_answered_without_a_configuration() {
    let version = landfall(&["--version"]);
    assert_eq!(
        text(&version.stdout),
        concat!("landfall ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for command in ["run", "check", "migrate"] {
        let help = landfall(&[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(text(&help.stdout).contains("Examples:"), "{command}");
    }
}

fn migrate(config: &Path) -> String {
    let output = landfall(&["migrate", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[tokio::test]
async fn migrate_tells_what_it_did_and_the_second_time_that_there_is_nothing_to_do() {
    let world = World::new("migrate", 1).await;
    let config = world.config_file();
    let first = migrate(&config);
    let applied = "schema landfall: applied ledger, dead_letters, ";
    assert!(first.starts_with(applied), "{first}");
    assert_eq!(migrate(&config), "schema landfall is up to date\n");
    let comments = "SELECT count(*) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
                    WHERE c.relnamespace = 'landfall'::regnamespace AND d.objsubid > 0";
    assert!(
        world.count(comments).await > 5,
        "columns explain themselves"
    );
}

#[tokio::test]
async fn several_that_migrate_at_once_wait_for_one_another() {
    let world = World::new("migrate_at_once", 1).await;
    let config = world.config_file();
    let said: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..6).map(|_| scope.spawn(|| migrate(&config))).collect();
        started.into_iter().map(|m| m.join().unwrap()).collect()
    });
    let applied = said.iter().filter(|text| text.contains("applied")).count();
    assert_eq!(applied, 1, "{said:?}");
}

#[tokio::test]
async fn migrate_without_a_postgres_exits_1_and_names_it_without_its_password() {
    let world = World::new("migrate_nowhere", 1).await;
    let config = world.config_file_for("postgres://landfall:hunter2@127.0.0.1:9/nowhere");
    let output = landfall(&["migrate", "--config", config.to_str().unwrap()]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("refused") && !error.contains("hunter2"),
        "{error}"
    );
}
