//! The whole configuration: examples, defaults, variables, secrets. What is said of wrong
//! ones is in `problems`.

mod examples;
mod idle_routes;
mod problems;
mod registry;
mod row_shapes;
mod secrets;
mod variables;

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Config, ConfigError};

const MINIMAL: &str = include_str!("../../config/minimal.toml");

/// A file in a directory that lives as long as the test.
struct File {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn file(text: &str) -> File {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("landfall.toml");
    std::fs::write(&path, text).unwrap();
    File {
        _directory: directory,
        path,
    }
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load_with(&file(text).path, owned(environment))
}

/// The problems' lines, without the file's directory.
fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let file = file(text);
    let directory = format!("{}/", file.path.parent().unwrap().display());
    let error = Config::load_with(&file.path, owned(environment)).unwrap_err();
    error
        .problem_lines()
        .map(|line| line.replace(&directory, ""))
        .collect()
}

fn owned(environment: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    environment
        .iter()
        .map(|(name, text)| (OsString::from(name), OsString::from(text)))
        .collect()
}

/// With what Postgres would be logged in to now.
fn password_of(config: &Config) -> Option<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let mut connection = config.postgres.connection_config();
    let login = runtime.block_on(config.postgres.read_login()).unwrap();
    login.put_into(&mut connection);
    connection.get_password().map(<[u8]>::to_owned)
}

/// The minimal configuration and more.
fn minimal_and(text: &str) -> String {
    format!("{MINIMAL}{text}")
}
