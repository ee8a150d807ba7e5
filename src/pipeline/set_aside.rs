//! Partitions that can't go on are set aside, each with its own reason and clock, and the others go on: its table is
//! missing or locked, say. Nothing more is fetched of such a partition; the first of its records that couldn't be
//! landed are kept, and tried again every so often, by themselves and at little cost to the others. Once they are in,
//! the partition is read again from its watermark.
//!
//! Why: `docs/decisions/13`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use bumpalo::Bump;
use tokio::time::Instant;

use crate::pipeline::landing::land_probe;
use crate::pipeline::lane::Lane;
use crate::pipeline::retry_policy::Concerned;
use crate::pipeline::trial::PublishedRejects;
use crate::postgres::settings::Patience;
use crate::record::{Record, TopicPartition};
use crate::retry::Delays;
use crate::table_name::TableName;
use crate::verdict::{Concern, Failure, Verdict, sqlstate};
use crate::watch::spans;
use crate::watch::standing::Standing;

/// So many of a partition's records are kept, or as many as tell that it can't go on,
const KEPT_RECORDS: usize = 100;
/// and no more bytes than this, if that is more than one record.
const KEPT_BYTES: usize = 1 << 20;

/// After a probe the others have the lane for so many times as long as it took: hundreds of partitions that stand still
/// cost a twentieth of the lane's time,
const REST_FACTOR: u32 = 19;
/// but for those probes that take longer than this. After these only their own partitions rest for so long, times the
/// number of such partitions: together they cost as much once more.
const LONG_PROBE: Duration = Duration::from_secs(3);

/// A probe's statements may wait for a lock for so long,
const PROBE_LOCK_WAIT: Duration = Duration::from_millis(250);
/// and take so long; twice as long, with half as many records, after each that took longer,
const PROBE_STATEMENT: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PROBE_STATEMENT: Duration = Duration::from_secs(60);

/// While Postgres is away, it is looked so often whether it is back.
const AWAY_REST: Duration = Duration::from_secs(1);

/// What a partition that is set aside is tried with.
struct AsidePartition {
    /// The first that aren't landed. None, while they are being tried.
    records: Vec<Record>,
    /// What they met.
    failure: Failure,
    /// When they are tried again.
    due: Instant,
    /// When they were tried last by themselves, and how long that took.
    tried: Option<(Instant, Duration)>,
    /// How long a statement of theirs may take.
    statement: Duration,
    delays: Delays,
}

/// The records that are tried to see whether their partition can go on.
pub struct Probe {
    /// The first of the partition that aren't landed.
    pub records: Vec<Record>,
    /// How long its statements may take, and wait.
    pub patience: Patience,
    /// Whether deferred constraints are to be checked before COMMIT.
    pub checks_tables: bool,
    /// Whether the partition stands still for a table, of which these records needn't say that they are of it.
    pub knew_table: bool,
}

/// The partitions of a lane that are set aside.
#[derive(Default)]
pub struct AsidePartitions {
    partitions: HashMap<TopicPartition, AsidePartition>,
    /// The others come first until then.
    rest_until: Option<Instant>,
    /// Postgres was away when the one was tried that is settled next: that tells nothing of the partition.
    found_nobody: bool,
    /// Why partitions stand still, where the ledger hasn't been told.
    unrecorded: BTreeMap<TopicPartition, String>,
    /// What was published of records that aren't landed, be they set aside or read again.
    published: PublishedRejects,
    /// Those that are read again to see whether they can go on: nothing but what comes of it tells.
    pub(super) rereads: HashSet<TopicPartition>,
    /// A deferred constraint has met what COMMIT doesn't tell the table of.
    pub(super) checks_tables: bool,
}

impl AsidePartition {
    /// Whether it waits for what the other one has met, too: then it may be able to go on when that one is.
    fn hangs_on(&self, other: &Failure) -> bool {
        let table = other.table();
        let awaits = |table| self.failure.awaited_tables().contains(table);
        let is_away = |failure: &Failure| failure.verdict == Verdict::Unavailable;
        table.is_some() && self.failure.table() == table
            || table.is_some_and(awaits)
            || is_away(&self.failure) && is_away(other)
    }

    /// Whether it was tried, and met the same as the other one, as all events of their table do.
    fn is_tried_alike(&self, other: &Failure) -> bool {
        let is_same = self.failure.table() == other.table() && self.failure.what() == other.what();
        self.tried.is_some() && is_same && other.is_of_whole_table()
    }

    fn took_long(&self) -> bool {
        self.tried.is_some_and(|(_, took)| took > LONG_PROBE)
    }
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

    /// The tables that partitions wait for which are due, as somebody has locked them.
    fn list_locked_due(&self, now: Instant) -> Vec<TableName> {
        let locked = self.partitions.values();
        let locked = locked.filter(|p| p.due <= now && p.failure.verdict == Verdict::Locked);
        let tables: BTreeSet<&TableName> = locked.filter_map(|p| p.failure.table()).collect();
        tables.into_iter().cloned().collect()
    }

    /// These tables are still locked: what waits for them needn't be tried.
    fn postpone_locked(&mut self, tables: &HashSet<TableName>, now: Instant) {
        for aside in self.partitions.values_mut() {
            let is_locked = aside.failure.table().is_some_and(|t| tables.contains(t));
            if is_locked && aside.due <= now && aside.failure.verdict == Verdict::Locked {
                aside.due = now + aside.delays.next_delay();
            }
        }
    }

    /// Takes out the records of the partition that is due longest.
    fn take_due(&mut self, now: Instant) -> Option<(TopicPartition, Probe)> {
        let due = self.partitions.iter_mut().filter(|(_, p)| p.due <= now);
        let tried_at = |aside: &AsidePartition| aside.tried.map(|(at, _)| at);
        let (source, aside) = due.min_by_key(|(_, aside)| (aside.due, tried_at(aside)))?;
        let probe = Probe {
            records: std::mem::take(&mut aside.records),
            patience: Patience {
                lock: PROBE_LOCK_WAIT,
                statement: aside.statement,
            },
            checks_tables: self.checks_tables,
            knew_table: aside.failure.table().is_some(),
        };
        Some((source.clone(), probe))
    }

    /// Notes what the partition met in Postgres that is tried.
    pub fn note_met(&mut self, all: &[Concerned]) {
        let mut met = all.iter().map(|concerned| &concerned.failure);
        self.found_nobody = met.any(|it| it.verdict == Verdict::Unavailable && !it.of_kafka);
    }

    /// Returns whether the partition can go on; then it isn't set aside any more, and others that stood still for the
    /// same are tried at once.
    fn settle_probe(&mut self, source: &TopicPartition, began: Instant, now: Instant) -> bool {
        let took = now.saturating_duration_since(began);
        let found_nobody = std::mem::take(&mut self.found_nobody);
        self.rest_until = Some(now + took.min(LONG_PROBE) * REST_FACTOR);
        let Some(aside) = self.partitions.get_mut(source) else {
            return false;
        };
        if found_nobody && !aside.records.is_empty() {
            aside.tried = Some((began, Duration::ZERO));
            self.rest_until = Some(now + AWAY_REST);
            return false;
        }
        aside.tried = Some((began, took));
        if aside.records.is_empty() {
            if let Some(gone) = self.partitions.remove(source) {
                let others = self.partitions.values_mut();
                let others = others.filter(|other| other.hangs_on(&gone.failure));
                others.for_each(|other| other.due = other.due.min(now));
            }
            return true;
        }
        if took > LONG_PROBE {
            let long = self.partitions.values().filter(|p| p.took_long()).count();
            let rest = took * REST_FACTOR * u32::try_from(long).unwrap_or(u32::MAX);
            self.postpone(source, now + rest);
        }
        self.postpone_alike(source);
        false
    }

    fn postpone(&mut self, source: &TopicPartition, until: Instant) {
        if let Some(aside) = self.partitions.get_mut(source) {
            aside.due = aside.due.max(until);
        }
    }

    /// What this partition has met others of its table would meet as well: one at a time is tried for all of them.
    fn postpone_alike(&mut self, source: &TopicPartition) {
        let Some(aside) = self.partitions.get(source) else {
            return;
        };
        let (failure, due) = (aside.failure.clone(), aside.due);
        for other in self.partitions.values_mut() {
            if other.is_tried_alike(&failure) {
                other.due = other.due.max(due);
            }
        }
    }

    /// What was published of records that are tried now, among others.
    pub fn take_published(&mut self) -> PublishedRejects {
        std::mem::take(&mut self.published)
    }
}

/// The first of a partition's records, apart from what was read beside them: so many at most. `until`: at least to this
/// offset.
fn keep_first(records: Vec<Record>, most: usize, until: Option<i64>) -> Vec<Record> {
    let (mut bytes, mut rows) = (0, 0);
    let is_kept = |record: &&Record| {
        bytes += record.memory_size();
        rows += 1;
        let within = rows <= most && bytes <= KEPT_BYTES;
        rows == 1 || within || until.is_some_and(|until| record.offset <= until)
    };
    let kept = records.iter().take_while(is_kept);
    kept.map(Record::copy_apart).collect()
}

impl Lane {
    /// Sets partitions aside with these records, the first that can't be landed. `soon`: some of the partitions may
    /// be able to go on all the same, when they are tried by themselves.
    pub(super) fn set_aside(&mut self, records: Vec<Record>, failure: &Failure, soon: bool) {
        if !self.aside.found_nobody {
            self.waiting.tell_going_on(); // whoever says so isn't away
        }
        if failure.hangs_on_session() || self.aside.found_nobody {
            self.waiting.renew_sessions();
        }
        let mut by_source: BTreeMap<TopicPartition, Vec<Record>> = BTreeMap::new();
        for record in records {
            let of_source = by_source.entry(record.source.clone()).or_default();
            of_source.push(record);
        }
        let soon = soon && by_source.len() > 1;
        spans::note_failure(failure.verdict.name());
        let mut held = HashSet::new();
        for (source, records) in by_source {
            if !self.hold_aside(&source) {
                self.aside.forget_partition(&source);
                continue; // somebody else's meanwhile
            }
            self.tell_failing(&source, failure, !soon);
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
        let until = match failure.concern.as_deref() {
            Some(Concern::Records { until, .. }) => Some(*until),
            Some(Concern::Table(_) | Concern::Awaits(_)) | None => None,
        };
        let mut statement = PROBE_STATEMENT;
        let (mut most, mut tried, mut delays) = (KEPT_RECORDS, None, self.waiting.start_delays());
        if let Some(before) = self.aside.partitions.remove(&source) {
            (tried, delays) = (before.tried, before.delays);
            statement = before.statement;
            if failure.has_sqlstate(&[sqlstate::QUERY_CANCELED]) {
                statement = (statement * 2).min(LONGEST_PROBE_STATEMENT);
            }
            if failure.has_sqlstate(&[sqlstate::QUERY_CANCELED, sqlstate::OUT_OF_MEMORY]) {
                most = records.len() / 2;
            }
            // what was set aside before lies behind
            records.extend(before.records);
        }
        let pause = match soon {
            true => Duration::ZERO,
            false => self.waiting.pause_after(failure.verdict, &mut delays),
        };
        let aside = AsidePartition {
            records: keep_first(records, most, until),
            failure: failure.clone(),
            due: Instant::now() + pause,
            tried,
            statement,
            delays,
        };
        self.aside.partitions.insert(source, aside);
    }

    fn tell_failing(&mut self, source: &TopicPartition, failure: &Failure, tried_alone: bool) {
        let standing = Standing::Fails {
            verdict: failure.verdict,
            table: failure.table().cloned(),
            awaits: failure.awaited_tables(),
            text: failure.log_line.clone(),
            tried_alone,
        };
        if !self.note_standing(source, standing) {
            return;
        }
        if failure.verdict == Verdict::Systemic {
            let every = self
                .waiting
                .pause_after(failure.verdict, &mut self.waiting.start_delays());
            tracing::error!(partition = %source, lane = self.number, error = %failure, "breaker open: stopped taking in of a partition until this is mended, and the others go on; nothing is dead-lettered; `landfall check` says more; probing every {every:?}");
        } else {
            tracing::warn!(partition = %source, lane = self.number, verdict = %failure.verdict, error = %failure, "a partition waits, and the others go on; nothing is lost or dead-lettered meanwhile");
        }
    }

    /// Notes why a partition stands still, for the ledger too. Returns whether this is news.
    pub(super) fn note_standing(&mut self, source: &TopicPartition, standing: Standing) -> bool {
        let health = &self.positions.consumer().group().health;
        let reason = match &standing {
            // its topic's other partitions tell that
            Standing::Waits { .. } => None,
            _ => Some(format!("({}): {}", standing.name(), standing.text())),
        };
        let is_news = health.note_standing(source, standing);
        // taking it up again has cleared what the ledger was told
        let is_cleared = self.aside.rereads.remove(source);
        if let Some(reason) = reason.filter(|_| is_news || is_cleared) {
            self.aside.unrecorded.insert(source.clone(), reason);
        }
        is_news
    }

    /// Notes in the ledger why partitions stand still, for `landfall status` and for what waits for their rows in other
    /// processes. What fails is told by the next batch, and noted with the next probe or take-up.
    pub(super) async fn record_standstills(&mut self) {
        if self.aside.unrecorded.is_empty() || self.aside.found_nobody {
            return; // as mostly
        }
        let group = self.positions.consumer().group();
        // whoever takes a partition up clears what is noted, and nobody would clear what is noted after that
        self.aside.unrecorded.retain(|source, _| {
            group.assignment.is_held_by(source, self.number)
                && group.health.stands_for_itself(source)
        });
        if self.aside.unrecorded.is_empty() {
            return;
        }
        let unrecorded = &self.aside.unrecorded;
        let recorded = async {
            let client = self.destination.connect().await?;
            let standstills = &self.destination.ledger.standstills;
            standstills.record_standstills(&client, unrecorded).await
        };
        match self.waiting.unless_needed(recorded).await {
            Some(Ok(())) => self.aside.unrecorded.clear(),
            Some(Err(error)) => {
                tracing::debug!(lane = self.number, %error, "can't note why partitions stand still");
            }
            None => {}
        }
    }

    /// Keeps what was published of records that aren't landed, so that it isn't published again when they are tried, or
    /// read, again.
    pub(super) fn keep_published(&mut self, mut published: PublishedRejects) {
        if published.is_empty() {
            return; // as mostly
        }
        let (owned, number) = (&self.partitions.owned, self.number);
        let assignment = &self.positions.consumer().group().assignment;
        published.retain(|(source, offset)| {
            let held = owned.get(source);
            assignment.is_held_by(source, number)
                && held.is_none_or(|held| *offset >= held.next_offset)
        });
        self.aside.published.append(published);
    }

    /// Tries the partition that is due longest, by itself. Those whose tables are seen to be locked needn't be tried.
    pub(super) async fn probe_aside(&mut self, arena: &mut Bump) {
        let began = Instant::now();
        if self.diverting && self.partitions.count_owed_letters() > 0 {
            // the letters' rows go first, and end that: nothing is known of Postgres before
            self.aside.rest_until = Some(began + AWAY_REST);
            return;
        }
        self.postpone_locked(began).await;
        let Some((source, probe)) = self.aside.take_due(began) else {
            self.aside.rest_until = Some(Instant::now() + began.elapsed() * REST_FACTOR);
            return;
        };
        let group = self.positions.consumer().group();
        let is_ours = group.assignment.is_held_by(&source, self.number);
        if !is_ours || !self.partitions.owned.contains_key(&source) {
            self.aside.forget_partition(&source);
            return; // whoever has it takes it up
        }
        land_probe(self, probe, arena).await;
        let found_nobody = self.aside.found_nobody;
        let can_go_on = self.aside.settle_probe(&source, began, Instant::now());
        if can_go_on && self.partitions.owned.contains_key(&source) {
            self.give_hope(&source, true);
            self.partitions.take_up_again([source]);
        } else if !found_nobody {
            self.record_standstills().await;
        }
    }

    /// Asks once for all partitions that wait for a lock on their table whether it is still there.
    async fn postpone_locked(&mut self, now: Instant) {
        let tables = self.aside.list_locked_due(now);
        if tables.is_empty() {
            return;
        }
        let asked = self.destination.find_locked_tables(&tables);
        // Postgres' troubles are told by the probe
        if let Some(Ok(locked)) = self.waiting.unless_needed(asked).await {
            self.aside.postpone_locked(&locked, now);
        }
    }
}

#[cfg(test)]
#[path = "set_aside_tests.rs"]
mod tests;
