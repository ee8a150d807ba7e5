//! What became of events and batches: the `outcome` labels, and the totals of the whole run.

use std::sync::atomic::AtomicU64;

/// What became of an event: the `outcome` label of [`EVENTS`](super::EVENTS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    Applied,
    /// Recognised by its id or its offset.
    Duplicate,
    /// Carries nothing to land, or its kind is switched off.
    Skipped,
    DeadLettered,
    /// A later change of its row is in already.
    Stale,
}

impl EventOutcome {
    /// Every outcome there is.
    pub const ALL: [EventOutcome; 5] = [
        EventOutcome::Applied,
        EventOutcome::Duplicate,
        EventOutcome::Skipped,
        EventOutcome::DeadLettered,
        EventOutcome::Stale,
    ];

    /// The value of the label.
    pub fn name(self) -> &'static str {
        match self {
            EventOutcome::Applied => "applied",
            EventOutcome::Duplicate => "duplicate",
            EventOutcome::Skipped => "skipped",
            EventOutcome::DeadLettered => "dead_lettered",
            EventOutcome::Stale => "stale",
        }
    }
}

/// What became of a batch: the `outcome` label of [`BATCHES`](super::BATCHES).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    Committed,
    /// A partition of it is another process's, or was moved by an operator.
    Fenced,
    /// A topic of it was deleted and created again.
    Recreated,
    /// Kafka has deleted events before those of one partition.
    Overtaken,
    /// Somebody waited for the lane while it couldn't be landed.
    Abandoned,
}

impl BatchOutcome {
    /// Every outcome there is.
    pub const ALL: [BatchOutcome; 5] = [
        BatchOutcome::Committed,
        BatchOutcome::Fenced,
        BatchOutcome::Recreated,
        BatchOutcome::Overtaken,
        BatchOutcome::Abandoned,
    ];

    /// The value of the label.
    pub fn name(self) -> &'static str {
        match self {
            BatchOutcome::Committed => "committed",
            BatchOutcome::Fenced => "fenced",
            BatchOutcome::Recreated => "recreated",
            BatchOutcome::Overtaken => "overtaken",
            BatchOutcome::Abandoned => "abandoned",
        }
    }
}

/// What became of all events since the process started, which a scrape just before its end misses.
#[derive(Debug)]
pub struct Totals {
    /// [`EventOutcome::Applied`].
    pub applied: AtomicU64,
    /// [`EventOutcome::Duplicate`].
    pub duplicates: AtomicU64,
    /// [`EventOutcome::Skipped`].
    pub skipped: AtomicU64,
    /// [`EventOutcome::DeadLettered`].
    pub dead_lettered: AtomicU64,
    /// [`EventOutcome::Stale`].
    pub stale: AtomicU64,
}

/// The totals of this process.
pub static TOTALS: Totals = Totals {
    applied: AtomicU64::new(0),
    duplicates: AtomicU64::new(0),
    skipped: AtomicU64::new(0),
    dead_lettered: AtomicU64::new(0),
    stale: AtomicU64::new(0),
};

impl Totals {
    pub(super) fn counter_of(&self, outcome: EventOutcome) -> &AtomicU64 {
        match outcome {
            EventOutcome::Applied => &self.applied,
            EventOutcome::Duplicate => &self.duplicates,
            EventOutcome::Skipped => &self.skipped,
            EventOutcome::DeadLettered => &self.dead_lettered,
            EventOutcome::Stale => &self.stale,
        }
    }
}
