//! What the poll thread hands to a lane: records in order, and partitions to take up. Bounded by
//! rows and bytes; the poll thread looks at [`Inbox::is_full`] and stops fetching for a full lane.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar};
use std::time::Duration;

use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::Instant;

use crate::config::ApplyConfig;
use crate::locked::Locked;
use crate::record::{LogPlace, Record, TopicPartition};
use crate::watch::metrics::Stage;

/// How many rows a batch grows to that waits for the parents of its rows,
const GROWN_BATCH_ROWS: usize = 100_000;
/// and how many bytes.
const GROWN_BATCH_BYTES: usize = 128 << 20;
/// How long a batch waits for company while Kafka has nothing more: a source's transaction rarely
/// comes in one piece, and hundreds of transactions a second for a row each would cost more than they gain.
const QUIET_LINGER: Duration = Duration::from_millis(2);
/// A batch that takes longer than this is followed by smaller ones: it is given up at a stop and a rebalance, and what it
/// has locked is locked so long.
const LONG_BATCH: Duration = Duration::from_secs(10);
/// How long those are to take.
const PACED_BATCH: Duration = Duration::from_secs(4);
/// What takes less may be larger again.
const QUICK_BATCH: Duration = Duration::from_secs(2);
/// After how long without anything to do a lane looks whether its partitions are still as it left them.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);

/// What a lane has to do next.
pub enum Work {
    /// Partitions assigned, or to be positioned anew.
    TakeUp(Vec<TopicPartition>),
    /// Maybe no records: then nothing but positions is new. Of what lies below these, nothing is queued any more.
    /// The guard marks the lane busy; it is dropped when the batch is done with.
    Records(Vec<Record>, Vec<ReadPosition>, OwnedMutexGuard<()>),
    /// The time has come that the lane asked for. The guard marks it busy.
    Due(OwnedMutexGuard<()>),
    /// Nothing has come for a while.
    Idle,
    /// No more will come.
    End,
}

/// How far a partition was read: everything below the offset was handed over, and there are no other records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPosition {
    /// The partition.
    pub source: TopicPartition,
    /// That of the records which it counts.
    pub epoch: u64,
    /// What is read next.
    pub place: LogPlace,
}

/// A position that the lane has yet to be told.
struct QueuedPosition {
    epoch: u64,
    place: LogPlace,
    /// It waits for the last record below it: until so many were taken out. Found once, as a lane asks often.
    behind: usize,
}

#[derive(Default)]
struct InboxState {
    records: VecDeque<Record>,
    bytes: usize,
    /// Kafka has nothing more at the moment.
    quiet: bool,
    /// Records that were ever taken out at the front.
    taken_out: usize,
    /// How far partitions were read.
    positions: HashMap<TopicPartition, QueuedPosition>,
    take_up: Vec<TopicPartition>,
    /// Since when nothing was to be done.
    idle_since: Option<Instant>,
    /// The lane takes up partitions. A rebalance needn't wait for that, and couldn't: it needs the poll thread.
    taking_up: bool,
    closed: bool,
    /// The poll thread waits for the batch in flight to end.
    draining: bool,
}

/// One lane's inbox: the poll thread fills it, the lane empties it.
pub struct Inbox {
    state: Locked<InboxState>,
    arrived: Notify,
    drain: Notify,
    space: Condvar,
    /// Held by the lane from taking a batch until that is done with.
    busy: Arc<tokio::sync::Mutex<()>>,
    rows: usize,
    /// How many rows a batch has for now, since it would take too long otherwise.
    paced_rows: AtomicUsize,
    bytes: usize,
    linger: Duration,
}

impl Inbox {
    /// Batches are as large, and wait as long, as `config` says.
    pub fn new(config: &ApplyConfig) -> Self {
        Self {
            state: Locked::default(),
            arrived: Notify::new(),
            drain: Notify::new(),
            space: Condvar::new(),
            busy: Arc::default(),
            rows: config.most_rows(),
            paced_rows: AtomicUsize::new(config.most_rows()),
            bytes: config.most_bytes(),
            linger: config.linger,
        }
    }

    // ---- the poll thread's side

    /// Adds a record, however full the inbox is.
    pub fn push_record(&self, record: Record) {
        let mut state = self.state.lock();
        state.bytes += record.memory_size();
        state.records.push_back(record);
        // the lane needs waking for the first record, and once a batch is full
        let wake = state.records.len() == 1 || state.holds_a_batch(self);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Kafka has nothing more at the moment: what is there needn't wait for company.
    pub fn note_quiet(&self) {
        let mut state = self.state.lock();
        if !state.quiet && !state.records.is_empty() {
            state.quiet = true;
            drop(state);
            self.arrived.notify_one();
        }
    }

    /// Everything of the partition below the place was pushed, under this epoch.
    pub fn note_position(&self, source: &TopicPartition, epoch: u64, place: LogPlace) {
        let mut state = self.state.lock();
        let behind = state.find_end_below(source, place.offset);
        let position = QueuedPosition {
            epoch,
            place,
            behind,
        };
        state.positions.insert(source.clone(), position);
        drop(state);
        self.arrived.notify_one();
    }

    /// Has the lane take up partitions before any record.
    pub fn take_up(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let mut state = self.state.lock();
        for partition in partitions {
            if !state.take_up.contains(&partition) {
                state.take_up.push(partition);
            }
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Drops what is queued of partitions that are being given up or repositioned.
    pub fn give_up(&self, partitions: &HashSet<TopicPartition>) {
        let mut state = self.state.lock();
        state.take_up.retain(|p| !partitions.contains(p));
        state.drop_records(partitions);
        self.space.notify_all();
    }

    /// Drops the records that are queued of these partitions: they are read again when the partitions are taken up.
    pub fn drop_records(&self, partitions: &HashSet<TopicPartition>) {
        let mut state = self.state.lock();
        state.drop_records(partitions);
        self.space.notify_all();
    }

    /// Nothing more will come: the lane ends, whatever it has.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_one();
        self.drain.notify_waiters();
    }

    /// Two batches: one in flight's successor is there before it is done. See [`ApplyConfig::most_bytes`].
    pub fn is_full(&self) -> bool {
        self.state.lock().is_full(self)
    }

    /// Whether less than a batch is there.
    pub fn has_space(&self) -> bool {
        !self.state.lock().holds_a_batch(self)
    }

    /// How many records are there, and the bytes of memory that they take.
    pub fn size(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.records.len(), state.bytes)
    }

    /// Waits until records were taken out, `timeout` at most.
    pub fn wait_for_space(&self, timeout: Duration) {
        let full = |state: &mut InboxState| state.is_full(self);
        let _ = self
            .space
            .wait_timeout_while(self.state.lock(), timeout, full);
    }

    /// Waits until the lane has no batch in flight, `timeout` at most; a lane that only waits for a
    /// better time gives its batch up. Returns whether it is idle.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.state.lock().draining = true;
        self.drain.notify_waiters();
        let idle = tokio::time::timeout(timeout, self.busy.lock()).await;
        self.state.lock().draining = false;
        idle.is_ok()
    }

    /// Whether everything that was pushed has been dealt with.
    pub fn is_idle(&self) -> bool {
        let state = self.state.lock();
        let nothing_queued = state.records.is_empty() && state.take_up.is_empty();
        nothing_queued && !state.taking_up && self.busy.try_lock().is_ok()
    }

    // ---- the lane's side

    /// The partitions that [`Work::TakeUp`] gave are positioned.
    pub fn finish_take_up(&self) {
        self.state.lock().taking_up = false;
    }

    /// A batch of so many rows was landed in this time: if that is long, the next ones have fewer, until they are landed
    /// in a moment again. Returns how many they have, if that has become less.
    pub fn note_pace(&self, rows: usize, took: Duration) -> Option<usize> {
        let now = self.paced_rows();
        let next = if took > LONG_BATCH && rows > 1 {
            let fitting = rows as f64 * PACED_BATCH.as_secs_f64() / took.as_secs_f64();
            now.min((fitting as usize).max(1))
        } else if took < QUICK_BATCH && now < self.rows && rows >= now {
            now.saturating_mul(2).min(self.rows)
        } else {
            now
        };
        self.paced_rows.store(next, Ordering::Relaxed);
        (next < now).then_some(next)
    }

    fn paced_rows(&self) -> usize {
        self.paced_rows.load(Ordering::Relaxed)
    }

    /// The next thing to do: a batch at once if it is full, else when its oldest record has waited
    /// `linger`, or hardly any time if Kafka has nothing more to add. At `due` the lane is told so, whatever else
    /// there is to do but partitions to take up.
    pub async fn next(&self, due: Option<Instant>) -> Work {
        let mut since = None;
        loop {
            let arrived = self.arrived.notified();
            let until;
            {
                let busy = self.busy.clone().lock_owned().await;
                let (now, mut state) = (Instant::now(), self.state.lock());
                if state.closed {
                    return Work::End;
                }
                if !state.take_up.is_empty() {
                    state.taking_up = true;
                    state.idle_since = None;
                    return Work::TakeUp(std::mem::take(&mut state.take_up));
                }
                if due.is_some_and(|at| now >= at) {
                    return Work::Due(busy);
                }
                let positions = state.take_positions();
                if !positions.is_empty() {
                    state.idle_since = None;
                    return Work::Records(Vec::new(), positions, busy);
                }
                if state.records.is_empty() {
                    since = None;
                    until = *state.idle_since.get_or_insert(now) + IDLE_INTERVAL;
                    if now >= until {
                        state.idle_since = None;
                        return Work::Idle;
                    }
                } else {
                    state.idle_since = None;
                    let linger = if state.quiet {
                        self.linger.min(QUIET_LINGER)
                    } else {
                        self.linger
                    };
                    let since = *since.get_or_insert(now);
                    until = since + linger;
                    if state.holds_a_batch(self) || now >= until {
                        let records = state.take_batch(self.paced_rows(), self.bytes);
                        let positions = state.take_positions();
                        drop(state);
                        self.space.notify_all();
                        Stage::Collect.note(now - since);
                        return Work::Records(records, positions, busy);
                    }
                }
            }
            let until = due.map_or(until, |due| due.min(until));
            let _ = tokio::time::timeout_at(until, arrived).await;
        }
    }

    /// What is there for a batch of these records that waits for more, one batch's worth at a time, up to a limit.
    pub fn take_more(&self, records: &[Record]) -> Vec<Record> {
        let size: usize = records.iter().map(Record::memory_size).sum();
        let rows = self
            .rows
            .min(GROWN_BATCH_ROWS.saturating_sub(records.len()));
        let bytes = self.bytes.min(GROWN_BATCH_BYTES.saturating_sub(size));
        if rows == 0 || bytes == 0 {
            return Vec::new();
        }
        let more = self.state.lock().take_batch(rows, bytes);
        self.space.notify_all();
        more
    }

    /// Whether there is a whole batch for one that waits for more, and has so many rows and bytes.
    pub fn has_a_batch_for(&self, rows: usize, bytes: usize) -> bool {
        let has_room = rows < GROWN_BATCH_ROWS && bytes < GROWN_BATCH_BYTES;
        has_room && self.state.lock().holds_a_batch(self)
    }

    /// The partitions among those to take up that are wanted now: for a lane that has a batch in hand.
    pub fn take_up_requests(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Vec<TopicPartition> {
        let mut state = self.state.lock();
        let (now, later) = std::mem::take(&mut state.take_up)
            .into_iter()
            .partition(wanted);
        state.take_up = later;
        now
    }

    /// How far partitions were read of which nothing is queued: to be asked once no more will come.
    pub fn take_positions(&self) -> Vec<ReadPosition> {
        self.state.lock().take_positions()
    }

    /// Returns once the lane should let go of a batch that can't be landed now.
    pub async fn wait_for_drain_request(&self) {
        loop {
            let asked = self.drain.notified();
            {
                let state = self.state.lock();
                if state.closed || state.draining {
                    return;
                }
            }
            asked.await;
        }
    }
}

impl InboxState {
    fn holds_a_batch(&self, inbox: &Inbox) -> bool {
        self.records.len() >= inbox.paced_rows() || self.bytes >= inbox.bytes
    }

    fn is_full(&self, inbox: &Inbox) -> bool {
        self.records.len() >= 2 * inbox.rows || self.bytes >= 2 * inbox.bytes
    }

    /// The positions of partitions of which nothing is queued below: those of others wait for their records.
    fn take_positions(&mut self) -> Vec<ReadPosition> {
        if self.positions.is_empty() {
            return Vec::new(); // as mostly
        }
        let taken_out = self.taken_out;
        let free = self.positions.extract_if(|_, p| p.behind <= taken_out);
        let position = |(source, p): (_, QueuedPosition)| ReadPosition {
            source,
            epoch: p.epoch,
            place: p.place,
        };
        free.map(position).collect()
    }

    /// How many records will have been taken out once the last one of the partition below the offset is.
    fn find_end_below(&self, source: &TopicPartition, offset: i64) -> usize {
        let is_below = |record: &Record| {
            record.source.partition == source.partition
                && record.offset < offset
                && record.source.topic == source.topic
        };
        let last = self.records.iter().rposition(is_below);
        last.map_or(0, |at| self.taken_out + at + 1)
    }

    fn drop_records(&mut self, partitions: &HashSet<TopicPartition>) {
        self.records.retain(|r| !partitions.contains(&r.source));
        self.positions.retain(|p, _| !partitions.contains(p));
        self.find_ends_anew();
        self.bytes = self.records.iter().map(Record::memory_size).sum();
    }

    /// After records were dropped from the middle.
    fn find_ends_anew(&mut self) {
        let mut positions = std::mem::take(&mut self.positions);
        for (source, position) in &mut positions {
            position.behind = self.find_end_below(source, position.place.offset);
        }
        self.positions = positions;
    }

    /// Up to so many rows and bytes, one record at least.
    fn take_batch(&mut self, rows: usize, bytes: usize) -> Vec<Record> {
        let mut taken = Vec::with_capacity(rows.min(self.records.len()));
        let mut size = 0;
        while let Some(next) = self.records.front() {
            let next_size = next.memory_size();
            if taken.len() == rows || (size + next_size > bytes && !taken.is_empty()) {
                break;
            }
            size += next_size;
            self.bytes = self.bytes.saturating_sub(next_size);
            taken.extend(self.records.pop_front());
        }
        self.taken_out += taken.len();
        self.quiet = false;
        taken
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
