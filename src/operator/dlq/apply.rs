//! One letter in a transaction: the same decoding, rows and statements as in the pipeline, with the
//! original event's id.

use bumpalo::Bump;
use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::config::{Config, Idempotency};
use crate::format::change::{Change, Decoded, row_hash};
use crate::format::decode::Decoder;
use crate::format::open_deletes::OpenDeletes;
use crate::format::registry::Registry;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::eligibility::May;
use crate::operator::dlq::outcome::{Outcome, Why};
use crate::operator::dlq::refusal::Refusal;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::write::write_rows;
use crate::record::Record;
use crate::rows::row_change::RowChange;
use crate::rows::sql::quote;
use crate::rows::statement::Conflicts;
use crate::verdict::Failure;

pub struct Attempts {
    catalogue: Catalogue,
    pub(super) decoder: Decoder,
    registry: Option<Registry>,
    /// The quoted name of the bookkeeping schema.
    pub(super) schema: String,
    /// Whether a worker would recognise the event of a letter without a row (`apply.idempotency`).
    pub(super) keeps_ids: bool,
    force: bool,
}

impl Attempts {
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &Config, force: bool) -> Result<Self, String> {
        Ok(Self {
            catalogue: Catalogue::default(),
            decoder: Decoder::from_config(config),
            registry: Registry::from_config(config)?,
            schema: quote(&config.postgres.schema),
            keeps_ids: config.apply.idempotency == Idempotency::EventId,
            force,
        })
    }

    /// Learns the record's schemas, which has to be done before it is put in.
    ///
    /// # Errors
    /// The registry can't be asked, or doesn't let us.
    pub async fn learn_schemas(&mut self, record: &Record) -> Result<(), Failure> {
        let Some(registry) = &self.registry else {
            return Ok(());
        };
        let unknown = self.decoder.unknown_schemas(std::slice::from_ref(record));
        if !unknown.is_empty() {
            self.decoder
                .learn_schemas(registry.fetch_schemas(unknown).await?);
        }
        Ok(())
    }

    /// Puts the letter in, in a transaction that the caller ends.
    ///
    /// Letters are locked before rows, as lanes do it. So a lane with a later event of the key
    /// is waited for, or waits and then finds the letter replayed.
    ///
    /// # Errors
    /// The letter is refused, or Postgres can't be asked; the transaction is then of no more use.
    pub async fn put_in(
        &mut self,
        tx: &Transaction<'_>,
        letter: &Candidate,
        record: &Record,
    ) -> Result<Outcome, Refusal> {
        let outcome = match letter.row {
            Some(id) => self.by_row(tx, id).await?,
            None => self.without_row(tx, letter).await?,
        };
        let mut outcome = match outcome {
            May::GoIn => Outcome::Applied,
            May::ByForce(why) if self.force => Outcome::Forced(why),
            May::ByForce(Why::Is(state)) => return Ok(Outcome::NotParked(state)),
            May::ByForce(Why::LeftToWorker) => return Ok(Outcome::LeftToWorker),
            May::ByForce(Why::Unordered) => return Ok(Outcome::Unordered),
            May::ByForce(Why::RowUnknown) => return Ok(Outcome::RowUnknown),
            May::Not(outcome) => return Ok(outcome),
        };
        let (arena, mut open_deletes) = (Bump::new(), OpenDeletes::default());
        let decoded = self
            .decoder
            .decode_record(record, &arena, None, &mut open_deletes);
        let change = match decoded.map_err(Refusal::Undecodable)? {
            Decoded::Change(change) => change,
            Decoded::Nothing(what) => return Ok(Outcome::Nothing(what)),
            Decoded::BelongsToDelete => return Ok(Outcome::Nothing("tombstone")),
        };
        let key = row_hash(&change.table, &change.key);
        match letter.row {
            Some(_) if letter.key_hash == Some(key) => {}
            // its key was unknown, or routes have changed since: later events were not put in order with it
            Some(_) if self.force => outcome = Outcome::Forced(Why::RowUnknown),
            Some(_) => return Ok(Outcome::RowUnknown),
            None => {
                if let Some(first) = self.parked_of(tx, key).await? {
                    return Ok(Outcome::Behind(first.to_string()));
                }
            }
        }
        let outcome = match self.record(tx, letter).await? {
            true => {
                let row = self.resolve(tx, &change).await?;
                write_rows(tx, &[&row], Conflicts::Possible).await?;
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
            .await?;
        Ok(entered == 1)
    }

    async fn resolve<'r>(
        &self,
        tx: &Transaction<'_>,
        change: &Change<'r>,
    ) -> Result<RowChange<'r>, Refusal> {
        let table = self.catalogue.find_table(tx, &change.table).await?;
        Ok(RowChange::new(change, &table)?)
    }
}
