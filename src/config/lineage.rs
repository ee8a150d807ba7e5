//! `[route.lineage]`: facts about an event that are written into columns of its row.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::value::{parse_string, texts_by_name};

/// What is known of an event beside its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The topic that it came through,
    Topic,
    /// the partition's number,
    Partition,
    /// and its offset there.
    Offset,
    /// What it did to the row: create, read, update, delete.
    Op,
    /// Its place in its source's log, as text.
    SourcePosition,
    /// When the change was made at the source; the record's timestamp where nothing tells.
    SourceTime,
    /// When the worker took it up, by the worker's clock.
    AppliedAt,
}

const FACTS: [(&str, Fact); 7] = [
    ("topic", Fact::Topic),
    ("partition", Fact::Partition),
    ("offset", Fact::Offset),
    ("op", Fact::Op),
    ("source_position", Fact::SourcePosition),
    ("source_time", Fact::SourceTime),
    ("applied_at", Fact::AppliedAt),
];

/// Which facts, and which fixed texts, have which columns. No two have the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Facts with their columns.
    pub facts: Vec<(Fact, String)>,
    /// Columns with the text that each of them has.
    pub texts: BTreeMap<String, String>,
}

impl Lineage {
    /// Whether nothing is added to rows.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.texts.is_empty()
    }

    /// The columns that it fills.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let facts = self.facts.iter().map(|(_, column)| column.as_str());
        facts.chain(self.texts.keys().map(String::as_str))
    }

    pub(super) fn describe(&self) -> Option<String> {
        let columns: Vec<&str> = self.columns().collect();
        (!columns.is_empty()).then(|| format!("lineage {}", columns.join(",")))
    }

    pub(super) fn from_reader(reader: &mut Reader, table: &str) -> Self {
        let facts = FACTS.iter().filter_map(|(name, fact)| {
            let column = reader.read(&format!("{table}.{name}"), parse_string)?;
            Some((*fact, column))
        });
        let facts: Vec<(Fact, String)> = facts.collect();
        let texts = reader.read_or(&format!("{table}.static"), BTreeMap::new(), |found| {
            texts_by_name(found, "a table of columns, each with its text")
        });
        let lineage = Self { facts, texts };
        let mut columns: Vec<&str> = lineage.columns().collect();
        columns.sort_unstable();
        let twice = columns.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some([column, _]) = twice {
            let problem = format!("the column {column} is named twice");
            reader.note_problem(table, problem);
        }
        lineage
    }
}
