//! What is known of a run: topics with their fields, tables with their columns, and which columns come of which fields.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::locked::Locked;
use crate::table_name::TableName;

/// So many tables, topics and columns of a table that have come of fields are told of; those that come later aren't. A
/// receiver would hardly take more, and what is kept must end somewhere.
const MOST: usize = 5_000;

/// A field, or a column, and its type where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedType {
    pub name: String,
    pub kind: Option<String>,
}

/// What is left in a column of the field that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The field's value.
    Same,
    /// Its keyed hash.
    Hash,
    /// Nothing: the same is written whatever the value is.
    Fixed,
}

/// A column that is written, and the field that it comes from; none, if it tells of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    pub column: String,
    pub from: Option<(String, How)>,
}

/// Events of a topic that are landed in a table.
#[derive(Clone, Debug)]
pub struct Flow {
    pub topic: Arc<str>,
    /// What its events have.
    pub fields: Vec<NamedType>,
    pub table: TableName,
    /// What the table has.
    pub columns: Vec<NamedType>,
    pub derived: Vec<Derived>,
}

/// All that is known.
#[derive(Debug, Default)]
pub struct Flows {
    known: Locked<Known>,
    /// Something is new.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub topics: BTreeMap<Arc<str>, Topic>,
    pub tables: BTreeMap<TableName, Table>,
}

#[derive(Debug, Default)]
pub(super) struct Topic {
    pub fields: Vec<NamedType>,
    pub is_new: bool,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub columns: Vec<NamedType>,
    /// Of which fields of which topics a column comes.
    pub derived: BTreeMap<String, BTreeSet<(Arc<str>, String, How)>>,
    /// Written by this run.
    pub rows: u64,
    pub is_new: bool,
    /// Rows were written that nobody was told of.
    pub has_new_rows: bool,
}

impl Flows {
    /// These topics are read, whatever comes of them.
    pub fn note_topics<'t>(&self, topics: impl Iterator<Item = &'t str>) {
        let mut known = self.known.lock();
        topics.for_each(|topic| _ = known.topic(&topic.into()));
    }

    /// Events of this shape were landed there.
    pub fn note_flow(&self, flow: &Flow) {
        let is_new = self.known.lock().add(flow);
        if is_new {
            self.news.notify_one();
        }
    }

    /// So many rows of a table were written.
    pub fn count_rows(&self, table: &TableName, rows: u64) {
        let mut known = self.known.lock();
        if let Some(table) = known.tables.get_mut(table) {
            table.rows += rows;
            table.has_new_rows = true;
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&mut Known) -> T) -> T {
        read(&mut self.known.lock())
    }
}

impl Known {
    /// What was told has arrived.
    pub fn mark_told(&mut self) {
        self.topics.values_mut().for_each(|t| t.is_new = false);
        for table in self.tables.values_mut() {
            (table.is_new, table.has_new_rows) = (false, false);
        }
    }

    /// What was told last hasn't arrived, so that all has to be told once more.
    pub fn mark_untold(&mut self) {
        self.topics.values_mut().for_each(|t| t.is_new = true);
        self.tables.values_mut().for_each(|t| t.is_new = true);
    }

    fn topic(&mut self, topic: &Arc<str>) -> Option<&mut Topic> {
        if self.topics.len() >= MOST && !self.topics.contains_key(topic) {
            return None;
        }
        let new = || Topic {
            is_new: true,
            ..Topic::default()
        };
        Some(self.topics.entry(topic.clone()).or_insert_with(new))
    }

    /// Returns whether anything of it is new.
    fn add(&mut self, flow: &Flow) -> bool {
        let Some(topic) = self.topic(&flow.topic) else {
            return false;
        };
        let fields = merge(&mut topic.fields, &flow.fields);
        topic.is_new |= fields;
        if self.tables.len() >= MOST && !self.tables.contains_key(&flow.table) {
            return fields;
        }
        let table = self.tables.entry(flow.table.clone()).or_default();
        let mut is_new = table.columns != flow.columns;
        table.columns.clone_from(&flow.columns);
        for derived in &flow.derived {
            let is_known = table.derived.contains_key(&derived.column);
            if !is_known && table.derived.len() >= MOST {
                continue;
            }
            let origins = table.derived.entry(derived.column.clone()).or_default();
            is_new |= !is_known;
            if let Some((field, how)) = &derived.from
                && origins.len() < MOST
            {
                is_new |= origins.insert((flow.topic.clone(), field.clone(), *how));
            }
        }
        table.is_new |= is_new;
        fields || is_new
    }
}

/// Adds what isn't there; a field that is there has the type that it had last. Returns whether anything has changed.
fn merge(known: &mut Vec<NamedType>, more: &[NamedType]) -> bool {
    let mut has_changed = false;
    for field in more {
        let at = known.iter().position(|known| known.name == field.name);
        let has_room = known.len() < MOST;
        match at.and_then(|at| known.get_mut(at)) {
            Some(known) if known.kind == field.kind || field.kind.is_none() => continue,
            Some(known) => known.kind.clone_from(&field.kind),
            None if has_room => known.push(field.clone()),
            None => continue,
        }
        has_changed = true;
    }
    has_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<NamedType> {
        let named = |name: &&str| NamedType {
            name: (*name).to_owned(),
            kind: None,
        };
        names.iter().map(named).collect()
    }

    fn flow(topic: &str, field: &str) -> Flow {
        Flow {
            topic: topic.into(),
            fields: named(&["id", field]),
            table: TableName::new("s", "t"),
            columns: named(&["id", "c"]),
            derived: vec![Derived {
                column: "c".to_owned(),
                from: Some((field.to_owned(), How::Same)),
            }],
        }
    }

    #[test]
    fn what_was_told_is_news_no_more_and_what_comes_along_later_is() {
        let flows = Flows::default();
        flows.note_flow(&flow("a", "x"));
        assert!(flows.read(|known| known.tables.values().all(|t| t.is_new)));
        flows.read(Known::mark_told);
        flows.note_flow(&flow("a", "x"));
        assert!(flows.read(|known| known.tables.values().all(|t| !t.is_new)));
        flows.note_flow(&flow("b", "y"));
        flows.read(|known| {
            let table = &known.tables[&TableName::new("s", "t")];
            let of = |topic: &str, field: &str| (topic.into(), field.to_owned(), How::Same);
            assert_eq!(
                table.derived["c"],
                BTreeSet::from([of("a", "x"), of("b", "y")])
            );
            assert!(table.is_new && known.topics["b"].is_new && !known.topics["a"].is_new);
        });
    }

    #[test]
    fn no_more_is_kept_than_can_be_told() {
        let flows = Flows::default();
        for number in 0..MOST + 10 {
            flows.note_flow(&Flow {
                table: TableName::new("s", number.to_string()),
                ..flow(&number.to_string(), "x")
            });
        }
        let kept = flows.read(|known| (known.topics.len(), known.tables.len()));
        assert_eq!(kept, (MOST, MOST));
    }
}
