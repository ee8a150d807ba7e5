//! Finds the keys that are set but mean nothing, and says what they were meant to be.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::connect_option::advise_on_option;
use super::environment::variable_for;
use super::error::Problem;
use super::nearest::{nearest_key, split_key};
use super::reader::Reader;

/// A problem for each key that is set and was never asked for.
pub(super) fn find_unknown_keys(reader: &Reader) -> Vec<Problem> {
    let keys = UnknownKeys { reader };
    let mut problems = Vec::new();
    keys.walk_table("", &reader.root, &mut problems);
    problems
}

/// Whether an option of Kafka Connect's is in the table.
fn has_option(table: &str, dict: &Dict) -> bool {
    dict.iter().any(|(name, value)| {
        let key = format!("{table}.{name}");
        advise_on_option(&key).is_some()
            || value.as_dict().is_some_and(|dict| has_option(&key, dict))
    })
}

/// What is set, compared with what the reader was asked for.
struct UnknownKeys<'r> {
    reader: &'r Reader,
}

impl UnknownKeys<'_> {
    /// Walks through all that is set, from `dict`, which is called `table`.
    fn walk_table(&self, table: &str, dict: &Dict, problems: &mut Vec<Problem>) {
        for (name, value) in dict {
            let key = match table {
                "" => name.clone(),
                table => format!("{table}.{name}"),
            };
            match value {
                Value::Array(_, values) if self.is_known_list(&key) => {
                    for (index, value) in values.iter().enumerate() {
                        if let Some(dict) = value.as_dict() {
                            self.walk_table(&format!("{key}[{index}]"), dict, problems);
                        }
                    }
                }
                _ if self.reader.known.contains(&key) => {}
                Value::Dict(_, dict) if self.is_known_table(&key) => {
                    self.walk_table(&key, dict, problems);
                }
                // `connection.url = …` is a table within a table to TOML
                Value::Dict(_, dict) if has_option(&key, dict) => {
                    self.walk_table(&key, dict, problems);
                }
                _ => problems.push(Problem {
                    place: self.reader.place_of(Some(value), &key),
                    text: if self.is_known_table(&key) {
                        // Not what: `postgres = "postgres://user:password@host"`
                        format!("allowed: a table, [{key}]")
                    } else {
                        self.explain_unknown(&key, value)
                    },
                    key: Some(key),
                }),
            }
        }
    }

    fn explain_unknown(&self, key: &str, value: &Value) -> String {
        if let Some(advice) = advise_on_option(key) {
            return format!("is an option of Kafka Connect's; here: {advice}");
        }
        let tables = self
            .reader
            .known
            .iter()
            .filter_map(|key| Some(key.split_once('.')?.0));
        let candidates: BTreeSet<&str> = self
            .reader
            .known
            .iter()
            .map(String::as_str)
            .chain(tables.filter(|table| !table.contains('[')))
            .collect();
        let in_variable = self.reader.is_from_environment(value);
        if let Some(meant) = nearest_key(key, candidates.iter().copied()) {
            return if in_variable {
                format!("unknown key; did you mean {}?", variable_for(meant))
            } else {
                format!("unknown key; did you mean {meant}?")
            };
        }
        let (table, _) = split_key(key);
        let siblings: Vec<&str> = candidates
            .into_iter()
            .map(split_key)
            .filter(|(candidate_table, _)| *candidate_table == table)
            .map(|(_, name)| name)
            .collect();
        format!("unknown key; allowed: {}", siblings.join(", "))
    }

    fn is_known_table(&self, key: &str) -> bool {
        self.reader.known.iter().any(|known| {
            known
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn is_known_list(&self, key: &str) -> bool {
        self.reader.known.iter().any(|known| {
            known
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('['))
        })
    }
}
