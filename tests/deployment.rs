//! Containers, Prometheus and Grafana, as far as they can be proven without running them: their
//! files say what their readers expect, and agree with one another and with the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::repository::files;

pub mod alerts;
mod chart;
mod compose;
pub mod dashboards;
mod dockerfile;
pub mod exported;
mod package;
mod parsed;
pub mod promql;
mod promtool;
mod secrets;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The files of a folder whose names end so, in their order.
fn files_in(folder: &str, ending: &str) -> Vec<String> {
    let mut files = files(folder);
    files.retain(|file| file.ends_with(&format!(".{ending}")));
    assert!(!files.is_empty(), "{folder}");
    files
}

fn yaml(file: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&text(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn json(file: &str) -> serde_json::Value {
    serde_json::from_str(&text(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// What dev/versions.env pins.
fn pinned(name: &str) -> String {
    let versions = text("dev/versions.env");
    let line = versions
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{name} is not in dev/versions.env"))
        .to_owned()
}

/// The keys of a mapping, none if it isn't one.
fn keys(mapping: &serde_yaml::Value) -> BTreeSet<String> {
    let keys = mapping.as_mapping().into_iter().flat_map(|m| m.keys());
    keys.map(|k| k.as_str().unwrap().to_owned()).collect()
}

/// The texts of a sequence, none if it isn't one.
fn texts(sequence: &serde_yaml::Value) -> Vec<&str> {
    let values = sequence.as_sequence().into_iter().flatten();
    values.map(|v| v.as_str().unwrap()).collect()
}
