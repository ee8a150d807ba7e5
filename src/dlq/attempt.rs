//! One letter in a transaction: the same decoding, rows and statements as in the pipeline, with the
//! original event's id.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::catalogue::Catalogue;
use crate::change::{Change, Decoded, row_hash};
use crate::config::Config;
use crate::dlq::candidate::Candidate;
use crate::dlq::outcome::Outcome;
use crate::dlq::row::State;
use crate::letter::{Cause, Place};
use crate::message::Record;
use crate::open_deletes::OpenDeletes;
use crate::pipeline::decode::{Decoder, Undecodable};
use crate::pipeline::rows;
use crate::postgres::failure;
use crate::row_change::RowChange;
use crate::statement::quote;
use crate::verdict::{Failure, Reason};

/// Why a letter isn't in.
#[derive(Debug)]
pub enum Refusal {
    Undecodable(Undecodable),
    Failure(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failure(failure)
    }
}

fn refused(error: tokio_postgres::Error) -> Refusal {
    Refusal::Failure(failure(&error))
}

pub struct Attempts {
    catalogue: Catalogue,
    decoder: Decoder,
    /// The quoted name of the bookkeeping schema.
    schema: String,
    force: bool,
}

/// A letter's row as it stands, locked.
struct Standing {
    state: State,
    /// An earlier letter of its key that is still parked.
    first: Option<i64>,
}

impl Attempts {
    pub fn new(config: &Config, force: bool) -> Self {
        Self {
            catalogue: Catalogue::default(),
            decoder: Decoder::new(config.routes.clone().into(), config.apply.deletes),
            schema: quote(&config.postgres.schema),
            force,
        }
    }

    /// Puts the letter in, in a transaction that the caller ends. `passed`: letters that count as
    /// replayed, though their rows don't say so (of a dry run).
    ///
    /// The order of locks is the lanes': letters, ids, rows. So a lane with a later event of the key
    /// is waited for, or waits and then finds the letter replayed.
    ///
    /// # Errors
    /// The letter is refused, or Postgres can't be asked; the transaction is then of no more use.
    pub async fn put_in(
        &mut self,
        tx: &Transaction<'_>,
        letter: &Candidate,
        record: &Record,
        passed: &[i64],
    ) -> Result<Outcome, Refusal> {
        let standing = match letter.row {
            Some(id) => Some(self.lock(tx, id, passed).await?),
            None => None,
        };
        let outcome = match &standing {
            Some(Standing { state, .. }) if *state == State::Replayed => {
                return Ok(Outcome::NotParked(*state));
            }
            Some(Standing { state, .. }) if *state != State::Parked && !self.force => {
                return Ok(Outcome::NotParked(*state));
            }
            Some(Standing { state, .. }) if *state != State::Parked => Outcome::Forced(*state),
            Some(Standing {
                first: Some(first), ..
            }) if !self.force => {
                return Ok(Outcome::Behind(first.to_string()));
            }
            Some(_) => Outcome::Applied,
            None => match self.without_row(tx, letter).await? {
                Some(outcome) => return Ok(outcome),
                None => Outcome::Applied,
            },
        };
        let decoded = self
            .decoder
            .decode(record, None, &mut OpenDeletes::default());
        let change = match decoded.map_err(Refusal::Undecodable)? {
            Decoded::Change(change) => change,
            Decoded::Nothing(what) => return Ok(Outcome::Nothing(what)),
            Decoded::BelongsToDelete => return Ok(Outcome::Nothing("tombstone")),
        };
        if let (None, false) = (letter.row, self.force) {
            let key = row_hash(&change.table, &change.key);
            if let Some(first) = self.parked_of(tx, key).await? {
                return Ok(Outcome::Behind(first.to_string()));
            }
        }
        let outcome = match self.record(tx, letter).await? {
            true => {
                let row = self.resolve(tx, &change).await?;
                rows::write(tx, &[&row]).await?;
                outcome
            }
            false => Outcome::InAlready,
        };
        if let Some(id) = letter.row {
            self.mark_replayed(tx, id).await?;
        }
        Ok(outcome)
    }

    /// What is known of the table is older than the table.
    pub fn forget_tables(&mut self) {
        self.catalogue = Catalogue::default();
    }

    async fn lock(
        &self,
        tx: &Transaction<'_>,
        id: i64,
        passed: &[i64],
    ) -> Result<Standing, Refusal> {
        let sql = format!(
            "SELECT d.state, (SELECT min(e.id) FROM {0}.dead_letters e \
             WHERE e.state = 'parked' AND e.key_hash = d.key_hash AND e.id < d.id AND e.id <> ALL($2)) \
             FROM {0}.dead_letters d WHERE d.id = $1 FOR UPDATE OF d",
            self.schema
        );
        let row = tx
            .query_typed(&sql, &[(&id, Type::INT8), (&passed, Type::INT8_ARRAY)])
            .await
            .map_err(refused)?;
        let Some(row) = row.first() else {
            // forgotten while we were about it
            return Ok(Standing {
                state: State::Discarded,
                first: None,
            });
        };
        let state: String = row.get(0);
        let state = State::ALL.into_iter().find(|s| s.name() == state);
        Ok(Standing {
            state: state.unwrap_or(State::Discarded),
            first: row.get(1),
        })
    }

    /// A letter without a row may only be replayed where it is certain what came before and after its
    /// event: it was diverted while Postgres was away, and the watermark hasn't got past it, so that
    /// nothing behind it has been applied. Returns what it is otherwise.
    async fn without_row(
        &self,
        tx: &Transaction<'_>,
        letter: &Candidate,
    ) -> Result<Option<Outcome>, Refusal> {
        let sql = format!(
            "SELECT next_offset FROM {}.partitions WHERE topic = $1 AND partition = $2 FOR SHARE",
            self.schema
        );
        let (topic, partition) = (&*letter.source.topic, letter.source.partition);
        let rows = tx
            .query_typed(&sql, &[(&topic, Type::TEXT), (&partition, Type::INT4)])
            .await
            .map_err(refused)?;
        let watermark = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {0}.processed_events WHERE id = $1), \
             (SELECT state FROM {0}.dead_letters WHERE event_id = $1)",
            self.schema
        );
        let row = tx
            .query_typed_one(&sql, &[(&letter.event_id, Type::UUID)])
            .await
            .map_err(refused)?;
        if row.get(0) {
            return Ok(Some(Outcome::InAlready));
        }
        if let Some(state) = row.get::<_, Option<String>>(1) {
            let state = State::ALL.into_iter().find(|s| s.name() == state);
            return Ok(Some(Outcome::NotParked(state.unwrap_or(State::Parked))));
        }
        let diverted = letter.reason == Reason::Unavailable.name();
        Ok(match (letter.offset >= watermark, diverted) {
            _ if self.force => None,
            (true, true) => None,
            (true, false) => Some(Outcome::LeftToWorker),
            (false, _) => Some(Outcome::Unordered),
        })
    }

    async fn parked_of(&self, tx: &Transaction<'_>, key: i64) -> Result<Option<i64>, Refusal> {
        let sql = format!(
            "SELECT min(id) FROM {}.dead_letters WHERE state = 'parked' AND key_hash = $1",
            self.schema
        );
        let row = tx
            .query_typed_one(&sql, &[(&key, Type::INT8)])
            .await
            .map_err(refused)?;
        Ok(row.get(0))
    }

    /// Enters the event's id; `false` if it was there.
    async fn record(&self, tx: &Transaction<'_>, letter: &Candidate) -> Result<bool, Refusal> {
        let sql = format!(
            "INSERT INTO {0}.processed_events (id, partition_id) SELECT $1, \
             coalesce((SELECT partition_id FROM {0}.partitions WHERE topic = $2 AND partition = $3), 0) \
             ON CONFLICT DO NOTHING",
            self.schema
        );
        let (topic, partition) = (&*letter.source.topic, letter.source.partition);
        let entered = tx
            .execute_typed(
                &sql,
                &[
                    (&letter.event_id, Type::UUID),
                    (&topic, Type::TEXT),
                    (&partition, Type::INT4),
                ],
            )
            .await
            .map_err(refused)?;
        Ok(entered == 1)
    }

    async fn resolve<'r>(
        &self,
        tx: &Transaction<'_>,
        change: &Change<'r>,
    ) -> Result<RowChange<'r>, Refusal> {
        let table = self.catalogue.table(tx, &change.table).await?;
        Ok(RowChange::new(change, &table)?)
    }

    async fn mark_replayed(&self, tx: &Transaction<'_>, id: i64) -> Result<(), Refusal> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'replayed', state_changed_at = now() WHERE id = $1",
            self.schema
        );
        tx.execute_typed(&sql, &[(&id, Type::INT8)])
            .await
            .map_err(refused)?;
        Ok(())
    }

    /// Notes that the letter has failed again, and where its new copy lies.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn note_failure(
        &self,
        client: &Object,
        id: i64,
        cause: &Cause,
        place: &Place,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET reason = $2, stage = $3, sqlstate = $4, message = $5, attempts = $6, \
             last_failed_at = $7, dlq_topic = $8, dlq_partition = $9, dlq_offset = $10, left_out_bytes = $11 \
             WHERE id = $1",
            self.schema
        );
        // Postgres' text holds no NUL
        let message = cause.message.replace('\0', "\u{fffd}");
        let attempts = i32::try_from(cause.attempts).unwrap_or(i32::MAX);
        client
            .execute_typed(
                &sql,
                &[
                    (&id, Type::INT8),
                    (&cause.reason, Type::TEXT),
                    (&cause.stage, Type::TEXT),
                    (&cause.sqlstate, Type::TEXT),
                    (&message, Type::TEXT),
                    (&attempts, Type::INT4),
                    (&cause.last_failed_at, Type::TIMESTAMPTZ),
                    (&&*place.topic, Type::TEXT),
                    (&place.partition, Type::INT4),
                    (&place.offset, Type::INT8),
                    (&place.left_out, Type::INT8),
                ],
            )
            .await
            .map_err(|e| failure(&e))?;
        Ok(())
    }
}
