//! One letter in a transaction: the same decoding, rows and statements as in the pipeline, with the
//! original event's id.

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;
use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::config::{Config, Idempotency};
use crate::format::change::{Change, Decoded, Operation};
use crate::format::decode::Decoder;
use crate::format::event_id;
use crate::format::landing::Landing;
use crate::format::registry::{Registry, RegistrySetupError};
use crate::format::undecodable::Undecodable;
use crate::ledger::denied::Denied;
use crate::ledger::letter_states::LetterStates;
use crate::ledger::moved_rows::MovedRows;
use crate::ledger::needed_rights::BookkeepingUse;
use crate::ledger::recorded_events::RecordedEvents;
use crate::ledger::row_identities::RowIdentities;
use crate::ledger::row_positions::RowPositions;
use crate::ledger::table_facts::facts_query;
use crate::letter::{KeyHashes, LetterState};
use crate::locked::Locked;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::eligibility::Eligibility;
use crate::operator::dlq::outcome::{ForceReason, ReplayOutcome};
use crate::operator::dlq::refusal::Refusal;
use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::key_identities::{Asker, identify_keys};
use crate::postgres::moving::MovingWriter;
use crate::postgres::table_rights::TableUse;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::postgres::versions::compare_versions;
use crate::record::Record;
use crate::rows::mapping::Mapping;
use crate::rows::row_change::RowChange;
use crate::rows::source_order::{EntryEvent, SourceOrder, explain_other_source};
use crate::rows::sql::quote;
use crate::rows::statement::Conflicts;
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::verdict::{Failure, Verdict};

/// Applies letters, each within a transaction that somebody else begins and ends.
pub struct LetterApplier {
    catalogue: Catalogue,
    /// The last letter's table, as it was taken to be.
    table: Option<Arc<Table>>,
    /// The columns that the last letter's event carries.
    columns: Vec<String>,
    config: Config,
    decoder: Decoder,
    registry: Option<Registry>,
    /// What the configuration says of values.
    reading: Arc<Reading>,
    letters: LetterStates,
    events: RecordedEvents,
    moved_rows: MovedRows,
    positions: RowPositions,
    identities: RowIdentities,
    /// Whether a worker would recognise the event of a letter without a row (`apply.idempotency`).
    keeps_ids: bool,
    /// Whether letters are applied that could overwrite newer data.
    force: bool,
    /// What was denied last, to events with these columns, and how it was explained: many letters may meet the same.
    last_denial: Locked<Option<(Failure, Vec<String>, Failure)>>,
}

impl LetterApplier {
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &Config, force: bool) -> Result<Self, RegistrySetupError> {
        let schema = &config.postgres.schema;
        Ok(Self {
            catalogue: Catalogue::verified_by(facts_query(schema)),
            table: None,
            columns: Vec::new(),
            config: config.clone(),
            decoder: Decoder::from_config(config),
            registry: Registry::from_config(config)?,
            reading: Arc::new(Reading::new(&config.format)),
            letters: LetterStates::new(schema),
            events: RecordedEvents::new(schema),
            moved_rows: MovedRows::new(quote(schema)),
            positions: RowPositions::new(schema),
            identities: RowIdentities::new(schema),
            keeps_ids: config.apply.idempotency == Idempotency::EventId,
            force,
            last_denial: Locked::default(),
        })
    }

    /// Learns the record's schemas, which has to be done before the letter is applied.
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

    /// Applies the letter, in a transaction that the caller ends.
    ///
    /// Letters are locked before rows, as lanes do it. So a lane with a later event of the key
    /// is waited for, or waits and then finds the letter replayed.
    ///
    /// # Errors
    /// The letter is refused, or Postgres can't be asked; the transaction is then of no more use.
    pub async fn apply_letter(
        &mut self,
        tx: &Transaction<'_>,
        letter: &Candidate,
        record: &Record,
    ) -> Result<ReplayOutcome, Refusal> {
        (self.table, self.columns) = (None, Vec::new());
        let eligibility = match letter.row {
            Some(id) => Eligibility::of_row(self.letters.lock_letter(tx, id).await?, self.force),
            None => self.judge_unrecorded(tx, letter).await?,
        };
        let mut outcome = match eligibility {
            Eligibility::MayGoIn => ReplayOutcome::Applied,
            Eligibility::OnlyByForce(why) if self.force => ReplayOutcome::Forced(why),
            Eligibility::OnlyByForce(why) => return Ok(why.outcome_without_force()),
            Eligibility::Refused(outcome) => return Ok(outcome),
        };
        let arena = Bump::new();
        let mut memory = self.events.read_identities(tx, &letter.source).await?;
        let decoded = self
            .decoder
            .decode_record(record, &arena, None, &mut memory);
        let change = match decoded.map_err(Refusal::Undecodable)? {
            Decoded::Change(change) => change,
            Decoded::Nothing(what) => return Ok(ReplayOutcome::Nothing(what)),
            Decoded::BelongsToDelete => return Ok(ReplayOutcome::Nothing("tombstone")),
            Decoded::Unplaced(tombstone) => match letter.table_of(&tombstone.key) {
                Some(table) => tombstone.into_change(Arc::new(table)),
                None => return Err(Refusal::Undecodable(Undecodable::without_table())),
            },
        };
        // a row of its own is known by the event that the worker knew
        let id = letter.event_id;
        let told_id = told_id(&change, letter, record);
        let change = Change { id, ..change };
        let (row, keys) = self.identify_row(tx, &change).await?;
        let earlier = letter.row;
        if change.landing == Landing::Appended {
            // no other event is about its row
        } else if earlier.is_some() && !letter.key_hashes.is_some_and(|own| keys.contains(&own)) {
            // its key was unknown, or routes have changed since: later events were not put in order with it
            if !self.force {
                return Ok(ReplayOutcome::RowUnknown);
            }
            outcome = ReplayOutcome::Forced(ForceReason::RowUnknown);
        } else {
            let hashes: Vec<i64> = keys.iter().flat_map(|keys| keys.iter_hashes()).collect();
            if let Some(first) = self.letters.find_first_parked(tx, &hashes, earlier).await? {
                return Ok(ReplayOutcome::Behind(first.to_string()));
            }
        }
        if !self.insert_event_ids(tx, letter, told_id).await? {
            outcome = ReplayOutcome::InAlready;
        } else if !self.write_change(tx, letter, &change, row?).await? {
            outcome = ReplayOutcome::NotParked(LetterState::Superseded);
        }
        match (letter.row, &outcome) {
            (Some(id), ReplayOutcome::NotParked(_)) => self.letters.mark_superseded(tx, id).await?,
            (Some(id), _) => self.letters.mark_replayed(tx, id).await?,
            (None, _) => {}
        }
        Ok(outcome)
    }

    /// Whether a letter without a row may be applied. The partition's watermark stays as it is until
    /// the transaction ends.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn judge_unrecorded(
        &self,
        tx: &Transaction<'_>,
        letter: &Candidate,
    ) -> Result<Eligibility, Failure> {
        let watermark = self.events.hold_watermark(tx, &letter.source).await?;
        let standing = self.events.read_standing(tx, letter.event_id).await?;
        Ok(Eligibility::of_unrecorded(
            letter,
            watermark,
            standing,
            self.keeps_ids,
        ))
    }

    /// What was denied to our role when the last letter was applied, with what grants it.
    pub async fn explain_denial(
        &self,
        client: &impl UnnamedStatements,
        refusal: Refusal,
        letter: &Candidate,
    ) -> Refusal {
        let topic = &letter.source.topic;
        let denied = Denied {
            schema: &self.config.postgres.schema,
            used: BookkeepingUse::Letters,
            table: TableUse {
                columns: &self.columns,
                deletes: self.config.removes_rows(topic),
                appends: self.config.appends_rows(topic),
            },
        };
        let failure = match refusal {
            Refusal::Failure(failure) if failure.means_denied() => failure,
            other => return other,
        };
        let met = (failure.clone(), self.columns.clone());
        let known = match &*self.last_denial.lock() {
            Some((was, columns, told)) if (was, columns) == (&met.0, &met.1) => Some(told.clone()),
            _ => None,
        };
        if let Some(told) = known {
            return Refusal::Failure(told);
        }
        let told = denied.explain(client, failure).await;
        *self.last_denial.lock() = Some((met.0, met.1, told.clone()));
        Refusal::Failure(told)
    }

    /// Forgets what is known of tables: it may be older than the tables.
    pub fn forget_tables(&mut self) {
        self.catalogue.forget_all();
    }

    /// A key or a value as JSON, if it is by a schema of a registry and can be read.
    pub fn message_as_json(&self, message: Option<&[u8]>) -> Option<String> {
        self.decoder.message_as_json(message?)
    }

    /// Enters the letter's id, and the one that its event tells if the worker couldn't read it: so it is known whether its
    /// source has sent it again since, and if it does so later. Returns whether both are new.
    async fn insert_event_ids(
        &self,
        tx: &Transaction<'_>,
        letter: &Candidate,
        told: Option<Uuid>,
    ) -> Result<bool, Failure> {
        let source = &letter.source;
        for id in std::iter::once(letter.event_id).chain(told) {
            if !self.events.insert_event_id(tx, id, source).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The change as its table sees it, or why it can't be; and by which the letters of its row meet it: by what the
    /// table tells of the key, and by how it is written.
    ///
    /// # Errors
    /// Postgres can't be asked, or can't read the key.
    async fn identify_row<'r>(
        &mut self,
        tx: &Transaction<'_>,
        change: &Change<'r>,
    ) -> Result<(Result<RowChange<'r>, Failure>, Vec<KeyHashes>), Failure> {
        change.add_columns(&mut self.columns);
        let mut row = self.map_change(tx, change).await;
        if let Err(failure) = &row
            && !matches!(failure.verdict, Verdict::Reject(_) | Verdict::Systemic)
        {
            return Err(failure.clone()); // the transaction is of no more use
        }
        let mut key = self.map_change(tx, &change.of_key_alone()).await;
        let both = row.iter_mut().chain(key.iter_mut());
        identify_keys(Asker::Within(tx), both).await?;
        let written = change.key_hashes();
        let mut keys: Vec<KeyHashes> = key.iter().map(RowChange::key_hashes).collect();
        // a delete of which nothing was kept, for its row came whole under the new key, is one as any other
        let plain = keys.iter().map(|keys| KeyHashes::of_key(keys.key));
        let plain = plain.filter(|_| change.key_move.is_some() && change.old_key.is_none());
        keys.extend(plain.collect::<Vec<_>>());
        if !keys.contains(&written) {
            keys.push(written);
        }
        Ok((row, keys))
    }

    async fn map_change<'r>(
        &mut self,
        tx: &Transaction<'_>,
        change: &Change<'r>,
    ) -> Result<RowChange<'r>, Failure> {
        let table = self.catalogue.find_table(tx, &change.table).await?;
        self.table = Some(table.clone());
        match change.operation {
            Operation::Truncate => RowChange::of_truncate(&table),
            _ => Mapping::new(change, &table, self.reading.clone())?.map_change(change),
        }
    }

    /// Writes the change. Returns whether it did: not, if a later change of its row is in, which came through
    /// another partition. Force asks for no order.
    async fn write_change(
        &self,
        tx: &Transaction<'_>,
        letter: &Candidate,
        change: &Change<'_>,
        row: RowChange<'_>,
    ) -> Result<bool, Refusal> {
        let is_ordered =
            change.version.is_some() || self.positions.are_kept_of(tx, &change.table).await?;
        if self.force || !is_ordered {
            self.write_verified(tx, &[&row]).await?;
            return Ok(true);
        }
        let event = EntryEvent {
            change,
            partition_id: self.events.find_partition_id(tx, &letter.source).await?,
        };
        let changes = vec![(0, row)];
        let mut order = SourceOrder::of_changes(&changes, &self.reading, |_| Some(event))?;
        let two_sources = |other| explain_other_source(&other, &HashMap::new());
        let mut claims = order.claim_rows().map_err(two_sources)?;
        let tables = order.list_identities();
        let identities = &self.identities;
        identities.agree_on_identities(tx, &tables).await?;
        let recorded = self.positions.claim_rows(tx, &mut claims).await?;
        compare_versions(tx, &mut order, &recorded).await?;
        let arranged = order.arrange_changes(changes, recorded);
        let arranged = arranged.map_err(two_sources)?;
        let rows: Vec<_> = arranged.changes.iter().map(|(_, row)| row).collect();
        self.write_verified(tx, &rows).await?;
        if rows.is_empty() && self.verify_table(&**tx).await? == TablesAre::Altered {
            return Err(Refusal::TableAltered);
        }
        let written = order.list_written(|_| true);
        self.positions.record_changes(tx, written.moved).await?;
        self.positions.release_rows(tx, &written.untouched).await?;
        Ok(!rows.is_empty())
    }

    /// Whether the table of the last letter still is what it was taken to be: asked before a refusal is
    /// blamed on the letter.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn verify_table(
        &self,
        client: &impl UnnamedStatements,
    ) -> Result<TablesAre, Failure> {
        let table = self.table.as_slice();
        self.catalogue.verify_tables(client, table).await
    }

    async fn write_verified(
        &self,
        tx: &Transaction<'_>,
        rows: &[&RowChange<'_>],
    ) -> Result<(), Refusal> {
        let (conflicts, tables) = (Conflicts::Possible, self.table.as_slice());
        let writer = MovingWriter {
            tx,
            keeper: &self.moved_rows,
        };
        let written = writer.write_and_verify(rows, conflicts, &self.catalogue, tables);
        match written.await? {
            TablesAre::AsKnown => Ok(()),
            TablesAre::Altered => Err(Refusal::TableAltered),
        }
    }
}

/// The id that the event itself tells, where the letter has another: the worker couldn't read it.
fn told_id(change: &Change<'_>, letter: &Candidate, record: &Record) -> Option<Uuid> {
    let is_told = change.id != event_id::id_of_coordinates(record, None, None);
    (is_told && change.id != letter.event_id).then_some(change.id)
}
