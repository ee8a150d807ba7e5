//! Environment variables as configuration: `LANDFALL_APPLY__LANES` is `apply.lanes`.

use std::ffi::OsString;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::kafka_property::property_in_variable;

const PREFIX: &str = "LANDFALL_";
/// The local development stack's own variables.
const STACK_PREFIX: &str = "LANDFALL_STACK_";
/// Between the parts of a key, since one underscore is part of names (`batch_rows`).
const SEPARATOR: &str = "__";

/// One variable that sets one key.
///
/// Each is a provider of its own, so that figment knows a value's variable by its name.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    name: String,
    /// The key's parts, outermost first: `["apply", "lanes"]`.
    path: Vec<String>,
    text: String,
}

/// The variables that set keys, and the names of those whose text is not UTF-8.
pub(super) fn find_variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Vec<Variable>, Vec<String>) {
    let mut variables = Vec::new();
    let mut unreadable = Vec::new();
    for (name, text) in environment {
        let Some(name) = name.to_str().map(str::to_owned) else {
            continue; // Not ours: our names are ASCII.
        };
        let Some(path) = path_of(&name) else { continue };
        match text.into_string() {
            Ok(text) => variables.push(Variable { name, path, text }),
            Err(_) => unreadable.push(name),
        }
    }
    (variables, unreadable)
}

/// Whether figment's metadata speaks of a variable; returns its name.
pub(super) fn variable_of(metadata: &Metadata) -> Option<&str> {
    metadata.name.starts_with(PREFIX).then_some(&*metadata.name)
}

/// The variable that sets `key`.
pub(super) fn variable_for(key: &str) -> String {
    let parts: Vec<String> = key.split('.').map(str::to_uppercase).collect();
    format!("{PREFIX}{}", parts.join(SEPARATOR))
}

fn path_of(name: &str) -> Option<Vec<String>> {
    if name.starts_with(STACK_PREFIX) {
        return None;
    }
    let key = name.strip_prefix(PREFIX)?.to_lowercase();
    if !key.contains(SEPARATOR) {
        return None; // LANDFALL_CONFIG and the like
    }
    let mut path: Vec<String> = key.split(SEPARATOR).map(str::to_owned).collect();
    if let [section, table, property] = path.as_mut_slice()
        && section == "kafka"
        && table == "properties"
    {
        *property = property_in_variable(property);
    }
    Some(path)
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut path = self.path.iter().rev();
        let mut dict = Dict::new();
        if let Some(last) = path.next() {
            dict.insert(last.clone(), Value::from(self.text.clone()));
        }
        for part in path {
            dict = Dict::from([(part.clone(), Value::from(dict))]);
        }
        Ok(Profile::Default.collect(dict))
    }
}
