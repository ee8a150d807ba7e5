//! What became of each option, for the person who moves: in parts, the ones to look at last.

use std::collections::BTreeMap;

use crate::operator::import_connector::connector::Connector;
use crate::operator::import_connector::options::{Becomes, find_option};
use crate::operator::terminal::format_table;

/// What may become of an option. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Mapped,
    NotNeeded,
    Differs,
    NoCounterpart,
    /// What only a person knows: it is marked in the configuration.
    ToDecide,
}

const PARTS: [(Part, &str); 5] = [
    (Part::Mapped, "mapped"),
    (Part::NotNeeded, "not needed"),
    (Part::Differs, "differs"),
    (Part::NoCounterpart, "no counterpart"),
    (Part::ToDecide, "to decide"),
];

/// What is said of one connector.
#[derive(Debug, Default)]
pub struct Section {
    /// File, name and kind.
    title: String,
    said: BTreeMap<(Part, String), String>,
}

impl Section {
    /// Nothing said yet of this connector.
    pub fn about(connector: &Connector) -> Self {
        let Connector {
            file, name, title, ..
        } = connector;
        Self {
            title: format!("{file}: {name}, {title}"),
            said: BTreeMap::new(),
        }
    }

    /// Says what became of an option, instead of what the table says of it.
    pub fn say(&mut self, option: &str, part: Part, text: impl Into<String>) {
        self.said.insert((part, option.to_owned()), text.into());
    }

    /// Says of each option what the table says, unless something was said already.
    pub fn say_the_rest(&mut self, connector: &Connector) {
        for option in connector.options.keys() {
            let aside = option == "connector.class" || option.starts_with("transforms");
            if aside || self.said.keys().any(|(_, said)| said == option) {
                continue;
            }
            let (part, text) = match find_option(connector.kind, option) {
                Some(Becomes::Key(text)) => (Part::Mapped, text),
                Some(Becomes::NotNeeded(text)) => (Part::NotNeeded, text),
                Some(Becomes::Differs(text)) => (Part::Differs, text),
                Some(Becomes::NoCounterpart(text)) => (Part::NoCounterpart, text),
                None => (
                    Part::NotNeeded,
                    "not an option of this sink, which ignored it",
                ),
            };
            self.say(option, part, text);
        }
    }

    /// What is said under a part, by option.
    pub fn part(&self, part: Part) -> impl Iterator<Item = (&str, &str)> {
        let said = self.said.iter().filter(move |((of, _), _)| *of == part);
        said.map(|((_, option), text)| (option.as_str(), text.as_str()))
    }

    /// As it is printed.
    pub fn as_text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for (part, title) in PARTS {
            let rows: Vec<[String; 2]> = self
                .part(part)
                .map(|(option, said)| [format!("  {option}"), said.to_owned()])
                .collect();
            if !rows.is_empty() {
                text += &format_table([title, ""], rows, &[]);
            }
        }
        text
    }
}
