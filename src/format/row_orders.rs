//! By what a topic's changes are put in order among those of their rows: mostly by their partition alone, which
//! costs a look at what is known of the table.

use std::sync::Arc;

use crate::config::RowShape;
use crate::format::change::{Fields, RowOrder};
use crate::format::debezium::Source;
use crate::format::merged_tables::{FeedFacts, MergedTables, Merging};
use crate::format::source_position::{SourceId, SourcePosition, identify_source};
use crate::format::topic_decoder::Incoming;
use crate::table_name::TableName;

/// What is remembered between the records of a topic.
pub(super) struct RowOrders {
    merged: Arc<MergedTables>,
    /// Of what is known: what follows from it is looked up again when it changes.
    version: u64,
    /// Tables of the topic; nearly always one.
    facts: Vec<(Arc<TableName>, FeedFacts)>,
    /// Positions are asked for whatever is known: routes may lead other topics to the same table, or the topic's has a
    /// column for versions.
    always: bool,
    /// The route has a column that tells versions apart.
    versioned: bool,
    /// The last event's source: logical name, database, number.
    source: Option<(String, String, SourceId)>,
}

/// A change that is to be put in order.
pub(super) struct Unordered<'c, 'r> {
    pub incoming: &'c Incoming<'c, 'r>,
    pub table: &'c Arc<TableName>,
    pub source: &'c Source<'r>,
    /// Read by a snapshot.
    pub snapshot: bool,
    /// The row's key,
    pub key: &'c Fields<'r>,
    /// and which columns its fields have.
    pub shape: &'c RowShape,
    /// Whether the row's key doesn't tell the record's, so that one row's records can be in several partitions.
    pub of_other_key: bool,
}

/// What is known of a change's topic and table, and follows for its key.
#[derive(Default)]
struct ChangeFacts {
    merging: Merging,
    partitions: i32,
    gave_way: bool,
    /// Its key may be spelled in several ways for one row.
    respelled: bool,
}

impl RowOrders {
    /// `always`: positions are asked for whatever is known of the topic's tables; `versioned`: the route has a column
    /// that tells versions apart.
    pub fn new(merged: Arc<MergedTables>, always: bool, versioned: bool) -> Self {
        Self {
            merged,
            version: 0,
            facts: Vec::new(),
            always,
            versioned,
            source: None,
        }
    }

    /// By what the change is put in order.
    pub fn order_change<'r>(&mut self, change: &Unordered<'_, 'r>) -> RowOrder<'r> {
        let facts = self.facts_of(change);
        let respelled = facts.respelled;
        // of another key also through one partition: more may be added, and have changes of its rows, before anybody
        // knows of them; that a key changes its spelling just then is left to guarantees.md
        let several = facts.partitions != 1; // one that nobody could count is taken for several
        let scatters = change.of_other_key || (respelled && several) || facts.gave_way;
        let by_partition = facts.merging == Merging::One && !self.always;
        if by_partition && !scatters {
            return RowOrder::Partition;
        }
        let (source, arena) = (change.source, change.incoming.arena);
        let position = self.source_id(source).and_then(|id| {
            let position = SourcePosition::of_event(source, id, change.snapshot, arena)?;
            Some(&*arena.alloc(position))
        });
        if by_partition && !several && position.is_none() {
            return RowOrder::Partition;
        }
        let merged = (change.of_other_key && several) || facts.merging == Merging::Several;
        if respelled && several && !merged && position.is_none() && !self.versioned {
            // right as long as no key changes its spelling alone
            self.merged.note_unplaced(change.table);
        }
        RowOrder::Source {
            position,
            required: merged || (respelled && several && position.is_some()),
            out_of_turn: facts.gave_way,
        }
    }

    fn facts_of(&mut self, change: &Unordered<'_, '_>) -> ChangeFacts {
        let (table, topic) = (change.table, &change.incoming.record.source.topic);
        let version = self.merged.version();
        if self.version != version {
            self.facts.clear();
            self.version = version;
        }
        let is_known = |(known, _): &(Arc<TableName>, _)| Arc::ptr_eq(known, table);
        let at = self.facts.iter().position(is_known);
        let at = at.unwrap_or_else(|| {
            let facts = self.merged.find_facts(table, topic);
            self.facts.push((table.clone(), facts));
            self.facts.len() - 1
        });
        let facts = self.facts.get(at).map(|(_, facts)| ChangeFacts {
            merging: facts.merging,
            partitions: facts.partitions,
            gave_way: facts.gave_way,
            respelled: facts.keeps_spelling_of(change.key, change.shape),
        });
        let facts = facts.unwrap_or_default();
        let counted = facts.merging != Merging::Unlearned && facts.partitions > 0;
        let grown = change.incoming.record.source.partition >= facts.partitions;
        if counted && grown && (change.of_other_key || facts.respelled) {
            let partition = change.incoming.record.source.partition;
            self.merged.note_grown(table, topic, partition);
        }
        facts
    }

    fn source_id(&mut self, source: &Source<'_>) -> Option<SourceId> {
        let name = source.name.as_deref().unwrap_or("");
        let database = source.db.as_deref().unwrap_or("");
        if let Some((known_name, known_database, id)) = &self.source
            && known_name == name
            && known_database == database
        {
            return Some(*id);
        }
        let (id, text) = identify_source(source)?;
        self.merged.note_source(id, &text);
        self.source = Some((name.to_owned(), database.to_owned(), id));
        Some(id)
    }
}

/// Whether a row's key, as the route names its columns, leaves open which key its records have: they may be in
/// several partitions then.
pub(super) fn is_other_key(record_key: &Fields<'_>, columns: &[String]) -> bool {
    let named = |name: &str| columns.iter().any(|column| column == name);
    record_key.is_empty() || !record_key.iter().all(|(name, _)| named(name))
}
