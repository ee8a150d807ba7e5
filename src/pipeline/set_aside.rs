//! Partitions that can't go on are set aside, each with its own reason and clock, and the others go on: its table is
//! missing or locked, say. Nothing more is fetched of such a partition; the first of its records that couldn't be
//! landed are kept, and tried again every so often, by themselves and at little cost to the others. Once they are in,
//! the partition is read again from its watermark.
//!
//! Why: `docs/decisions/13`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use bumpalo::Bump;
use tokio::time::Instant;

use crate::pipeline::landing::land_probe;
use crate::pipeline::lane::Lane;
use crate::record::{Record, TopicPartition};
use crate::retry::Delays;
use crate::table_name::TableName;
use crate::verdict::{Concern, Failure, Verdict};
use crate::watch::standing::Standing;

/// So many of a partition's records are kept, or as many as tell that it can't go on,
const KEPT_RECORDS: usize = 100;
/// and no more bytes than this, if that is more than one record.
const KEPT_BYTES: usize = 1 << 20;

/// After a probe the others have the lane for so many times as long as it took: hundreds of partitions that stand still
/// cost a twentieth of the lane's time at most.
const REST_FACTOR: u32 = 19;
/// But no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What a partition that is set aside is tried with.
struct AsidePartition {
    /// The first that aren't landed. None, while they are being tried.
    records: Vec<Record>,
    /// The table whose events they can't be landed for.
    table: Option<TableName>,
    /// Whether what they need is away.
    is_away: bool,
    /// When they are tried again.
    due: Instant,
    delays: Delays,
}

/// The partitions of a lane that are set aside.
#[derive(Default)]
pub struct AsidePartitions {
    partitions: HashMap<TopicPartition, AsidePartition>,
    /// The others come first until then.
    rest_until: Option<Instant>,
    /// Reasons that the ledger hasn't been told.
    unrecorded: Vec<(TopicPartition, String)>,
}

impl AsidePartitions {
    /// Whether the partition is set aside.
    pub fn contains(&self, source: &TopicPartition) -> bool {
        !self.partitions.is_empty() && self.partitions.contains_key(source)
    }

    /// When the next partition is to be tried, if there is any.
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.partitions.values().map(|aside| aside.due).min();
        due.map(|due| self.rest_until.map_or(due, |rest| due.max(rest)))
    }

    /// The partition is taken up, or somebody else's.
    pub fn forget_partition(&mut self, source: &TopicPartition) {
        self.partitions.remove(source);
    }

    /// Leaves out the records of partitions that are set aside: they were queued before, and are read again.
    pub fn leave_out(&self, records: &mut Vec<Record>) {
        if self.partitions.is_empty() {
            return; // as mostly
        }
        let mut last: Option<(TopicPartition, bool)> = None;
        records.retain(|record| match &last {
            Some((source, stays)) if *source == record.source => *stays,
            _ => {
                let stays = !self.partitions.contains_key(&record.source);
                last = Some((record.source.clone(), stays));
                stays
            }
        });
    }

    /// Takes out the records of the partition that is due longest.
    fn take_due(&mut self, now: Instant) -> Option<(TopicPartition, Vec<Record>)> {
        let due = self.partitions.iter_mut().filter(|(_, p)| p.due <= now);
        let (source, aside) = due.min_by_key(|(_, aside)| aside.due)?;
        Some((source.clone(), std::mem::take(&mut aside.records)))
    }

    /// Returns whether the partition can go on; then it isn't set aside any more, and others that stood still for the
    /// same are tried at once.
    fn settle_probe(&mut self, source: &TopicPartition, began: Instant, now: Instant) -> bool {
        let took = now.saturating_duration_since(began);
        self.rest_until = Some(now + (took * REST_FACTOR).min(LONGEST_REST));
        if self
            .partitions
            .get(source)
            .is_none_or(|p| !p.records.is_empty())
        {
            return false;
        }
        if let Some(gone) = self.partitions.remove(source) {
            let is_same = |other: &&mut AsidePartition| {
                (gone.table.is_some() && gone.table == other.table)
                    || (gone.is_away && other.is_away)
            };
            let others = self.partitions.values_mut().filter(is_same);
            others.for_each(|other| other.due = other.due.min(now));
        }
        true
    }
}

/// The first of a partition's records, apart from what was read beside them. `until`: at least to this offset.
fn keep_first(records: Vec<Record>, until: Option<i64>) -> Vec<Record> {
    let (mut bytes, mut rows) = (0, 0);
    let is_kept = |record: &&Record| {
        bytes += record.memory_size();
        rows += 1;
        let within = rows <= KEPT_RECORDS && bytes <= KEPT_BYTES;
        rows == 1 || within || until.is_some_and(|until| record.offset <= until)
    };
    let kept = records.iter().take_while(is_kept);
    kept.map(Record::copy_apart).collect()
}

impl Lane {
    /// Sets partitions aside with these records, the first that can't be landed. `soon`: some of the partitions may
    /// be able to go on all the same, when they are tried by themselves.
    pub(super) fn set_aside(&mut self, records: Vec<Record>, failure: &Failure, soon: bool) {
        self.waiting.tell_going_on(); // whoever says so isn't away
        if failure.hangs_on_session() {
            self.waiting.renew_sessions();
        }
        let mut by_source: BTreeMap<TopicPartition, Vec<Record>> = BTreeMap::new();
        for record in records {
            let of_source = by_source.entry(record.source.clone()).or_default();
            of_source.push(record);
        }
        let soon = soon && by_source.len() > 1;
        let mut held = HashSet::new();
        for (source, records) in by_source {
            if !self.hold_aside(&source) {
                self.aside.forget_partition(&source);
                continue; // somebody else's meanwhile
            }
            self.tell_failing(&source, failure);
            self.keep_aside(source.clone(), records, failure, soon);
            held.insert(source);
        }
        self.inbox.drop_records(&held);
    }

    /// Stops reading a partition. Returns whether it is the lane's.
    fn hold_aside(&mut self, source: &TopicPartition) -> bool {
        let consumer = self.positions.consumer();
        let is_ours = if self.aside.contains(source) {
            let group = consumer.group();
            group.assignment.is_held_by(source, self.number)
        } else {
            consumer.hold_partition(source, self.number)
        };
        if let Some(partition) = self.partitions.owned.get_mut(source) {
            // of what lies behind, nothing is done with
            partition.position = None;
        }
        is_ours
    }

    fn keep_aside(
        &mut self,
        source: TopicPartition,
        mut records: Vec<Record>,
        failure: &Failure,
        soon: bool,
    ) {
        let before = self.aside.partitions.remove(&source);
        let (first, delays) = match before {
            Some(before) => (before.records, Some(before.delays)),
            None => (Vec::new(), None),
        };
        let until = match failure.concern.as_deref() {
            Some(Concern::Records { until, .. }) => Some(*until),
            Some(Concern::Table(_)) | None => None,
        };
        // what was set aside before lies behind
        records.extend(first);
        let mut delays = delays.unwrap_or_else(|| self.waiting.start_delays());
        let pause = match soon {
            true => Duration::ZERO,
            false => self.waiting.pause_after(failure.verdict, &mut delays),
        };
        let aside = AsidePartition {
            records: keep_first(records, until),
            table: failure.table().cloned(),
            is_away: failure.verdict == Verdict::Unavailable,
            due: Instant::now() + pause,
            delays,
        };
        self.aside.partitions.insert(source, aside);
    }

    fn tell_failing(&mut self, source: &TopicPartition, failure: &Failure) {
        let standing = Standing::Fails {
            verdict: failure.verdict,
            table: failure.table().cloned(),
            text: failure.log_line.clone(),
        };
        let health = &self.positions.consumer().group().health;
        let reason = format!("({}): {}", standing.name(), standing.text());
        if !health.note_standing(source, standing) {
            return;
        }
        self.aside.unrecorded.push((source.clone(), reason));
        if failure.verdict == Verdict::Systemic {
            let every = self
                .waiting
                .pause_after(failure.verdict, &mut self.waiting.start_delays());
            tracing::error!(partition = %source, lane = self.number, error = %failure, "breaker open: stopped taking in of a partition until this is mended, and the others go on; nothing is dead-lettered; `landfall check` says more; probing every {every:?}");
        } else {
            tracing::warn!(partition = %source, lane = self.number, verdict = %failure.verdict, error = %failure, "a partition waits, and the others go on; nothing is lost or dead-lettered meanwhile");
        }
    }

    /// Notes in the ledger why partitions stand still, for `landfall status`. What fails is told by the next batch.
    pub(super) async fn record_standstills(&mut self) {
        let unrecorded = std::mem::take(&mut self.aside.unrecorded);
        if unrecorded.is_empty() {
            return;
        }
        let recorded = async {
            let client = self.destination.connect().await?;
            let standstills = &self.destination.ledger.standstills;
            standstills.record_standstills(&client, &unrecorded).await
        };
        match self.waiting.unless_needed(recorded).await {
            Some(Ok(())) => return,
            Some(Err(error)) => {
                tracing::debug!(lane = self.number, %error, "can't note why partitions stand still");
            }
            None => {}
        }
        // with the next news
        self.aside.unrecorded.splice(..0, unrecorded);
    }

    /// Tries the partition that is due longest, by itself.
    pub(super) async fn probe_aside(&mut self, arena: &mut Bump) {
        let Some((source, records)) = self.aside.take_due(Instant::now()) else {
            return;
        };
        let group = self.positions.consumer().group();
        let is_ours = group.assignment.is_held_by(&source, self.number);
        if !is_ours || !self.partitions.owned.contains_key(&source) {
            self.aside.forget_partition(&source);
            return; // whoever has it takes it up
        }
        let began = Instant::now();
        land_probe(self, records, arena).await;
        let can_go_on = self.aside.settle_probe(&source, began, Instant::now());
        if can_go_on && self.partitions.owned.contains_key(&source) {
            self.partitions.take_up_again([source]);
        }
    }
}

#[cfg(test)]
#[path = "set_aside_tests.rs"]
mod tests;
