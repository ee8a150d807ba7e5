//! Reads keys one by one and notes every problem instead of stopping at the first.
//!
//! figment merges the file and the variables and remembers where each value came from.
//! The structs are not deserialized in one go, because that ends at the first error and
//! takes a variable's text for what it looks like (a password of digits for a number).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use figment::Figment;
use figment::value::{Dict, Value};

use super::environment::variable_of;
use super::error::{Place, Problem};
use super::nearest::split_key;
use super::value::{Found, Refusal, show_value};

pub(super) struct Reader {
    figment: Figment,
    pub(super) root: Dict,
    file: String,
    lines: BTreeMap<String, usize>,
    /// Keys that were asked for; all others in `root` are mistakes.
    pub(super) known: BTreeSet<String>,
    /// Required keys that are not set, with the place where they would stand.
    missing: Vec<(String, Place)>,
    problems: Vec<Problem>,
}

impl Reader {
    /// A reader of what figment has merged. `lines` are those of the file's keys; `problems` are known already.
    pub fn new(
        figment: Figment,
        root: Dict,
        file: String,
        lines: BTreeMap<String, usize>,
        problems: Vec<Problem>,
    ) -> Self {
        Self {
            figment,
            root,
            file,
            lines,
            known: BTreeSet::new(),
            missing: Vec::new(),
            problems,
        }
    }

    /// The value of `key`; `None` if it is not set, or wrong, which is then noted.
    pub fn read<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Found) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.read_value(key, false, parse)
    }

    /// `read` for a secret: a message never shows what was found.
    pub fn read_hidden<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Found) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.read_value(key, true, parse)
    }

    /// `read`, with a value for a key that is not set.
    pub fn read_or<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&Found) -> Result<T, Refusal>,
    ) -> T {
        self.read(key, parse).unwrap_or(default)
    }

    /// `read` for a key that must be set.
    pub fn read_required<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Found) -> Result<T, Refusal>,
    ) -> Option<T> {
        if self.find_value(key).is_none() {
            self.note_missing(key);
        }
        self.read(key, parse)
    }

    /// Notes that a required key is not set.
    pub fn note_missing(&mut self, key: &str) {
        let (table, _) = split_key(key);
        // A table that is no table (`kafka = 5`) is the one thing to say then.
        if !matches!(self.find_value(table), Some(value) if value.as_dict().is_none()) {
            self.missing
                .push((key.to_owned(), self.place_of(None, key)));
        }
    }

    /// Notes a problem with `key`, at the place where it is written.
    pub fn note_problem(&mut self, key: &str, text: impl Display) {
        let value = self.find_value(key).cloned();
        self.refuse_value(value.as_ref(), key, text);
    }

    /// As [`Reader::note_problem`], for a value that `key` does not lead to (a property's name has dots).
    pub fn refuse_value(&mut self, value: Option<&Value>, key: &str, text: impl Display) {
        let problem = Problem {
            place: self.place_of(value, key),
            key: Some(key.to_owned()),
            text: text.to_string(),
        };
        self.problems.push(problem);
    }

    /// Whether the file or a variable sets `key`.
    pub fn is_set(&self, key: &str) -> bool {
        self.find_value(key).is_some()
    }

    /// Whether a variable sets `key`.
    pub fn in_environment(&self, key: &str) -> bool {
        self.find_value(key)
            .is_some_and(|value| self.is_from_environment(value))
    }

    /// Whether a variable set this value, or anything in it.
    pub fn is_from_environment(&self, value: &Value) -> bool {
        self.variable_behind(value).is_some()
    }

    /// All problems that were noted, and the required keys that are not set.
    pub fn into_problems(self) -> (Vec<Problem>, Vec<(String, Place)>) {
        (self.problems, self.missing)
    }

    fn read_value<T>(
        &mut self,
        key: &str,
        hidden: bool,
        parse: impl FnOnce(&Found) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.known.insert(key.to_owned());
        let value = self.find_value(key)?.clone();
        let found = Found {
            value: &value,
            from_environment: self.is_from_environment(&value),
        };
        let text = match parse(&found) {
            Ok(value) => return Some(value),
            Err(Refusal::Because(text)) => text,
            Err(Refusal::Allowed(text)) if hidden => format!("allowed: {text}"),
            Err(Refusal::Allowed(text)) => format!("found {}; allowed: {text}", show_value(&value)),
        };
        self.refuse_value(Some(&value), key, text);
        None
    }

    /// The value at a dotted key; `route[0].topic` looks into a list.
    fn find_value(&self, key: &str) -> Option<&Value> {
        let mut table = &self.root;
        let mut value = None;
        for part in key.split('.') {
            if let Some(outer) = value {
                table = Value::as_dict(outer)?;
            }
            value = Some(match part.split_once('[') {
                None => table.get(part)?,
                Some((name, index)) => {
                    let index: usize = index.trim_end_matches(']').parse().ok()?;
                    table.get(name)?.as_array()?.get(index)?
                }
            });
        }
        value
    }

    /// The variable a value comes from. A table has none of its own, but what is in it has.
    fn variable_behind(&self, value: &Value) -> Option<&str> {
        match value.as_dict() {
            Some(dict) => dict.values().find_map(|value| self.variable_behind(value)),
            None => variable_of(self.figment.get_metadata(value.tag())?),
        }
    }

    pub(super) fn place_of(&self, value: Option<&Value>, key: &str) -> Place {
        if let Some(variable) = value.and_then(|value| self.variable_behind(value)) {
            return Place::Variable(variable.to_owned());
        }
        // Inside an inline table or a list, the line of what encloses the key.
        let mut outer = Some(key);
        let line = std::iter::from_fn(|| {
            let current = outer?;
            outer = current.rfind(['.', '[']).map(|end| &current[..end]);
            Some(current)
        })
        .find_map(|key| self.lines.get(key).copied());
        Place::File {
            line,
            name: self.file.clone(),
        }
    }
}
