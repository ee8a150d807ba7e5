//! Records → the tables that they lead to, and what each table's events carry.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bumpalo::Bump;
use serde::Serialize;

use crate::config::Config;
use crate::format::change::{Change, Decoded, Operation};
use crate::format::decode::Decoder;
use crate::format::named_tables::NamedTables;
use crate::format::partition_memory::PartitionMemory;
use crate::format::positions::Doubt;
use crate::format::topic_decoder::topic_name_as_table;
use crate::operator::check::causes::Causes;
use crate::operator::check::finding::AboutEvent;
use crate::operator::check::non_event::NonEvent;
use crate::record::Record;
use crate::table_name::TableName;
use crate::verdict::Reason;

/// Where a topic's table is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A `[[route]]` names the table.
    Route,
    /// The events name the table.
    Events,
    /// A guess: Debezium's default name, `prefix.schema.table`.
    TopicName,
}

/// Where a record was read, in the order within its topic's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The partition's number.
    pub partition: i32,
    /// The record's offset there.
    pub offset: i64,
}

/// A table's sampled changes, in order within a partition.
#[derive(Default)]
pub struct TableSample<'r> {
    /// The changes,
    pub changes: Vec<Change<'r>>,
    /// and where each of them was read.
    pub places: Vec<Place>,
}

impl<'r> TableSample<'r> {
    /// What is told of events that would become dead letters; `first`: the first of them, by its position here.
    pub fn tell_first(
        &self,
        first: usize,
        reason: Reason,
        count: usize,
        reached: usize,
    ) -> AboutEvent {
        let place = self.places.get(first).copied().unwrap_or(Place {
            partition: 0,
            offset: 0,
        });
        AboutEvent::of_letters(place, reason, count, reached)
    }

    fn add_change(&mut self, change: Change<'r>, place: Place) {
        let before = self.places.iter().rposition(|other| *other < place);
        let at = before.map_or(0, |before| before + 1);
        self.changes.insert(at, change);
        self.places.insert(at, place);
    }
}

/// What the sampled records of a topic are.
#[derive(Default)]
pub struct Observed<'r> {
    /// The changes, by the table that they lead to.
    pub tables: BTreeMap<TableName, TableSample<'r>>,
    /// The records that are no events, by why.
    pub non_events: Causes<NonEvent, Place>,
    /// Events that carry nothing to land, by what they are.
    pub nothing: BTreeMap<&'static str, usize>,
    /// Truncates that are to be applied,
    pub truncates: usize,
    /// and the tables that they empty.
    pub emptied: BTreeSet<TableName>,
    /// Tombstones on their own whose table no event tells.
    pub unplaced: usize,
    /// How many records there are in all.
    pub records: usize,
    /// A partition's changes tell no place in their source's stream, by which what is sent again is recognised whole.
    pub lacks_streams: bool,
    /// Why the positions of a partition's events aren't believed, if they aren't.
    pub doubt: Option<Doubt>,
}

/// Decodes the records, which are in order within a partition, and sorts them by where they lead.
pub fn observe_records<'r>(
    mut decoder: Decoder,
    records: &'r [Record],
    arena: &'r Bump,
) -> Observed<'r> {
    let mut memories: HashMap<i32, PartitionMemory> = HashMap::new();
    let mut observed = Observed {
        records: records.len(),
        ..Observed::default()
    };
    let (mut tombstones, mut streamed) = (Vec::new(), HashSet::new());
    for record in records {
        let partition = record.source.partition;
        let place = Place {
            partition,
            offset: record.offset,
        };
        let memory = memories.entry(partition).or_default();
        match decoder.decode_record(record, arena, None, memory) {
            Ok(Decoded::Change(change)) if change.operation == Operation::Truncate => {
                observed.truncates += 1;
                observed.emptied.insert((*change.table).clone());
            }
            Ok(Decoded::Change(change)) => {
                let is_streamed =
                    !matches!(change.operation, Operation::Read | Operation::Tombstone);
                streamed.extend(is_streamed.then_some(partition));
                observed.note_change(change, place);
            }
            Ok(Decoded::Unplaced(tombstone)) => tombstones.push((place, tombstone)),
            Ok(Decoded::Nothing(what)) => *observed.nothing.entry(what).or_default() += 1,
            Ok(Decoded::BelongsToDelete) => {}
            Err(refusal) => {
                let non_event = NonEvent::of_record(record, &refusal);
                observed.non_events.note_sample(non_event, place, None);
            }
        }
    }
    observed.lacks_streams = streamed
        .iter()
        .filter_map(|p| memories.get(p))
        .any(|memory| memory.stream_ends.is_empty() && memory.positions.doubt.is_none());
    observed.doubt = memories.values().find_map(|memory| memory.positions.doubt);
    for (place, tombstone) in tombstones {
        match memories.get(&place.partition).map(|memory| &memory.tables) {
            Some(NamedTables::One(table)) => {
                observed.note_change(tombstone.into_change(table.clone()), place)
            }
            _ => observed.unplaced += 1,
        }
    }
    observed
}

impl<'r> Observed<'r> {
    /// How many records could be landed or put aside, and aren't skipped for what they are.
    pub fn count_reached(&self) -> usize {
        let changes: usize = self
            .tables
            .values()
            .map(|sample| sample.changes.len())
            .sum();
        changes + self.truncates + self.unplaced + self.non_events.count_samples()
    }

    /// Whether any record is an event, and no lone tombstone.
    pub fn has_events(&self) -> bool {
        let is_event = |change: &Change<'_>| change.operation != Operation::Tombstone;
        let mut samples = self.tables.values();
        samples.any(|sample| sample.changes.iter().any(is_event))
    }

    fn note_change(&mut self, change: Change<'r>, place: Place) {
        let of_table = self.tables.entry((*change.table).clone()).or_default();
        of_table.add_change(change, place);
    }
}

/// The route's table, or the one that the topic's name tells of.
pub fn expect_table(config: &Config, topic: &str) -> Option<(TableName, Origin)> {
    match config.route_for(topic) {
        Some((_, table)) => Some((table, Origin::Route)),
        None => Some((topic_name_as_table(topic)?, Origin::TopicName)),
    }
}

/// Where a table seen in a topic's events is known from.
pub fn find_origin(config: &Config, topic: &str) -> Origin {
    if config.route_for(topic).is_some() {
        Origin::Route
    } else {
        Origin::Events
    }
}
