//! What Prometheus' own tool says of the files; `dev/prerequisites` sees that it is there.

use std::process::Command;

use super::{files_in, path};

/// Runs `promtool`, which has to like what it reads.
fn promtool(arguments: &[&str], files: &[String]) {
    let output = Command::new("promtool")
        .args(arguments)
        .args(files.iter().map(|file| path(file)))
        .output()
        .unwrap_or_else(|e| panic!("promtool, of Debian's package prometheus: {e}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn promtool_accepts_the_configuration_with_its_rules() {
    let configuration = "monitoring/prometheus.yml".to_owned();
    promtool(&["check", "config"], &[configuration]);
    for folder in ["monitoring/rules", "monitoring/alerts"] {
        promtool(
            &["check", "rules", "--lint-fatal"],
            &files_in(folder, "yml"),
        );
    }
}

#[test]
fn every_alert_fires_and_is_quiet_as_its_cases_say() {
    for file in files_in("monitoring/tests", "yml") {
        promtool(&["test", "rules"], &[file]);
    }
}
