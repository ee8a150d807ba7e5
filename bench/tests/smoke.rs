//! A short run of the bench on the tests' stack. What it asserts is equality, never time.

// A test that panics says where it failed.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EVENTS: &str = "2000";

fn root() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench
        .parent()
        .expect("bench/ is in the repository")
        .to_owned()
}

/// The Landfall that was built along with these tests.
fn landfall() -> PathBuf {
    let landfall = Path::new(env!("CARGO_BIN_EXE_landfall-bench")).with_file_name("landfall");
    assert!(
        landfall.exists(),
        "{} is missing: cargo build",
        landfall.display()
    );
    landfall
}

fn bench(folder: &Path, landfall: &Path, arguments: &[&str]) -> Output {
    let variables = [
        "WORKLOAD",
        "SINK",
        "ROUNDS",
        "EVENTS",
        "LEDGER",
        "WARM",
        "LANDFALL_BIN",
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall-bench"));
    for variable in variables {
        command.env_remove(variable);
    }
    let output = command
        .current_dir(root())
        .args(arguments)
        .args(["--events", EVENTS, "--rounds", "1", "--warm", "1"])
        .arg("--state")
        .arg(folder)
        .arg("--results")
        .arg(folder)
        .arg("--stack")
        .arg(root().join(".stack"))
        .arg("--landfall")
        .arg(landfall)
        .output();
    output.expect("the bench runs")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A Landfall that leaves deleted rows where they are.
fn one_that_deletes_nothing(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let script = folder.join("deletes-nothing");
    let text = format!(
        "#!/bin/sh\nLANDFALL_APPLY__DELETES=false exec '{}' \"$@\"\n",
        landfall().display()
    );
    std::fs::write(&script, text).expect("the folder is writable");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    script
}

#[test]
fn every_sink_and_the_limit_leave_what_the_source_has_or_are_told_apart() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    std::fs::create_dir_all(&folder).expect("Cargo's folder is writable");
    let sinks = [
        "--workload",
        "json,limit",
        "--sink",
        "landfall,jdbc,2 sessions",
    ];
    let ran = bench(&folder, &landfall(), &sinks);
    assert!(ran.status.success(), "{}", said(&ran));
    let results = std::fs::read_to_string(folder.join("RESULTS.md")).expect("it writes them");
    for line in [
        "| Landfall | ",
        "| JDBC sink | ",
        "| JDBC sink, tuned | ",
        "| limit, 2 sessions | ",
    ] {
        let found = results.lines().find(|l| l.starts_with(line));
        let rate = found
            .and_then(|l| l.split('|').nth(2))
            .map(|rate| rate.trim().replace(',', ""));
        assert!(
            rate.is_some_and(|rate| rate.parse::<f64>().is_ok()),
            "{line} in:\n{results}"
        );
    }
    let plot = std::fs::read_to_string(folder.join("throughput.svg")).expect("it draws one");
    assert!(plot.contains("<svg") && plot.contains("json"), "{plot}");

    let wrong = one_that_deletes_nothing(&folder);
    let ran = bench(
        &folder,
        &wrong,
        &["--workload", "json", "--sink", "landfall"],
    );
    assert!(!ran.status.success(), "{}", said(&ran));
    assert!(
        said(&ran).contains("the destination differs from the source"),
        "{}",
        said(&ran)
    );
}
