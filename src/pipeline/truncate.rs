//! A truncate empties a table, and so must come after all that its source wrote before it, and before all that came
//! later. It is in a batch of its own.
//!
//! Kafka keeps the order of one partition alone. Where rows of the table come through other partitions or topics as
//! well, some that were written before the truncate would be landed after it, and some that were written after it
//! would be gone with it. Such a truncate is a mistake in the set-up, and never applied. Neither is one of a source
//! table that shares its topic with others, where a route leads them into one table: the others' rows would be gone.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Object;

use crate::format::named_tables::NamedTables;
use crate::ledger::Ledger;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::entry::Entry;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};

impl<'r> Batch<'r> {
    /// Where the batch has to be cut so that a truncate is in a batch of its own: each partition's records from this
    /// offset on come later. `None`: it has none, or nothing else.
    ///
    /// What lies before a truncate, in whatever partition, is landed first. Then those that their partitions begin
    /// with are landed together, as a truncate of several tables at the source is one of each table here.
    ///
    /// `others_wait`: what lies before could not be landed, as it waits for parents. Those may come behind a truncate
    /// that its partition begins with, so such truncates go first.
    pub fn cut_at_truncates(&self, others_wait: bool) -> Option<HashMap<TopicPartition, i64>> {
        if !self.entries.iter().any(Entry::is_truncate) {
            return None;
        }
        if others_wait && let Some(next) = self.cut_behind_heads() {
            return (!next.is_empty()).then_some(next);
        }
        let mut first: HashMap<&TopicPartition, i64> = HashMap::new();
        let mut next: HashMap<TopicPartition, i64> = HashMap::new();
        let mut ahead = false;
        for entry in &self.entries {
            let (source, offset) = (&entry.record.source, entry.record.offset);
            match first.get(source) {
                Some(_) => {
                    next.entry(source.clone()).or_insert(offset);
                }
                None if entry.is_truncate() => {
                    first.insert(source, offset);
                }
                None => ahead = true,
            }
        }
        if ahead {
            let first = first.into_iter();
            return Some(first.map(|(s, offset)| (s.clone(), offset)).collect());
        }
        (!next.is_empty()).then_some(next)
    }

    /// Leaves nothing but the truncates that their partitions begin with. `None`: no partition begins with one.
    fn cut_behind_heads(&self) -> Option<HashMap<TopicPartition, i64>> {
        let mut begun: HashSet<&TopicPartition> = HashSet::new();
        let mut heads: HashSet<&TopicPartition> = HashSet::new();
        let mut next: HashMap<TopicPartition, i64> = HashMap::new();
        for entry in &self.entries {
            let (source, offset) = (&entry.record.source, entry.record.offset);
            if begun.insert(source) && entry.is_truncate() {
                heads.insert(source);
            } else {
                next.entry(source.clone()).or_insert(offset);
            }
        }
        (!heads.is_empty()).then_some(next)
    }

    /// Whether all events of a partition so far were of one table at the source: a truncate's, if it has one.
    fn names_one_table(&self, source: &TopicPartition) -> bool {
        let mut advances = self.advances.iter();
        let advance = advances.find(|advance| advance.source == *source);
        advance.is_some_and(|advance| matches!(advance.memory.tables, NamedTables::One(_)))
    }

    /// The truncates of the batch that are to be applied, as far as is known: then it has nothing else.
    pub fn truncates(&self) -> impl Iterator<Item = &Entry<'r>> {
        let first = self.entries.first().filter(|entry| entry.is_truncate());
        let all = first.map_or(&[][..], |_| &self.entries);
        all.iter().filter(|entry| entry.is_truncate())
    }
}

/// Looks whether the batch's truncates have their order, which is asked where there are any.
///
/// # Errors
/// Systemic: one of them has none. Kafka or Postgres can't be asked now.
pub async fn require_order(
    client: &Object,
    ledger: &Ledger,
    before_commit: &BeforeCommit,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    for truncate in batch.truncates().filter(|entry| entry.is_fresh()) {
        let (source, Some(table)) = (&truncate.record.source, truncate.table()) else {
            continue;
        };
        let partitions = before_commit.list_partitions().await?;
        let naming = ledger.watermarks.find_topics_naming(client, table).await?;
        let leads_here = |topic: &str| match before_commit.config.route_for(topic) {
            Some((_, routed)) => routed == **table,
            None => naming.iter().any(|t| t == topic),
        };
        let topics = partitions.iter().map(|partition| &*partition.topic);
        let mut others = topics.filter(|topic| **topic != *source.topic && leads_here(topic));
        let of_topic = partitions.iter().filter(|p| p.topic == source.topic);
        let is_routed = before_commit.config.route_for(&source.topic).is_some();
        let why = match (others.next(), of_topic.count()) {
            (Some(other), _) => format!("topic {other} leads to the table too"),
            (None, 2..) => "its topic has several partitions".to_owned(),
            (None, _) if is_routed && !batch.names_one_table(source) => {
                "its topic has the events of several tables, whose rows it would remove too"
                    .to_owned()
            }
            (None, _) => continue,
        };
        let message = format!(
            "a truncate of {table} in topic {} has no order with the rows that it removes: {why}; have the table's events, \
             and no other's, in one partition of one topic, or leave truncates out with apply.truncates = false",
            source.topic
        );
        return Err(Failure::new(Verdict::Systemic, message).about_table(table));
    }
    Ok(())
}
