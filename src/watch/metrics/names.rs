//! The name of every metric, with its kind, its labels and what it means: what `/metrics` says in `# HELP`, and what
//! `docs/metrics.md` explains.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::ranges::{BATCH_SIZES, LATENCY_SECONDS, WORK_SECONDS};

/// What kind of metric it is, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises while the process runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many values there were in each of some ranges.
    Histogram,
}

impl Kind {
    /// As `# TYPE` has it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A metric: base units, and labels of which the values are few, or bounded.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// For people.
    pub help: &'static str,
    /// Of a histogram: the greatest value of each range.
    pub ranges: &'static [f64],
}

const fn metric(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        help,
        ranges: &[],
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(Kind::Counter, name, labels, help)
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    metric(Kind::Gauge, name, labels, help)
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    ranges: &'static [f64],
    help: &'static str,
) -> Metric {
    let metric = metric(Kind::Histogram, name, labels, help);
    Metric { ranges, ..metric }
}

pub const LAG_SECONDS: Metric = gauge(
    "landfall_lag_seconds",
    &["topic", "partition"],
    "How long ago the source made the oldest change of the partition that is not applied yet; 0 if there is none",
);
pub const APPLIED_TIME: Metric = gauge(
    "landfall_applied_commit_timestamp_seconds",
    &["topic", "partition"],
    "When the source made the last change of the partition that was applied, in seconds since 1970",
);
pub const LAG: Metric = gauge(
    "landfall_lag_events",
    &["topic", "partition"],
    "Records in the partition that are not applied yet",
);
pub const WATERMARK: Metric = gauge(
    "landfall_watermark_offset",
    &["topic", "partition"],
    "The next offset to apply",
);
pub const SOURCE_LATENCY: Metric = histogram(
    "landfall_source_latency_seconds",
    &["table"],
    LATENCY_SECONDS,
    "From an event's commit at its source to the COMMIT that made it visible in the destination",
);
pub const KAFKA_LATENCY: Metric = histogram(
    "landfall_kafka_latency_seconds",
    &["table"],
    LATENCY_SECONDS,
    "From the timestamp of an event's record in Kafka to the COMMIT that made it visible in the destination",
);
pub const EVENTS: Metric = counter(
    "landfall_events_total",
    &["topic", "table", "operation", "outcome"],
    "Events by topic, table, operation and outcome (applied, duplicate, skipped, dead_lettered, stale)",
);
pub const BATCHES: Metric = counter(
    "landfall_batches_total",
    &["outcome"],
    "Batches by outcome (committed, fenced, recreated, overtaken, abandoned)",
);
pub const BATCH_EVENTS: Metric = histogram(
    "landfall_batch_events",
    &[],
    BATCH_SIZES,
    "Records in a batch",
);
pub const APPLY_SECONDS: Metric = histogram(
    "landfall_apply_seconds",
    &[],
    WORK_SECONDS,
    "From the start of a batch's first attempt to its COMMIT",
);
pub const STAGE_SECONDS: Metric = histogram(
    "landfall_stage_seconds",
    &["stage"],
    WORK_SECONDS,
    "Time that a batch spends in each stage of its way, attempts that failed included",
);
pub const FAILED_ATTEMPTS: Metric = counter(
    "landfall_failed_attempts_total",
    &["verdict", "sqlstate_class"],
    "Attempts at a batch that failed, by verdict (retry, locked, early, too_much, unavailable, systemic, reject) and the first two characters of the SQLSTATE, if Postgres gave one",
);
pub const WAITING: Metric = gauge(
    "landfall_waiting_lanes",
    &["verdict"],
    "Lanes that wait for Postgres or for a mended set-up, by verdict; a process that has no lanes yet, as its bookkeeping schema waits, counts as one, and so does a process whose brokers are away",
);
pub const STANDING: Metric = gauge(
    "landfall_standing_partitions",
    &["why"],
    "Assigned partitions that stand still while others go on, by why: lost (Kafka has deleted events that were never landed), waits (partitions that it was added behind are drained first), or the verdict on what their next events met",
);
pub const STANDING_SINCE: Metric = gauge(
    "landfall_standing_since_timestamp_seconds",
    &["why"],
    "Since when the partition has stood still that does so longest, by why, in seconds since 1970; 0 if none does",
);
pub const DEAD_LETTERS: Metric = counter(
    "landfall_dead_letters_total",
    &["table", "reason"],
    "Dead letters by table and reason",
);
pub const ROWS_LEFT: Metric = counter(
    "landfall_rows_left_total",
    &["table"],
    "Rows by table that a delete has found equal to its key and left, as they are spelled otherwise",
);
pub const DDL_STATEMENTS: Metric = counter(
    "landfall_ddl_statements_total",
    &["kind"],
    "Statements that made or altered destination tables, by kind (create_schema, create_table, add_column, alter_type)",
);
pub const TELEMETRY_DROPPED: Metric = counter(
    "landfall_telemetry_dropped_total",
    &["kind"],
    "Spans and lineage events that nobody took, or of which too many waited, by kind (spans, lineage_events)",
);
pub const OPEN_LETTERS: Metric = gauge(
    "landfall_open_dead_letters",
    &["table", "reason"],
    "Letters of the whole destination that wait for a decision, by table and reason",
);
pub const OLDEST_LETTER: Metric = gauge(
    "landfall_oldest_open_dead_letter_timestamp_seconds",
    &[],
    "When the oldest letter that waits for a decision was put aside, in seconds since 1970; 0 if there is none",
);
pub const PARKED_KEYS: Metric = gauge(
    "landfall_parked_keys",
    &[],
    "Keys of rows that have letters which wait for a decision",
);
pub const LEDGER_BYTES: Metric = gauge(
    "landfall_ledger_bytes",
    &["ledger_table"],
    "Size of each bookkeeping table, with its indexes and its partitions",
);
pub const OLDEST_DAY: Metric = gauge(
    "landfall_ledger_oldest_day_timestamp_seconds",
    &[],
    "Where the oldest day begins of which event ids are kept, in seconds since 1970; 0 if there is none",
);
pub const LAST_PRUNED: Metric = gauge(
    "landfall_last_pruned_timestamp_seconds",
    &[],
    "When the ids of old events were last forgotten, and days created, without anything in the way, in seconds since 1970",
);
pub const BOOKKEEPING_READ: Metric = gauge(
    "landfall_bookkeeping_read_timestamp_seconds",
    &[],
    "When letters and the sizes of the bookkeeping were last read, in seconds since 1970",
);
pub const LAST_APPLIED: Metric = gauge(
    "landfall_last_applied_timestamp_seconds",
    &[],
    "When the last batch was committed, in seconds since 1970",
);
pub const PARTITIONS: Metric = gauge(
    "landfall_assigned_partitions",
    &[],
    "Partitions assigned to this process",
);
pub const REBALANCES: Metric = counter(
    "landfall_rebalances_total",
    &["kind"],
    "Changes of the assignment, by kind: assigned, revoked, lost (the group took the process for gone), failed",
);
pub const RESUMPTIONS: Metric = counter(
    "landfall_resumptions_total",
    &["cause"],
    "Partitions that were taken up, by what Postgres and Kafka say of each other: new, continued, behind, restored, recreated, doubtful, other_log",
);
pub const INBOX_EVENTS: Metric = gauge(
    "landfall_inbox_events",
    &["lane"],
    "Records that a lane has yet to take in",
);
pub const INBOX_BYTES: Metric = gauge(
    "landfall_inbox_bytes",
    &["lane"],
    "Memory of the records that a lane has yet to take in",
);
pub const FETCH_QUEUE_EVENTS: Metric = gauge(
    "landfall_kafka_fetch_queue_events",
    &[],
    "Records that librdkafka has fetched and not handed over yet",
);
pub const FETCH_QUEUE_BYTES: Metric = gauge(
    "landfall_kafka_fetch_queue_bytes",
    &[],
    "Bytes of the records that librdkafka has fetched and not handed over yet",
);
pub const RECEIVED_BYTES: Metric = counter(
    "landfall_kafka_received_bytes_total",
    &[],
    "Bytes that librdkafka has received from the brokers as a consumer, as they come over the wire",
);
pub const POOL: Metric = gauge(
    "landfall_pool_connections",
    &["state"],
    "Connections to Postgres, by state: idle, used",
);
pub const POOL_MAX: Metric = gauge(
    "landfall_pool_max_connections",
    &[],
    "How many connections to Postgres the pool of the lanes may have",
);
pub const POOL_WAITING: Metric = gauge(
    "landfall_pool_waiting",
    &[],
    "How many wait for a connection to Postgres",
);
pub const BUILD: Metric = gauge(
    "landfall_build_info",
    &["version", "librdkafka"],
    "1, labelled with the versions that run",
);
pub const CPU: Metric = counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time that the process has used, in whole seconds",
);
pub const MEMORY: Metric = gauge(
    "process_resident_memory_bytes",
    &[],
    "Memory that the process has in use",
);
pub const VIRTUAL_MEMORY: Metric = gauge(
    "process_virtual_memory_bytes",
    &[],
    "Address space that the process has mapped",
);
pub const MAX_VIRTUAL_MEMORY: Metric = gauge(
    "process_virtual_memory_max_bytes",
    &[],
    "Address space that the process may map",
);
pub const OPEN_FILES: Metric = gauge(
    "process_open_fds",
    &[],
    "Files and sockets that the process has open",
);
pub const MAX_FILES: Metric = gauge(
    "process_max_fds",
    &[],
    "Files and sockets that the process may have open",
);
pub const THREADS: Metric = gauge("process_threads", &[], "Threads of the process");
pub const STARTED: Metric = gauge(
    "process_start_time_seconds",
    &[],
    "When the process was started, in seconds since 1970",
);

/// All of the above.
pub const ALL: &[Metric] = &[
    LAG_SECONDS,
    APPLIED_TIME,
    LAG,
    WATERMARK,
    SOURCE_LATENCY,
    KAFKA_LATENCY,
    EVENTS,
    BATCHES,
    BATCH_EVENTS,
    APPLY_SECONDS,
    STAGE_SECONDS,
    FAILED_ATTEMPTS,
    WAITING,
    STANDING,
    STANDING_SINCE,
    DEAD_LETTERS,
    ROWS_LEFT,
    DDL_STATEMENTS,
    TELEMETRY_DROPPED,
    OPEN_LETTERS,
    OLDEST_LETTER,
    PARKED_KEYS,
    LEDGER_BYTES,
    OLDEST_DAY,
    LAST_PRUNED,
    BOOKKEEPING_READ,
    LAST_APPLIED,
    PARTITIONS,
    REBALANCES,
    RESUMPTIONS,
    INBOX_EVENTS,
    INBOX_BYTES,
    FETCH_QUEUE_EVENTS,
    FETCH_QUEUE_BYTES,
    RECEIVED_BYTES,
    POOL,
    POOL_MAX,
    POOL_WAITING,
    BUILD,
    CPU,
    MEMORY,
    VIRTUAL_MEMORY,
    MAX_VIRTUAL_MEMORY,
    OPEN_FILES,
    MAX_FILES,
    THREADS,
    STARTED,
];

/// Tells the recorder what each means.
pub(super) fn describe_all() {
    for metric in ALL {
        let (name, help) = (metric.name, metric.help);
        let unit = match name {
            name if name.ends_with("_seconds") => Unit::Seconds,
            name if name.ends_with("_bytes") => Unit::Bytes,
            _ => Unit::Count,
        };
        match metric.kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}
