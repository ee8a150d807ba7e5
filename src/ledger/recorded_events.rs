//! What the bookkeeping knows of single events: asked, and entered, by a replay of dead letters.

use std::collections::HashMap;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::format::event_id::day_of;
use crate::format::partition_memory::PartitionMemory;
use crate::format::positions::{Doubt, Positions};
use crate::format::single_key::KeyBelief;
use crate::ledger::days::day_writes::{NOTED_FOR, number_of};
use crate::ledger::event_ids::is_forgotten;
use crate::ledger::forgotten_letters::letter_counts;
use crate::ledger::letter_states::known_state;
use crate::letter::LetterState;
use crate::record::TopicPartition;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// Where an event is recorded. A letter's row counts for more: the event of a replayed letter has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedIn {
    /// The event has a row in `dead_letters`.
    DeadLetters,
    /// The event was applied, and never was a letter with a row.
    ProcessedEvents,
}

/// What the tables say of one event, at the moment that a transaction asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventStanding {
    /// Whether its id is in `processed_events`.
    pub is_applied: bool,
    /// The state of the event's letter, if it has one. A state that this build doesn't know reads as
    /// discarded.
    pub letter: Option<LetterState>,
}

/// Finds and enters single events.
pub struct RecordedEvents {
    /// The quoted name of the bookkeeping schema.
    schema: String,
}

impl RecordedEvents {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Those of the events that are recorded, and where.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn find_recorded(
        &self,
        client: &Object,
        event_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedIn>, Failure> {
        let sql = format!(
            "SELECT u.id, EXISTS (SELECT FROM {0}.dead_letters WHERE event_id = u.id AND {2}) FROM unnest($1::uuid[]) AS u(id) \
             WHERE EXISTS (SELECT FROM {0}.dead_letters WHERE event_id = u.id AND {2}) \
             OR EXISTS (SELECT FROM {0}.processed_events WHERE processed_events.id = u.id AND NOT {1})",
            self.schema,
            is_forgotten(&self.schema),
            letter_counts(&self.schema, "dead_letters")
        );
        let ids = [(&event_ids as _, Type::UUID_ARRAY)];
        let rows = client.query_typed(&sql, &ids).await?;
        let recorded = rows.iter().map(|row| {
            let recorded = if row.get(1) {
                RecordedIn::DeadLetters
            } else {
                RecordedIn::ProcessedEvents
            };
            (row.get(0), recorded)
        });
        Ok(recorded.collect())
    }

    /// A partition's watermark, which no batch moves until the transaction ends; `None` if nothing of
    /// the partition was ever applied.
    ///
    /// # Errors
    /// Postgres can't be asked, or the lock can't be had.
    pub async fn hold_watermark(
        &self,
        tx: &Transaction<'_>,
        source: &TopicPartition,
    ) -> Result<Option<i64>, Failure> {
        let sql = format!(
            "SELECT next_offset FROM {}.partitions WHERE topic = $1 AND partition = $2 FOR SHARE",
            self.schema
        );
        let (topic, partition) = (&*source.topic, source.partition);
        let rows = tx
            .query_typed(&sql, &[(&topic, Type::TEXT), (&partition, Type::INT4)])
            .await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// The number of a partition's row in `partitions`; 0 if it has none.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn find_partition_id(
        &self,
        tx: &Transaction<'_>,
        source: &TopicPartition,
    ) -> Result<i32, Failure> {
        let sql = format!(
            "SELECT coalesce((SELECT partition_id FROM {}.partitions WHERE topic = $1 AND partition = $2), 0)",
            self.schema
        );
        let (topic, partition) = (&*source.topic, source.partition);
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&topic, Type::TEXT), (&partition, Type::INT4)];
        let row = tx.query_typed_one(&sql, &parameters).await?;
        Ok(row.get(0))
    }

    /// What a partition remembers of how its events are known: by that, one that is decoded anew has the id that the worker
    /// gives it.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn read_identities(
        &self,
        tx: &Transaction<'_>,
        source: &TopicPartition,
    ) -> Result<PartitionMemory, Failure> {
        let sql = format!(
            "SELECT position_doubt, full_ids_since, ordered_since, key_belief FROM {}.partitions WHERE topic = $1 AND partition = $2",
            self.schema
        );
        let (topic, partition) = (&*source.topic, source.partition);
        let rows = tx
            .query_typed(&sql, &[(&topic, Type::TEXT), (&partition, Type::INT4)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(PartitionMemory::default());
        };
        Ok(PartitionMemory {
            positions: Positions::from_bigints(&[], Doubt::from_number(row.get(0))),
            full_ids_since: row.get(1),
            ordered_since: row.get(2),
            key_belief: KeyBelief::from_number(row.get(3)),
            ..PartitionMemory::default()
        })
    }

    /// Whether an event is applied, and what became of its letter.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn read_standing(
        &self,
        tx: &Transaction<'_>,
        event_id: Uuid,
    ) -> Result<EventStanding, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {0}.processed_events WHERE id = $1 AND NOT {1}), \
             (SELECT state FROM {0}.dead_letters WHERE event_id = $1 AND {2})",
            self.schema,
            is_forgotten(&self.schema),
            letter_counts(&self.schema, "dead_letters")
        );
        let row = tx.query_typed_one(&sql, &[(&event_id, Type::UUID)]).await?;
        Ok(EventStanding {
            is_applied: row.get(0),
            letter: row.get::<_, Option<&str>>(1).map(known_state),
        })
    }

    /// Enters the id of an event that is being replayed; `false` if it was there. Notes that its day is written.
    ///
    /// # Errors
    /// Postgres refuses the statement.
    pub async fn insert_event_id(
        &self,
        tx: &Transaction<'_>,
        event_id: Uuid,
        source: &TopicPartition,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "WITH noted AS (INSERT INTO {0}.day_writes (day) SELECT $4 WHERE NOT EXISTS (SELECT FROM {0}.day_writes \
                 WHERE day = $4 AND written_at > now() - make_interval(secs => $5))) \
             INSERT INTO {0}.processed_events (id, partition_id) SELECT $1, \
             coalesce((SELECT partition_id FROM {0}.partitions WHERE topic = $2 AND partition = $3), 0) \
             ON CONFLICT (id) DO UPDATE SET partition_id = excluded.partition_id, applied_at = now() WHERE {1}",
            self.schema,
            is_forgotten(&self.schema)
        );
        let (topic, partition) = (&*source.topic, source.partition);
        let (day, noted_for) = (number_of(day_of(event_id)), NOTED_FOR.as_secs_f64());
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 5] = [
            (&event_id, Type::UUID),
            (&topic, Type::TEXT),
            (&partition, Type::INT4),
            (&day, Type::INT4),
            (&noted_for, Type::FLOAT8),
        ];
        Ok(tx.execute_typed(&sql, &parameters).await? == 1)
    }
}
