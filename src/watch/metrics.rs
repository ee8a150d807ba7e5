//! Every metric there is: its name, its unit, what it means. Recorded through the functions below,
//! so that a label is never misspelt.

#![allow(clippy::disallowed_macros)] // here they are allowed

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::clock::time_since_1970;
use crate::record::TopicPartition;
use crate::verdict::{Reason, Verdict};

/// Events, by topic, table, operation and [`EventOutcome`].
pub const EVENTS: &str = "landfall_events_total";
/// Batches, by [`BatchOutcome`].
pub const BATCHES: &str = "landfall_batches_total";
/// Records in a batch.
pub const BATCH_EVENTS: &str = "landfall_batch_events";
/// From the start of a batch's first attempt to its COMMIT, in seconds.
pub const APPLY_SECONDS: &str = "landfall_apply_seconds";
/// Dead letters, by table and [`Reason`].
pub const DEAD_LETTERS: &str = "landfall_dead_letters_total";
/// Rows that deletes have left since they are spelled otherwise, by table.
pub const ROWS_LEFT: &str = "landfall_rows_left_total";
/// Statements that made or altered destination tables, by kind.
pub const DDL_STATEMENTS: &str = "landfall_ddl_statements_total";
/// Attempts at a batch that failed, by [`Verdict`].
pub const FAILED_ATTEMPTS: &str = "landfall_failed_attempts_total";
/// Records that are not applied yet, by partition.
pub const LAG: &str = "landfall_lag_events";
/// The next offset to apply, by partition.
pub const WATERMARK: &str = "landfall_watermark_offset";
/// Partitions that are assigned to the process.
pub const PARTITIONS: &str = "landfall_assigned_partitions";
/// Lanes that wait, by [`Verdict`].
pub const WAITING: &str = "landfall_waiting_lanes";
/// Partitions that stand still while others go on, by [`Standing`](crate::watch::standing::Standing).
pub const STANDING: &str = "landfall_standing_partitions";
/// When the last batch was committed, in seconds since 1970.
pub const LAST_APPLIED: &str = "landfall_last_applied_timestamp_seconds";
/// When retention was last applied without anything in the way, in seconds since 1970.
pub const LAST_PRUNED: &str = "landfall_last_pruned_timestamp_seconds";
/// 1, labelled with the version that runs.
pub const BUILD: &str = "landfall_build_info";

/// All of the above, for the tests that compare dashboards and documentation with them.
pub const ALL: &[&str] = &[
    EVENTS,
    BATCHES,
    BATCH_EVENTS,
    APPLY_SECONDS,
    DEAD_LETTERS,
    ROWS_LEFT,
    DDL_STATEMENTS,
    FAILED_ATTEMPTS,
    LAG,
    WATERMARK,
    PARTITIONS,
    WAITING,
    STANDING,
    LAST_APPLIED,
    LAST_PRUNED,
    BUILD,
];

/// What became of an event: the `outcome` label of [`EVENTS`].
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

/// What became of a batch: the `outcome` label of [`BATCHES`].
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
    fn counter_of(&self, outcome: EventOutcome) -> &AtomicU64 {
        match outcome {
            EventOutcome::Applied => &self.applied,
            EventOutcome::Duplicate => &self.duplicates,
            EventOutcome::Skipped => &self.skipped,
            EventOutcome::DeadLettered => &self.dead_lettered,
            EventOutcome::Stale => &self.stale,
        }
    }
}

/// Installs the recorder of this process.
///
/// # Errors
/// There is one already.
pub fn install_recorder() -> Result<PrometheusHandle, BuildError> {
    let seconds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ];
    let events = [
        1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0,
    ];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(APPLY_SECONDS.into()), &seconds)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Full(BATCH_EVENTS.into()), &events))?;
    let handle = builder.install_recorder()?;
    describe_metrics();
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn describe_metrics() {
    describe_counter!(
        EVENTS,
        "Events by topic, table, operation and outcome (applied, duplicate, skipped, dead_lettered, stale)"
    );
    describe_counter!(
        BATCHES,
        "Batches by outcome (committed, fenced, recreated, overtaken, abandoned)"
    );
    describe_histogram!(BATCH_EVENTS, "Records in a batch");
    describe_histogram!(
        APPLY_SECONDS,
        Unit::Seconds,
        "From the start of a batch's first attempt to its COMMIT"
    );
    describe_counter!(DEAD_LETTERS, "Dead letters by table and reason");
    describe_counter!(
        ROWS_LEFT,
        "Rows by table that a delete has found equal to its key and left, as they are spelled otherwise"
    );
    describe_counter!(
        DDL_STATEMENTS,
        "Statements that made or altered destination tables, by kind (create_schema, create_table, add_column, alter_type)"
    );
    describe_counter!(
        FAILED_ATTEMPTS,
        "Attempts at a batch that failed, by verdict (retry, early, unavailable, systemic, reject)"
    );
    describe_gauge!(LAG, "Records in the partition that are not applied yet");
    describe_gauge!(WATERMARK, "The next offset to apply");
    describe_gauge!(PARTITIONS, "Partitions assigned to this process");
    describe_gauge!(
        WAITING,
        "Lanes that wait for Postgres or for a mended set-up, by verdict; a process that has no lanes yet, as its bookkeeping schema waits, counts as one, and so does a process whose brokers are away"
    );
    describe_gauge!(
        STANDING,
        "Assigned partitions that are not read, by why: lost (Kafka has deleted events that were never landed), waits (partitions that it was added behind are drained first)"
    );
    describe_gauge!(
        LAST_APPLIED,
        Unit::Seconds,
        "When the last batch was committed, in seconds since 1970"
    );
    describe_gauge!(
        LAST_PRUNED,
        Unit::Seconds,
        "When the ids of old events were last forgotten, and days created, without anything in the way, in seconds since 1970"
    );
    describe_gauge!(BUILD, "1, labelled with the version that runs");
}

/// Counts events with the same outcome.
pub fn count_events(
    topic: &str,
    table: &str,
    operation: &'static str,
    outcome: EventOutcome,
    count: u64,
) {
    counter!(EVENTS, "topic" => topic.to_owned(), "table" => table.to_owned(), "operation" => operation, "outcome" => outcome.name())
        .increment(count);
    TOTALS.counter_of(outcome).fetch_add(count, Relaxed);
}

/// A batch that a lane is done with.
pub fn count_batch(outcome: BatchOutcome) {
    counter!(BATCHES, "outcome" => outcome.name()).increment(1);
}

/// Records a batch that is in: its size, and the seconds it took.
pub fn record_landed_batch(records: usize, seconds: f64) {
    histogram!(BATCH_EVENTS).record(records as f64);
    histogram!(APPLY_SECONDS).record(seconds);
    gauge!(LAST_APPLIED).set(time_since_1970().as_secs_f64());
}

/// A pass over the ledger that has done all it should.
pub fn note_pruned() {
    gauge!(LAST_PRUNED).set(time_since_1970().as_secs_f64());
}

/// A record that was put aside.
pub fn count_dead_letter(table: &str, reason: Reason) {
    counter!(DEAD_LETTERS, "table" => table.to_owned(), "reason" => reason.name()).increment(1);
}

/// Rows that a delete has left, since they are spelled otherwise.
pub fn count_left_rows(table: &str, rows: u64) {
    counter!(ROWS_LEFT, "table" => table.to_owned()).increment(rows);
}

/// A statement that made or altered a destination table.
pub fn count_ddl(kind: &'static str) {
    counter!(DDL_STATEMENTS, "kind" => kind).increment(1);
}

/// An attempt at a batch that failed.
pub fn count_failed_attempt(verdict: Verdict) {
    counter!(FAILED_ATTEMPTS, "verdict" => verdict.name()).increment(1);
}

/// Sets how far a partition is applied, and how many records are behind, if that is known.
pub fn set_position(source: &TopicPartition, watermark: i64, lag: Option<i64>) {
    let labels = [
        ("topic", source.topic.to_string()),
        ("partition", source.partition.to_string()),
    ];
    gauge!(WATERMARK, &labels).set(watermark as f64);
    if let Some(lag) = lag {
        gauge!(LAG, &labels).set(lag as f64);
    }
}

/// A partition that was given up: its lag is somebody else's to tell.
pub fn clear_lag(source: &TopicPartition) {
    let labels = [
        ("topic", source.topic.to_string()),
        ("partition", source.partition.to_string()),
    ];
    gauge!(LAG, &labels).set(0.0);
}

/// Sets how many partitions the process has.
pub fn set_assigned_partitions(partitions: usize) {
    gauge!(PARTITIONS).set(partitions as f64);
}

/// How many partitions stand still for a reason.
pub fn set_standing_partitions(why: &'static str, partitions: usize) {
    gauge!(STANDING, "why" => why).set(partitions as f64);
}

/// How many lanes wait with a verdict.
pub fn set_waiting_lanes(verdict: Verdict, lanes: usize) {
    gauge!(WAITING, "verdict" => verdict.name()).set(lanes as f64);
}
