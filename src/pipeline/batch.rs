//! A batch: the unit of everything. Read together, written in one transaction, dead-lettered
//! together, committed together; rejects ride inside.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bumpalo::Bump;
use uuid::Uuid;

use crate::format::decode::Decoder;
use crate::format::named_tables::NamedTables;
use crate::format::stream_ends::StreamId;
use crate::format::undecodable::Blame;
use crate::ledger::watermarks::WatermarkMove;
use crate::letter::Letter;
use crate::pipeline::advance::Advance;
use crate::pipeline::advances::Advances;
use crate::pipeline::entry::{Entry, EntryState, Reject};
use crate::pipeline::last_events::Fate;
use crate::pipeline::order::Order;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::pipeline::place_entries::place_entries;
use crate::pipeline::topic_looks::OneTopic;
use crate::pipeline::trial::{PublishedRejects, Trial};
use crate::record::{Coordinates, Record, TopicPartition};
use crate::rows::source_order::EntryEvent;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::{Concern, Failure};

/// Records that are landed together, what they turned out to be, and how far they take their partitions.
pub struct Batch<'r> {
    /// Written to the partitions' rows: tells later whether this batch is in.
    pub id: Uuid,
    /// In arrival order.
    pub entries: Vec<Entry<'r>>,
    /// One for each partition.
    pub advances: Vec<Advance>,
    /// How the records are being tried.
    pub trial: Trial,
    /// Entries whose parents may still come, as the last attempt found.
    pub waiting: Vec<WaitingEntry>,
    /// What was known of merged tables when the records were decoded.
    pub merged_version: u64,
    /// Whether changes are to be put in order by their source.
    pub is_ordered_by_source: bool,
    /// The tables of its pending events, as the last attempt took them to be.
    pub tables: Vec<Arc<Table>>,
}

impl<'r> Batch<'r> {
    /// Decodes the records that belong to the lane's partitions; records of a partition that was given
    /// up or repositioned since they were read are dropped.
    /// Partitions that owe letters come along without records, lest they wait for some.
    /// What is decoded and can't be borrowed from the records lies in `arena`.
    pub fn gather_records(
        records: &'r [Record],
        arena: &'r Bump,
        owned_partitions: &OwnedPartitions,
        decoder: &mut Decoder,
    ) -> Self {
        let (mut advances, mut all_placed) = (Advances::default(), true);
        let mut entries = Vec::with_capacity(records.len());
        let mut is_ordered_by_source = false;
        for record in records {
            let Some(advance) = advances.find_for(record, owned_partitions) else {
                continue;
            };
            if !advance.follow_record(record) {
                continue;
            }
            if record.offset < advance.held.floor {
                advance.below_floor += 1;
                continue;
            }
            let entry = Entry::decode_record(record, arena, advance, decoder);
            advance.note_event(record.offset, entry.source_time());
            all_placed &= entry.key_without_table().is_none();
            is_ordered_by_source |= entry.is_ordered_by_source();
            entries.push(entry);
        }
        if !all_placed {
            place_entries(&mut entries, advances.iter());
        }
        Self {
            id: Uuid::new_v4(),
            entries,
            advances: advances.with_debts(owned_partitions),
            trial: Trial::default(),
            waiting: Vec::new(),
            merged_version: 0,
            is_ordered_by_source: is_ordered_by_source || !all_placed,
            tables: Vec::new(),
        }
    }

    /// Takes partitions to where their logs were read, if that is behind their last record: what lies between is
    /// no record. Not for a batch of which something is deferred.
    pub fn pass_ends(&mut self) {
        self.advances.iter_mut().for_each(Advance::pass_end);
    }

    /// Goes on where another batch of the same records left off, of which some are published.
    pub fn resume_trial(mut self, trial: Trial, published: &mut PublishedRejects) -> Self {
        published.restore(&mut self.entries);
        self.trial = trial;
        self
    }

    /// How far the attempts at the batch have come, to [`Batch::resume_trial`] with, and what is published of it.
    pub fn into_trial(self, published: &mut PublishedRejects) -> Trial {
        published.keep(self.entries);
        self.trial
    }

    /// Whether the entry's parent was waited for in vain.
    pub fn has_given_up(&self, entry: usize) -> bool {
        let given_up = &self.trial.given_up;
        let record = self.entries.get(entry).map(|e| e.record.coordinates());
        !given_up.is_empty() && record.is_some_and(|r| given_up.contains(&r))
    }

    /// Whether other partitions have rows of the entry's table, as its topic has several or other topics lead there.
    pub fn shares_rows(&self, entry: usize) -> bool {
        let Some(entry) = self.entries.get(entry) else {
            return false;
        };
        let mut advances = self.advances.iter();
        let is_of = |a: &&Advance| a.held.partition_id == entry.partition_id;
        let has_siblings = advances.find(is_of).is_some_and(|a| a.held.has_siblings);
        has_siblings || entry.may_be_early()
    }

    /// The records whose parents may still come.
    pub fn waiting_records(&self) -> Vec<Coordinates> {
        let entries = self.waiting.iter();
        let entries = entries.filter_map(|waiting| self.entries.get(waiting.entry));
        entries.map(|e| e.record.coordinates()).collect()
    }

    /// What waits, by the tables whose changes may end that, which needn't be the same for all of it. `failure`: what the
    /// attempt met. What waits may not be known before COMMIT has told: then there is one without records.
    pub fn list_awaiting(&self, failure: &Failure) -> Vec<Awaiting> {
        let mut alike: BTreeMap<(Option<&TableName>, Ends), Vec<&WaitingEntry>> = BTreeMap::new();
        for waiting in &self.waiting {
            let entry = self.entries.get(waiting.entry);
            let table = entry.and_then(|e| e.table().map(|table| &**table));
            let alike = alike.entry((table, waiting.ends())).or_default();
            alike.push(waiting);
        }
        if alike.is_empty() {
            alike.insert((None, Ends::Relatives), Vec::new());
        }
        let awaiting = |((table, ends), waiting): (_, Vec<&WaitingEntry>)| {
            let entries = waiting.iter().filter_map(|w| self.entries.get(w.entry));
            let met = waiting.first().map_or(failure, |waiting| &*waiting.met);
            Awaiting {
                tables: self.find_awaited(table, ends),
                failure: met.clone(),
                from: first_of_each(entries.map(|e| e.record.coordinates())),
            }
        };
        alike.into_iter().map(awaiting).collect()
    }

    /// The tables whose changes may end the wait of events of this table, or of any, if that isn't known.
    fn find_awaited(&self, own: Option<&TableName>, ends: Ends) -> BTreeSet<TableName> {
        let is_concerned = |table: &&Arc<Table>| own.is_none_or(|own| *own == table.name);
        let concerned = self.tables.iter().filter(is_concerned);
        let relatives = concerned.flat_map(|table| &table.relatives).cloned();
        match (own, ends) {
            (Some(own), Ends::Own) => BTreeSet::from([own.clone()]),
            (Some(own), Ends::Either) => relatives.chain([own.clone()]).collect(),
            (_, Ends::Relatives) | (None, _) => relatives.collect(),
        }
    }

    /// The partitions of what waits; of all that was read, as long as that isn't known.
    pub fn waiting_sources(&self) -> HashSet<TopicPartition> {
        match self.waiting.as_slice() {
            [] => self.sources().collect(),
            _ => self.find_waiting().into_keys().collect(),
        }
    }

    /// The topics of what waits; of all that was read, as long as that isn't known.
    pub fn waiting_topics(&self) -> HashSet<Arc<str>> {
        let sources = self.waiting_sources().into_iter();
        sources.map(|source| source.topic).collect()
    }

    /// The first such record of each partition.
    pub fn find_waiting(&self) -> HashMap<TopicPartition, i64> {
        first_of_each(self.waiting_records().into_iter())
    }

    /// The same; of all partitions, as long as it isn't known which wait.
    pub fn may_be_waiting(&self) -> HashMap<TopicPartition, i64> {
        match self.waiting.as_slice() {
            [] => first_of_each(self.entries.iter().map(|e| e.record.coordinates())),
            _ => self.find_waiting(),
        }
    }

    /// The same, if there are others before one of them.
    pub fn first_waiting(&self) -> Option<HashMap<TopicPartition, i64>> {
        let first = self.find_waiting();
        let ahead = |entry: &Entry<'_>| {
            let wait = first.get(&entry.record.source);
            wait.is_none_or(|wait| entry.record.offset < *wait)
        };
        let any = self.entries.iter().any(ahead);
        any.then_some(first)
    }

    /// The first event of each partition: its offset, and when it was made at the source.
    pub fn first_events(&self) -> impl Iterator<Item = (&TopicPartition, i64, i64)> {
        self.advances.iter().filter_map(|advance| {
            let (offset, time) = advance.first_event?;
            Some((&advance.source, offset, time))
        })
    }

    /// How the batch moves the watermarks of its partitions.
    pub fn watermark_moves(&self) -> Vec<WatermarkMove<'_>> {
        let moving = self.advances.iter().filter(|a| a.moves_watermark());
        moving.map(Advance::watermark_move).collect()
    }

    /// The topics of these partitions, which are told by the numbers of their rows.
    pub fn topics_of(&self, partitions: &[i32]) -> impl Iterator<Item = &Arc<str>> {
        let is_named = |a: &&Advance| partitions.contains(&a.held.partition_id);
        let named = self.advances.iter().filter(is_named);
        named.map(|a| &a.source.topic)
    }

    /// Letters from before the batch that have no row yet.
    pub fn owed_letters(&self) -> impl Iterator<Item = &Letter> {
        let moving = self.advances.iter().filter(|a| a.moves_watermark());
        moving.flat_map(|a| a.held.owed.iter())
    }

    /// Notes what the attempt has found: who is refused, who waits behind a letter of its key, and
    /// whose letter is obsolete already.
    pub fn put_aside(&mut self, refused: &BTreeMap<usize, Failure>, order: &Order) {
        let (attempts, since) = (self.trial.attempts + 1, self.trial.first_failed_at);
        for entry in &mut self.entries {
            if let EntryState::Rejected(reject) = &mut entry.state {
                reject.superseded_by = None; // of an attempt before this one
            }
        }
        for (at, failure) in refused {
            if let Some(entry) = self.entries.get_mut(*at) {
                entry.reject_for(failure, attempts, since);
            }
        }
        for at in order.parked_entries() {
            if let Some(entry) = self.entries.get_mut(*at) {
                entry.park_behind_letter(attempts);
            }
        }
        // where ids aren't kept, the same event may have been refused twice: one letter is enough
        let mut letters = HashSet::new();
        for entry in self.entries.iter_mut().filter(|e| e.is_rejected()) {
            entry.duplicate = !letters.insert(entry.id);
        }
        for (at, by) in order.superseded_entries() {
            let by = self.entries.get(by).map(|entry| entry.id);
            if let Some(EntryState::Rejected(reject)) =
                self.entries.get_mut(at).map(|e| &mut e.state)
            {
                reject.superseded_by = by;
            }
        }
    }

    /// What an entry's event says, if it is a change.
    pub fn event_of(&self, entry: usize) -> Option<EntryEvent<'_, 'r>> {
        let entry = self.entries.get(entry)?;
        Some(EntryEvent {
            change: entry.change.as_ref()?,
            partition_id: entry.partition_id,
        })
    }

    /// Notes of which entries later changes of their rows are in already.
    pub fn mark_stale(&mut self, entries: &[usize]) {
        for at in entries {
            if let Some(entry) = self.entries.get_mut(*at) {
                entry.stale = true;
            }
        }
    }

    /// The streams that have gone back with an event that isn't known, and at which record of the batch they went
    /// back first, be that one known or not.
    pub fn streams_gone_back(&self) -> Vec<(&'r TopicPartition, StreamId, i64)> {
        let mut found: Vec<(&TopicPartition, StreamId, i64)> = Vec::new();
        for entry in &self.entries {
            let (source, stream) = (&entry.record.source, entry.gone_back());
            let is_found =
                |(p, s, _): &(&TopicPartition, StreamId, i64)| *p == source && Some(*s) == stream;
            if let Some(stream) = stream.filter(|_| !found.iter().any(is_found)) {
                found.push((source, stream, entry.record.offset));
            }
        }
        found.retain(|(source, stream, _)| {
            let is_of =
                |e: &&Entry<'_>| e.gone_back() == Some(*stream) && e.record.source == **source;
            self.entries.iter().filter(is_of).any(Entry::is_fresh)
        });
        found
    }

    /// Takes back the refusals whose cause may be mended before the next attempt.
    pub fn revive_unpublished(&mut self) {
        for entry in &mut self.entries {
            let unpublished =
                matches!(&entry.state, EntryState::Rejected(reject) if reject.published.is_none());
            if unpublished && entry.change.is_some() {
                entry.state = EntryState::Pending;
            }
        }
    }

    /// The events of each partition of which some were refused, in arrival order.
    pub fn list_refusing(&self) -> BTreeMap<&'r TopicPartition, Vec<(&'r Record, Fate)>> {
        let refused = |e: &&Entry<'_>| e.fate().is_some_and(|fate| fate != Fate::Landed);
        let refused = self.entries.iter().filter(refused);
        let mut refusing: BTreeMap<_, Vec<_>> =
            refused.map(|e| (&e.record.source, Vec::new())).collect();
        if !refusing.is_empty() {
            for entry in &self.entries {
                let events = refusing.get_mut(&entry.record.source);
                if let (Some(events), Some(fate)) = (events, entry.fate()) {
                    events.push((entry.record, fate));
                }
            }
        }
        refusing
    }

    /// The same of all partitions, one after the other as they came.
    pub fn list_runs(
        &self,
    ) -> impl Iterator<Item = (&'r TopicPartition, impl Iterator<Item = Fate>)> {
        let runs = self
            .entries
            .chunk_by(|a, b| a.record.source == b.record.source);
        runs.filter_map(|run| {
            let source = &run.first()?.record.source;
            Some((source, run.iter().filter_map(Entry::fate)))
        })
    }

    /// Where the batch has to be cut to have so many events at most: each partition's records from this offset on come
    /// later. Whole partitions come later, those of one table side by side, as it is the number of tables that is
    /// mostly too much. `None`: it has no more.
    pub fn cut_at_size(&self, most: usize) -> Option<HashMap<TopicPartition, i64>> {
        if self.entries.len() <= most {
            return None;
        }
        let mut partitions: BTreeMap<&TopicPartition, Vec<&Entry<'r>>> = BTreeMap::new();
        for entry in &self.entries {
            partitions
                .entry(&entry.record.source)
                .or_default()
                .push(entry);
        }
        let mut partitions: Vec<_> = partitions.into_iter().collect();
        partitions.sort_by_key(|(_, entries)| entries.iter().find_map(|entry| entry.table()));
        let (mut room, mut from) = (most.max(1), HashMap::new());
        for (source, entries) in partitions {
            if let Some(first_left) = entries.get(room) {
                from.insert(source.clone(), first_left.record.offset);
            }
            room = room.saturating_sub(entries.len());
        }
        Some(from)
    }

    /// From which offset on each partition has to do with what failed.
    pub fn find_concerned(&self, failure: &Failure) -> HashMap<TopicPartition, i64> {
        let mut first = HashMap::new();
        let concerned = |entry: &&Entry<'_>| match failure.concern.as_deref() {
            Some(Concern::Table(table)) => {
                let pending = matches!(entry.state, EntryState::Pending);
                pending && entry.table().is_some_and(|t| **t == *table)
            }
            Some(Concern::Records { source, from, .. }) => {
                entry.record.offset >= *from && entry.record.source == *source
            }
            Some(Concern::Awaits(_)) | None => self.trial.is_probe,
        };
        for entry in self.entries.iter().filter(concerned) {
            first
                .entry(entry.record.source.clone())
                .or_insert(entry.record.offset);
        }
        first
    }

    /// The partitions that the batch takes further.
    pub fn sources(&self) -> impl Iterator<Item = TopicPartition> {
        self.advances.iter().map(|a| a.source.clone())
    }

    /// Whether there are tombstones whose table nothing has told yet, as no event of their partition has named any.
    pub fn has_unplaced(&self) -> bool {
        let is_unnamed = |a: &Advance| matches!(a.memory.tables, NamedTables::Unknown);
        self.advances.iter().any(is_unnamed) && self.entries.iter().any(Entry::is_unplaced)
    }

    /// Whether no record belongs to a partition of the lane, and no letter is owed.
    pub fn is_empty(&self) -> bool {
        self.advances.is_empty()
    }

    /// Whether offsets are missing whose fate hasn't been looked at.
    pub fn has_gaps(&self) -> bool {
        self.advances.iter().any(|a| a.gap.is_some())
    }

    /// Nothing was lost in them.
    pub fn accept_gaps(&mut self) {
        self.advances.iter_mut().for_each(|a| a.gap = None);
    }

    /// Whether Postgres has anything to write.
    pub fn moves_watermarks(&self) -> bool {
        self.advances.iter().any(Advance::moves_watermark)
    }

    /// Those records that can't be read, where it isn't the record that is to blame, and why, for people: no value of a
    /// row.
    pub fn list_setup_errors(&self) -> impl Iterator<Item = (&'r Record, Blame, &str)> {
        let fresh = self.entries.iter().filter(|e| !e.duplicate);
        fresh.filter_map(|e| match &e.state {
            EntryState::Rejected(reject) if reject.blame != Blame::Record => {
                Some((e.record, reject.blame, reject.cause.message.as_str()))
            }
            _ => None,
        })
    }

    /// The tombstones without their deletes that would remove rows, each of which is its topic's alone to explain.
    pub fn list_lone_tombstones(&self) -> impl Iterator<Item = &'r Record> {
        let fresh = self.entries.iter().filter(|e| e.is_fresh());
        let lone = fresh.filter(|e| e.is_lone_tombstone());
        lone.map(|e| e.record)
    }

    /// Whether an event of the topic is to be landed: no tombstone, which any topic may have.
    pub fn has_event_of(&self, topic: &str) -> bool {
        let of_topic = |e: &&Entry<'_>| *e.record.source.topic == *topic;
        let mut entries = self.entries.iter().filter(of_topic);
        entries.any(|e| e.fate() == Some(Fate::Landed) || e.duplicate && e.change.is_some())
    }

    /// Which topic of its name the partition's is.
    pub fn topic_of(&self, source: &TopicPartition) -> OneTopic {
        let advance = self.advances.iter().find(|a| a.source == *source);
        OneTopic {
            name: source.topic.clone(),
            id: advance.and_then(|advance| advance.held.topic_id),
        }
    }

    /// The offset of the partition's first record in the batch.
    pub fn first_offset_of(&self, source: &TopicPartition) -> Option<i64> {
        let of_partition = |e: &&Entry<'_>| e.record.source == *source;
        let first = self.entries.iter().find(of_partition);
        first.map(|e| e.record.offset)
    }

    /// What a partition's events were refused for, for people: no value of a row.
    pub fn describe_refusals(&self, source: &TopicPartition) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let fresh = self.entries.iter().filter(|e| !e.duplicate);
        for entry in fresh.filter(|e| e.record.source == *source) {
            if let EntryState::Rejected(reject) = &entry.state {
                let sqlstate = reject.cause.sqlstate.as_deref();
                let code = sqlstate.map_or(String::new(), |code| format!(", SQLSTATE {code}"));
                let table = match entry.table() {
                    Some(table) => format!(", table {table}"),
                    None if entry.is_unplaced() => {
                        ", tombstones whose table only a [[route]] can tell".to_owned()
                    }
                    None => String::new(),
                };
                let what = format!("{}{code}{table}", reject.cause.reason.name());
                *counts.entry(what).or_default() += 1;
            }
        }
        let counts = counts
            .iter()
            .map(|(what, count)| format!("{count} times {what}"));
        counts.collect::<Vec<_>>().join("; ")
    }

    /// The rejects that aren't published yet.
    pub fn unpublished_rejects(&mut self) -> impl Iterator<Item = Unpublished<'_, 'r>> {
        let fresh = self.entries.iter_mut().filter(|e| !e.duplicate);
        fresh.filter_map(|e| {
            let table = e.table().map(ToString::to_string).unwrap_or_default();
            match &mut e.state {
                EntryState::Rejected(reject) if reject.published.is_none() => Some(Unpublished {
                    record: e.record,
                    id: e.id,
                    table,
                    reject,
                }),
                _ => None,
            }
        })
    }

    /// The letters of the batch, all of them published.
    pub fn published_letters(&self) -> impl Iterator<Item = Letter> {
        let fresh = self.entries.iter().filter(|e| !e.duplicate);
        fresh.filter_map(Entry::published_letter)
    }
}

fn first_of_each(records: impl Iterator<Item = Coordinates>) -> HashMap<TopicPartition, i64> {
    let mut first: HashMap<TopicPartition, i64> = HashMap::new();
    for (source, offset) in records {
        let first = first.entry(source).or_insert(offset);
        *first = offset.min(*first);
    }
    first
}

/// An entry whose parent may still come, or that needs a unique value which may still be freed.
#[derive(Clone, Debug)]
pub struct WaitingEntry {
    /// Its index.
    pub entry: usize,
    /// What it met; or what others met with which it was put off.
    pub met: Arc<Failure>,
    /// It was put off together with others, and what it lacks itself, if anything, isn't known.
    pub is_put_off: bool,
}

/// Changes of which tables may end the wait of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ends {
    /// Its own: another row is to free a unique value, or its own row is to come.
    Own,
    /// Those at the other ends of its table's foreign keys.
    Relatives,
    /// Any of these.
    Either,
}

/// Records that wait for changes of the same tables.
#[derive(Debug)]
pub struct Awaiting {
    /// Changes of these may end it.
    pub tables: BTreeSet<TableName>,
    /// What the first of them met.
    pub failure: Failure,
    /// The first of them in each partition; none, as long as it isn't known which wait.
    pub from: HashMap<TopicPartition, i64>,
}

impl WaitingEntry {
    fn ends(&self) -> Ends {
        match &self.met.sqlstate {
            _ if self.is_put_off => Ends::Either,
            Some(_) if !self.met.means_unique_conflict() => Ends::Relatives,
            Some(_) | None => Ends::Own,
        }
    }
}

/// A reject on its way to the dead letter topic.
pub struct Unpublished<'b, 'r> {
    /// What is published.
    pub record: &'r Record,
    /// The event's.
    pub id: Uuid,
    /// `schema.table`, or nothing.
    pub table: String,
    /// Why, and where to note that it is published.
    pub reject: &'b mut Reject,
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
