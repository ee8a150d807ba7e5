//! The bookkeeping tables: every statement on them, one verb each, with plain values in and out. No batch
//! is known here: whoever has one marks it by what the ledger answers.
//!
//! - In a batch's transaction, put together as [`Ledger`]: `watermarks` (how far each partition is, and the
//!   fence), `event_ids` (what was applied) with its `days`, `letters` (what was put aside), `moved_rows` (what rows
//!   had under another key), `row_positions` and `feeds` (the order of rows that come through several partitions).
//! - Where reading goes on: `resume`, which is pure; what goes first, `partition_starts`; where partitions begin
//!   that were never had, `first_starts`.
//! - For a replay of dead letters: `letter_rows`, `letter_filter`, `letter_states`, `recorded_events`.
//! - For an operator: `standstills`, `overview`, `rights`, `forget_partitions`.
//! - The tables themselves: `migrate` creates them by `migrations`, `schema_version` says who can use them, `letter_indexes` what needs no migration, `retention` forgets what is old.

pub mod days;
pub mod denied;
pub mod destination_tables;
pub mod event_ids;
pub mod feeds;
pub mod first_starts;
pub mod forget_partitions;
pub mod forgotten_letters;
pub mod letter_filter;
pub mod letter_indexes;
pub mod letter_rows;
pub mod letter_states;
pub mod letters;
pub mod measure;
pub mod migrate;
mod migrations;
pub mod moved_rows;
pub mod needed_rights;
pub mod overview;
pub mod partition_starts;
pub mod recorded_events;
pub mod resume;
pub mod retention;
pub mod rights;
pub mod row_identities;
pub mod row_positions;
pub mod schema_version;
pub mod standstills;
pub mod table_facts;
pub mod watermarks;
pub mod worker_sessions;

use crate::config::Idempotency;
use crate::ledger::days::Days;
use crate::ledger::destination_tables::DestinationTables;
use crate::ledger::event_ids::EventIds;
use crate::ledger::feeds::Feeds;
use crate::ledger::letters::Letters;
use crate::ledger::moved_rows::MovedRows;
use crate::ledger::partition_starts::PartitionStarts;
use crate::ledger::row_identities::RowIdentities;
use crate::ledger::row_positions::RowPositions;
use crate::ledger::standstills::Standstills;
use crate::ledger::watermarks::Watermarks;
use crate::rows::sql::quote;

/// The bookkeeping tables that a worker writes, all of them in one schema of the destination.
pub struct Ledger {
    /// How far each Kafka partition has been applied.
    pub watermarks: Watermarks,
    /// Which partitions stand still.
    pub standstills: Standstills,
    /// What has to be drained before a partition is begun.
    pub partition_starts: PartitionStarts,
    /// What has been applied.
    pub event_ids: EventIds,
    /// The partitions of [`Ledger::event_ids`].
    pub days: Days,
    /// What was put aside.
    pub letters: Letters,
    /// Which topics lead to which tables.
    pub feeds: Feeds,
    /// Which tables there have been.
    pub destination_tables: DestinationTables,
    /// Where the last change of a row stands at its source.
    pub row_positions: RowPositions,
    /// By what rows with positions are told.
    pub row_identities: RowIdentities,
    /// What rows had that get another key.
    pub moved_rows: MovedRows,
    schema: String,
    group: String,
}

impl Ledger {
    /// The tables of `schema`, written on behalf of the consumer group.
    pub fn new(schema: &str, group: &str, idempotency: Idempotency) -> Self {
        let (feeds, row_positions) = (Feeds::new(schema), RowPositions::new(schema));
        let destination_tables = DestinationTables::new(schema);
        let row_identities = RowIdentities::new(schema);
        let schema = quote(schema);
        let event_ids = EventIds::new(schema.clone(), idempotency);
        Self {
            watermarks: Watermarks::new(schema.clone(), group.to_owned()),
            standstills: Standstills::new(schema.clone()),
            partition_starts: PartitionStarts::new(schema.clone()),
            days: Days::new(schema.clone(), event_ids.are_kept()),
            event_ids,
            letters: Letters::new(schema.clone(), group.to_owned()),
            feeds,
            destination_tables,
            row_positions,
            row_identities,
            moved_rows: MovedRows::new(schema.clone()),
            schema,
            group: group.to_owned(),
        }
    }

    /// The consumer group on whose behalf the tables are written.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The quoted name of the bookkeeping schema.
    pub fn quoted_schema(&self) -> &str {
        &self.schema
    }

    /// Whether events are recognised by their ids; else by their offsets alone.
    pub fn keeps_ids(&self) -> bool {
        self.event_ids.are_kept()
    }
}
