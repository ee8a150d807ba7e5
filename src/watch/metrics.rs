//! What is measured. Recorded through the functions below, so that a label is never misspelt; names and meanings are in
//! [`names`].

#![allow(clippy::disallowed_macros)] // here they are allowed

mod names;
mod open_letters;
mod outcomes;
mod partition_gauges;
mod ranges;
mod series;
mod stage;
mod table_names;

use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Histogram, counter, gauge, histogram};

use crate::clock::time_since_1970;
use crate::verdict::{Failure, Reason, Verdict};
pub use crate::watch::metrics::names::*;
use crate::watch::metrics::open_letters::OpenLetters;
pub use crate::watch::metrics::outcomes::{BatchOutcome, EventOutcome, TOTALS, Totals};
pub use crate::watch::metrics::partition_gauges::PartitionGauges;
pub use crate::watch::metrics::series::{Series, install_recorder};
pub use crate::watch::metrics::stage::Stage;
pub use crate::watch::metrics::table_names::OTHER_TABLES;
use crate::watch::metrics::table_names::TableNames;
use crate::watch::standing::Standing;

/// The tables that have labels.
static TABLES: LazyLock<TableNames> = LazyLock::new(TableNames::unbounded);

/// How an assignment changes.
const REBALANCE_KINDS: [&str; 4] = ["assigned", "revoked", "lost", "failed"];

/// Those of which letters wait. Of the process, not of a worker: one that is built anew knows what was told.
static LETTERS: LazyLock<OpenLetters> = LazyLock::new(OpenLetters::unbounded);

/// From now on no more than so many tables are told apart (`http.metrics_tables`).
pub fn limit_tables(most: usize) {
    TABLES.limit_to(most);
    LETTERS.limit_tables_of_others(most);
}

/// What seldom happens is 0 from the beginning: of a series that begins with 1, Prometheus doesn't see that it rose.
/// `resumption_causes`: all that there are.
pub fn begin_at_zero(resumption_causes: &[&'static str]) {
    for cause in resumption_causes {
        counter!(RESUMPTIONS.name, "cause" => *cause).increment(0);
    }
    for kind in REBALANCE_KINDS {
        counter!(REBALANCES.name, "kind" => kind).increment(0);
    }
    for what in [DroppedTelemetry::Spans, DroppedTelemetry::LineageEvents] {
        count_dropped_telemetry(what, 0);
    }
    for outcome in BatchOutcome::ALL {
        counter!(BATCHES.name, "outcome" => outcome.name()).increment(0);
    }
    for why in Standing::REASONS {
        set_standing_partitions(why, 0, None);
    }
    for verdict in Verdict::ALL {
        set_waiting_lanes(verdict, 0);
    }
}

/// Counts events with the same outcome.
pub fn count_events(
    topic: &str,
    table: &str,
    operation: &'static str,
    outcome: EventOutcome,
    count: u64,
) {
    counter!(EVENTS.name, "topic" => topic.to_owned(), "table" => TABLES.label_of(table), "operation" => operation, "outcome" => outcome.name())
        .increment(count);
    TOTALS.counter_of(outcome).fetch_add(count, Relaxed);
}

/// How long the events of a table took to be visible.
pub struct Latencies {
    /// Since their commit at the source.
    pub source: Histogram,
    /// Since their records were written to Kafka.
    pub kafka: Histogram,
}

/// To be asked for once for many events.
pub fn latencies_of(table: &str) -> Latencies {
    let table = TABLES.label_of(table);
    Latencies {
        source: histogram!(SOURCE_LATENCY.name, "table" => table.clone()),
        kafka: histogram!(KAFKA_LATENCY.name, "table" => table),
    }
}

/// A batch that a lane is done with.
pub fn count_batch(outcome: BatchOutcome) {
    counter!(BATCHES.name, "outcome" => outcome.name()).increment(1);
}

/// Records a batch that is in: its size, and how long it took.
pub fn record_landed_batch(records: usize, took: Duration) {
    histogram!(BATCH_EVENTS.name).record(records as f64);
    histogram!(APPLY_SECONDS.name).record(took);
    gauge!(LAST_APPLIED.name).set(time_since_1970());
}

fn record_stage(stage: &'static str, took: Duration) {
    histogram!(STAGE_SECONDS.name, "stage" => stage).record(took);
}

/// A pass over the ledger that has done all it should.
pub fn note_pruned() {
    gauge!(LAST_PRUNED.name).set(time_since_1970());
}

/// A record that was put aside.
pub fn count_dead_letter(table: &str, reason: Reason) {
    counter!(DEAD_LETTERS.name, "table" => TABLES.label_of(table), "reason" => reason.name())
        .increment(1);
}

/// Rows that a delete has left, since they are spelled otherwise.
pub fn count_left_rows(table: &str, rows: u64) {
    counter!(ROWS_LEFT.name, "table" => TABLES.label_of(table)).increment(rows);
}

/// A statement that made or altered a destination table.
pub fn count_ddl(kind: &'static str) {
    counter!(DDL_STATEMENTS.name, "kind" => kind).increment(1);
}

/// What is told elsewhere, and of what too much waited to be told, or that nobody took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedTelemetry {
    /// Of batches.
    Spans,
    /// OpenLineage's.
    LineageEvents,
}

/// So many were dropped.
pub fn count_dropped_telemetry(what: DroppedTelemetry, count: usize) {
    let kind = match what {
        DroppedTelemetry::Spans => "spans",
        DroppedTelemetry::LineageEvents => "lineage_events",
    };
    counter!(TELEMETRY_DROPPED.name, "kind" => kind).increment(count as u64);
}

/// An attempt at a batch that failed.
pub fn count_failed_attempt(failure: &Failure) {
    let class = failure.sqlstate.as_deref().and_then(|code| code.get(..2));
    let class = class.unwrap_or_default().to_owned();
    counter!(FAILED_ATTEMPTS.name, "verdict" => failure.verdict.name(), "sqlstate_class" => class)
        .increment(1);
}

/// Sets how many partitions the process has.
pub fn set_assigned_partitions(partitions: usize) {
    gauge!(PARTITIONS.name).set(partitions as f64);
}

/// The assignment has changed, or was to: one of [`REBALANCE_KINDS`].
pub fn count_rebalance(kind: &'static str) {
    counter!(REBALANCES.name, "kind" => kind).increment(1);
}

/// A partition is taken up, and this led to where it is read from.
pub fn count_resumption(cause: &'static str) {
    counter!(RESUMPTIONS.name, "cause" => cause).increment(1);
}

/// How many partitions stand still for a reason, and since when the first of them does.
pub fn set_standing_partitions(why: &'static str, partitions: usize, since: Option<SystemTime>) {
    gauge!(STANDING.name, "why" => why).set(partitions as f64);
    let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    gauge!(STANDING_SINCE.name, "why" => why).set(since.unwrap_or_default());
}

/// How many lanes wait with a verdict.
pub fn set_waiting_lanes(verdict: Verdict, lanes: usize) {
    gauge!(WAITING.name, "verdict" => verdict.name()).set(lanes as f64);
}

/// What a lane has yet to take in, the bytes in memory.
pub fn set_inbox(lane: usize, events: usize, bytes: usize) {
    gauge!(INBOX_EVENTS.name, "lane" => lane.to_string()).set(events as f64);
    gauge!(INBOX_BYTES.name, "lane" => lane.to_string()).set(bytes as f64);
}

/// What librdkafka has fetched and not handed over, and the bytes that it has received in all.
pub fn set_fetch_queue(events: u64, bytes: u64, received: u64) {
    gauge!(FETCH_QUEUE_EVENTS.name).set(events as f64);
    gauge!(FETCH_QUEUE_BYTES.name).set(bytes as f64);
    // a worker that begins anew in the same process counts from 0 again
    counter!(RECEIVED_BYTES.name).absolute(received);
}

/// What the pool of the lanes has.
pub fn set_pool(most: usize, idle: usize, used: usize, waiting: usize) {
    gauge!(POOL_MAX.name).set(most as f64);
    gauge!(POOL.name, "state" => "idle").set(idle as f64);
    gauge!(POOL.name, "state" => "used").set(used as f64);
    gauge!(POOL_WAITING.name).set(waiting as f64);
}

/// How many letters wait for a decision, by table and reason: all that there are.
pub fn set_open_letters<'l>(letters: impl Iterator<Item = (&'l str, &'l str, u64)>) {
    LETTERS.set(&TABLES, letters);
}

/// When the oldest letter was put aside that waits for a decision, in seconds since 1970, 0 if there is none; how many keys
/// have such letters. The bookkeeping is read with this.
pub fn set_letters_read(oldest: f64, parked_keys: u64) {
    gauge!(OLDEST_LETTER.name).set(oldest);
    gauge!(PARKED_KEYS.name).set(parked_keys as f64);
    gauge!(BOOKKEEPING_READ.name).set(time_since_1970());
}

/// Where the oldest day begins of which ids are kept, in seconds since 1970; 0 if there is none.
pub fn set_oldest_day(seconds: u64) {
    gauge!(OLDEST_DAY.name).set(seconds as f64);
}

/// How large a bookkeeping table is.
pub fn set_ledger_size(table: &str, bytes: u64) {
    gauge!(LEDGER_BYTES.name, "ledger_table" => table.to_owned()).set(bytes as f64);
}

/// Which versions run.
pub fn set_build(librdkafka: String) {
    gauge!(BUILD.name, "version" => env!("CARGO_PKG_VERSION"), "librdkafka" => librdkafka).set(1.0);
}

/// What the operating system says of this process.
pub fn read_process() {
    metrics_process::Collector::default().collect();
}
