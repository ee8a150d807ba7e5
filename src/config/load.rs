//! From a file and the environment to a `Config`, or to everything that is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::Dict;
use figment::{Figment, Profile, Provider};

use super::environment::{find_variables, variable_for};
use super::error::{ConfigError, Place, Problem};
use super::lines::lines_of_keys;
use super::reader::Reader;
use super::unknown::find_unknown_keys;
use super::{Config, DEFAULT_PATH, HttpConfig};

impl Config {
    /// Reads the file, then the process's environment, whose variables win.
    ///
    /// A missing `landfall.toml` is no error if the environment sets all that is required;
    /// another missing file is.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Self::load_with(path, std::env::vars_os())
    }

    /// `load` with a given environment.
    pub fn load_with(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        Self::load_file(path, path == Path::new(DEFAULT_PATH), environment)
    }

    pub(super) fn load_file(
        path: &Path,
        may_be_absent: bool,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        let source = Source::of_file(path, may_be_absent);
        read_config(source, &path.display().to_string(), environment)
    }

    /// Reads a TOML text without any environment; messages call it `<text>`.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        read_config(Source::Text(text.to_owned()), "<text>", [])
    }
}

impl HttpConfig {
    /// Reads `[http]` alone, as [`Config::load`] does: whoever asks a worker how it is needs no secrets, and a route that
    /// somebody has got wrong since the worker started doesn't concern it.
    ///
    /// # Errors
    /// The file can't be read, is not TOML, or something is wrong in `[http]`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let source = Source::of_file(path, path == Path::new(DEFAULT_PATH));
        let name = path.display().to_string();
        let (mut reader, _) = open_reader(&source, &name, std::env::vars_os());
        let config = Self::from_reader(&mut reader);
        match reader.into_problems() {
            (problems, _) if problems.is_empty() => Ok(config),
            (problems, _) => Err(ConfigError::new(problems)),
        }
    }
}

enum Source {
    Text(String),
    /// The default file does not exist, which the environment may make up for.
    Absent,
    Unreadable(String),
}

impl Source {
    fn of_file(path: &Path, may_be_absent: bool) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::Text(text),
            Err(error) if error.kind() == ErrorKind::NotFound && may_be_absent => Self::Absent,
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

fn read_config(
    source: Source,
    name: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let (mut reader, file_is_whole) = open_reader(&source, name, environment);
    let config = Config::from_reader(&mut reader);
    let unknown = find_unknown_keys(&reader);
    let (mut problems, missing) = reader.into_problems();
    problems.extend(unknown);
    match source {
        // Nothing can be said of keys that may well stand in the part that was not read.
        _ if !file_is_whole || missing.is_empty() => {}
        Source::Absent => problems.push(in_file(
            name,
            None,
            format!(
                "no such file, and the environment does not set {}; give the file with \
                 -c FILE or LANDFALL_CONFIG, or set the variables",
                missing
                    .iter()
                    .map(|(key, _)| variable_for(key))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )),
        _ => problems.extend(missing.into_iter().map(|(key, place)| Problem {
            text: if key.starts_with("route") {
                "missing".to_owned()
            } else {
                format!("missing; set it here or as {}", variable_for(&key))
            },
            key: Some(key),
            place,
        })),
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigError::new(problems)),
    }
}

/// Kafka Connect's options can't all be TOML: `value.converter` is a text and a table there.
fn hint_at_connector(text: &str) -> &'static str {
    match text.contains("connector.class") || text.contains("value.converter") {
        true => {
            "; if it is a connector's configuration: `landfall import-connector FILE` makes a landfall.toml of it"
        }
        false => "",
    }
}

/// A reader of what the file and the environment say together, and whether the file could
/// be read to its end.
fn open_reader(
    source: &Source,
    name: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Reader, bool) {
    let mut problems = Vec::new();
    let mut figment = Figment::new();
    let mut lines = BTreeMap::new();
    let mut file_is_whole = true;
    match source {
        Source::Absent => {}
        Source::Unreadable(error) => {
            file_is_whole = false;
            problems.push(in_file(name, None, format!("cannot be read: {error}")));
        }
        Source::Text(text) => match Toml::from_str::<Dict>(text) {
            Ok(_) => {
                lines = lines_of_keys(text);
                figment = figment.merge(Toml::string(text));
            }
            Err(error) => {
                file_is_whole = false;
                // Only the message: the error's full text quotes the line, and the line
                // may hold a password.
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map(|before| before.matches('\n').count() + 1);
                let text = format!("not TOML: {}{}", error.message(), hint_at_connector(text));
                problems.push(in_file(name, line, text));
            }
        },
    }
    let (variables, unreadable) = find_variables(environment);
    problems.extend(unreadable.into_iter().map(|variable| Problem {
        place: Place::Variable(variable),
        key: None,
        text: "its value is not UTF-8 text".to_owned(),
    }));
    for variable in variables {
        figment = figment.merge(variable);
    }
    let root = match figment.data() {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => {
            problems.push(in_file(name, None, error.to_string()));
            Dict::new()
        }
    };
    let reader = Reader::new(figment, root, name.to_owned(), lines, problems);
    (reader, file_is_whole)
}

#[cfg(test)]
impl Reader {
    pub(super) fn of_text(text: &str) -> Self {
        open_reader(&Source::Text(text.to_owned()), "<text>", []).0
    }
}

fn in_file(name: &str, line: Option<usize>, text: String) -> Problem {
    Problem {
        place: Place::File {
            line,
            name: name.to_owned(),
        },
        key: None,
        text,
    }
}
