//! Reads the files: a connector's options in JSON, in each of the forms that Connect itself takes or gives, or as
//! `.properties`. What they hold is somebody else's: nothing of it is trusted, and nothing of it panics.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Map, Value};

use crate::operator::import_connector::connector::{Connector, list_names};
use crate::operator::import_connector::error::ImportError;

/// In bytes. A whole cluster's connectors take some hundred kilobytes.
const LARGEST_FILE: u64 = 16 << 20;

/// Instead of a file's name: standard input.
const STANDARD_INPUT: &str = "-";

/// What the files hold.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the files.
    pub connectors: Vec<Connector>,
    /// Of a list of connectors, those of other classes: their name and class.
    pub left_out: Vec<(String, String)>,
}

impl Found {
    /// Adds what a file holds.
    ///
    /// # Errors
    /// It can't be read, or holds something else.
    pub fn read_file(&mut self, file: &str) -> Result<(), ImportError> {
        let bytes = read_bytes(file)?;
        self.add_bytes(file, bytes)
    }

    /// Adds what stands in a file of this name.
    ///
    /// # Errors
    /// It is something else.
    pub fn add_bytes(&mut self, file: &str, bytes: Vec<u8>) -> Result<(), ImportError> {
        let text = read_text(file, bytes)?;
        if file.ends_with(".properties") {
            let options = parse_properties(file, &text)?;
            self.connectors
                .push(Connector::recognise(file, None, options)?);
            return Ok(());
        }
        let json = serde_json::from_str(&text).map_err(|error| ImportError::NoJson {
            file: file.to_owned(),
            error,
        })?;
        self.add_json(file, json)
    }

    fn add_json(&mut self, file: &str, json: Value) -> Result<(), ImportError> {
        match json {
            Value::Array(several) => several
                .into_iter()
                .try_for_each(|one| self.add_listed(file, None, one)),
            Value::Object(object) if is_listing(&object) => {
                let mut listed = object.into_iter();
                listed.try_for_each(|(name, mut one)| {
                    self.add_listed(file, Some(name), one["info"].take())
                })
            }
            Value::Object(object) => {
                let connector = read_object(file, None, object)?;
                self.connectors.push(connector);
                Ok(())
            }
            other => Err(ImportError::NoConnector {
                file: file.to_owned(),
                found: kind_of(&other).to_owned(),
            }),
        }
    }

    /// One of several: those of other classes are left out, as a cluster has connectors of all kinds.
    fn add_listed(
        &mut self,
        file: &str,
        name: Option<String>,
        one: Value,
    ) -> Result<(), ImportError> {
        let Value::Object(object) = one else {
            return Err(ImportError::NoConnector {
                file: file.to_owned(),
                found: kind_of(&one).to_owned(),
            });
        };
        let called = name.clone().or_else(|| text_of(object.get("name")?));
        match read_object(file, name, object) {
            Ok(connector) => self.connectors.push(connector),
            Err(ImportError::OtherClass { found, .. }) => {
                self.left_out.push((called.unwrap_or_default(), found));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn read_bytes(file: &str) -> Result<Vec<u8>, ImportError> {
    let unreadable = |error| ImportError::Unreadable {
        file: file.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let mut source: Box<dyn Read> = match file {
        STANDARD_INPUT => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).map_err(unreadable)?),
    };
    source
        .by_ref()
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ImportError::TooLarge {
            file: file.to_owned(),
            limit: LARGEST_FILE,
        });
    }
    Ok(bytes)
}

fn read_text(file: &str, bytes: Vec<u8>) -> Result<String, ImportError> {
    let text = String::from_utf8(bytes).map_err(|error| ImportError::NoText {
        file: file.to_owned(),
        at: error.utf8_error().valid_up_to(),
    })?;
    // Windows' editors begin a file with a byte order mark
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Java reads such a file as Latin-1, in which other characters are escaped.
fn parse_properties(file: &str, text: &str) -> Result<BTreeMap<String, String>, ImportError> {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            units
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    let options = java_properties::read(escaped.as_bytes());
    let options = options.map_err(|error| ImportError::NoProperties {
        file: file.to_owned(),
        error: error.to_string(),
    })?;
    Ok(options.into_iter().collect())
}

/// What Connect answers to `GET /connectors?expand=info`: each connector's name, and below it `info`.
fn is_listing(object: &Map<String, Value>) -> bool {
    !object.is_empty() && object.values().all(|one| one["info"].is_object())
}

/// A connector's options, by themselves or under `config`, beside its name.
fn read_object(
    file: &str,
    name: Option<String>,
    mut object: Map<String, Value>,
) -> Result<Connector, ImportError> {
    let name = object.get("name").and_then(text_of).or(name);
    let options = match object.remove("config") {
        Some(Value::Object(options)) => options,
        Some(other) => {
            return Err(ImportError::NoConnector {
                file: file.to_owned(),
                found: format!("{} under \"config\"", kind_of(&other)),
            });
        }
        None if object.contains_key("connector.class") => object,
        None => {
            return Err(ImportError::NoConnector {
                file: file.to_owned(),
                found: list_names(object.keys()),
            });
        }
    };
    let mut texts = BTreeMap::new();
    for (option, value) in options {
        match (text_of(&value), value) {
            (Some(text), _) => _ = texts.insert(option, text),
            (None, Value::Null) => {}
            (None, other) => {
                return Err(ImportError::NoScalar {
                    file: file.to_owned(),
                    option,
                    found: kind_of(&other),
                });
            }
        }
    }
    Connector::recognise(file, name, texts)
}

/// Connect takes numbers and truth values for texts.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
