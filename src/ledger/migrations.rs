//! The migrations of the bookkeeping schema.

/// A step from one version of the schema to the next.
pub struct Migration {
    /// That of the schema once this is applied.
    pub version: i32,
    /// For people.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
    /// The lowest version whose builds can go on with the schema once this is applied. [`ANY`], if it only adds what
    /// they needn't know; its own version, if it takes away or changes what they use. Written into the schema, for those
    /// builds to read.
    pub oldest_build: i32,
}

/// Every build that reads it can go on.
const ANY: i32 = 0;

const fn additive(version: i32, name: &'static str, sql: &'static str) -> Migration {
    Migration {
        version,
        name,
        sql,
        oldest_build: ANY,
    }
}

/// In order; a migration that has been released is never changed.
pub const MIGRATIONS: &[Migration] = &[
    additive(
        1,
        "ledger",
        include_str!("../../migrations/0001_ledger.sql"),
    ),
    additive(
        2,
        "dead_letters",
        include_str!("../../migrations/0002_dead_letters.sql"),
    ),
    additive(
        3,
        "old_keys",
        include_str!("../../migrations/0003_old_keys.sql"),
    ),
    additive(
        5,
        "event_table",
        include_str!("../../migrations/0005_event_table.sql"),
    ),
    additive(
        6,
        "moved_rows",
        include_str!("../../migrations/0006_moved_rows.sql"),
    ),
    additive(
        7,
        "row_positions",
        include_str!("../../migrations/0007_row_positions.sql"),
    ),
    additive(
        9,
        "partitions_added",
        include_str!("../../migrations/0009_partitions_added.sql"),
    ),
    additive(
        10,
        "event_identity",
        include_str!("../../migrations/0010_event_identity.sql"),
    ),
    additive(
        11,
        "stream_ends",
        include_str!("../../migrations/0011_stream_ends.sql"),
    ),
    additive(
        12,
        "row_identities",
        include_str!("../../migrations/0012_row_identities.sql"),
    ),
    additive(
        14,
        "finished_moves",
        include_str!("../../migrations/0014_finished_moves.sql"),
    ),
    additive(
        15,
        "left_out_columns",
        include_str!("../../migrations/0015_left_out_columns.sql"),
    ),
    additive(
        16,
        "overtaken_partitions",
        include_str!("../../migrations/0016_overtaken_partitions.sql"),
    ),
    additive(
        17,
        "standing",
        include_str!("../../migrations/0017_standing.sql"),
    ),
    additive(
        18,
        "worker_sessions",
        include_str!("../../migrations/0018_worker_sessions.sql"),
    ),
    additive(
        21,
        "day_writes",
        include_str!("../../migrations/0021_day_writes.sql"),
    ),
    additive(
        23,
        "leader_epochs",
        include_str!("../../migrations/0023_leader_epochs.sql"),
    ),
    additive(
        24,
        "table_facts",
        include_str!("../../migrations/0024_table_facts.sql"),
    ),
    additive(
        27,
        "forgotten_letters",
        include_str!("../../migrations/0027_forgotten_letters.sql"),
    ),
    // younger than the next ones: builds of 0.1 go on with no schema of a higher number than 32, whatever it says of itself
    additive(
        29,
        "made_columns",
        include_str!("../../migrations/0029_made_columns.sql"),
    ),
    additive(
        30,
        "first_starts",
        include_str!("../../migrations/0030_first_starts.sql"),
    ),
    additive(
        31,
        "destination_tables",
        include_str!("../../migrations/0031_destination_tables.sql"),
    ),
    additive(
        32,
        "key_belief",
        include_str!("../../migrations/0032_key_belief.sql"),
    ),
];
