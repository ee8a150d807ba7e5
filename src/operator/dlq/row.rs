//! A letter's row in `dead_letters`, as it stands.

use std::fmt;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::verdict::{Failure, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Can be replayed.
    Parked,
    /// Applied since.
    Replayed,
    /// A later event of its key made it obsolete.
    Superseded,
    /// Given up by an operator.
    Discarded,
}

impl State {
    pub const ALL: [State; 4] = [
        State::Parked,
        State::Replayed,
        State::Superseded,
        State::Discarded,
    ];

    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            State::Parked => "parked",
            State::Replayed => "replayed",
            State::Superseded => "superseded",
            State::Discarded => "discarded",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What to SELECT for a [`Letter`].
pub const COLUMNS: &str = "id, event_id, state, state_changed_at, topic, partition, \"offset\", table_name, operation, \
    key, key_hash, reason, stage, sqlstate, message, attempts, first_failed_at, last_failed_at, consumer_group, \
    dlq_topic, dlq_partition, dlq_offset, left_out_bytes, superseded_by";

/// Every column, under its name. The migration has their meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    pub id: i64,
    pub event_id: Uuid,
    pub state: State,
    #[serde(serialize_with = "iso")]
    pub state_changed_at: SystemTime,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub table_name: Option<String>,
    pub operation: Option<String>,
    pub key: Option<String>,
    pub key_hash: Option<i64>,
    pub reason: String,
    pub stage: String,
    pub sqlstate: Option<String>,
    /// May quote values of the row.
    pub message: String,
    pub attempts: i32,
    #[serde(serialize_with = "iso")]
    pub first_failed_at: SystemTime,
    #[serde(serialize_with = "iso")]
    pub last_failed_at: SystemTime,
    pub consumer_group: String,
    pub dlq_topic: String,
    pub dlq_partition: i32,
    pub dlq_offset: i64,
    pub left_out_bytes: Option<i64>,
    pub superseded_by: Option<Uuid>,
}

impl Letter {
    /// Reads a row of [`COLUMNS`].
    ///
    /// # Errors
    /// The table isn't as this build knows it.
    pub fn of(row: &Row) -> Result<Self, Failure> {
        let state: &str = row.try_get("state")?;
        let known = State::ALL.into_iter().find(|known| known.name() == state);
        let Some(state) = known else {
            let message = format!("dead_letters: state {state:?} is unknown to this Landfall");
            return Err(Failure::new(Verdict::Systemic, message));
        };
        Self::in_state(row, state).map_err(Failure::from)
    }

    fn in_state(row: &Row, state: State) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            event_id: row.try_get("event_id")?,
            state,
            state_changed_at: row.try_get("state_changed_at")?,
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
            table_name: row.try_get("table_name")?,
            operation: row.try_get("operation")?,
            key: row.try_get("key")?,
            key_hash: row.try_get("key_hash")?,
            reason: row.try_get("reason")?,
            stage: row.try_get("stage")?,
            sqlstate: row.try_get("sqlstate")?,
            message: row.try_get("message")?,
            attempts: row.try_get("attempts")?,
            first_failed_at: row.try_get("first_failed_at")?,
            last_failed_at: row.try_get("last_failed_at")?,
            consumer_group: row.try_get("consumer_group")?,
            dlq_topic: row.try_get("dlq_topic")?,
            dlq_partition: row.try_get("dlq_partition")?,
            dlq_offset: row.try_get("dlq_offset")?,
            left_out_bytes: row.try_get("left_out_bytes")?,
            superseded_by: row.try_get("superseded_by")?,
        })
    }
}

/// RFC 3339 in UTC, to the microsecond, which is what Postgres keeps.
pub fn iso<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_micros(*time))
}
