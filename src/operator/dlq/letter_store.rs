//! Where letters are: their rows in Postgres, their records in Kafka.

use deadpool_postgres::{Object, Transaction};
use uuid::Uuid;

use crate::cli::ChosenLetters;
use crate::config::Config;
use crate::kafka;
use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::reader::Reader;
use crate::ledger::letter_filter::LetterFilter;
use crate::ledger::letter_rows::{LetterRow, LetterRows};
use crate::ledger::letter_states::LetterStates;
use crate::ledger::recorded_events::RecordedEvents;
use crate::letter::headers::Posted;
use crate::letter::{Cause, UnpublishedLetter};
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::unrecorded;
use crate::postgres::settings::begin_pinned;
use crate::record::{Record, TopicPartition};
use crate::verdict::Failure;

/// Finds letters, reads their records, and writes down that a letter has failed again.
pub struct LetterStore<'c> {
    config: &'c Config,
    client: Object,
    reader: Reader,
    publisher: DeadLetters,
    rows: LetterRows,
    states: LetterStates,
    events: RecordedEvents,
}

/// What Kafka has of a letter.
pub enum Fetched {
    /// The record as it was read from its source.
    Record(Record),
    /// Why there is none.
    Lost(String),
}

impl<'c> LetterStore<'c> {
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &'c Config, client: Object) -> Result<Self, CommandError> {
        let schema = &config.postgres.schema;
        Ok(Self {
            config,
            client,
            reader: Reader::new(config)?,
            publisher: DeadLetters::new(config)?,
            rows: LetterRows::new(schema),
            states: LetterStates::new(schema),
            events: RecordedEvents::new(schema),
        })
    }

    /// The letters with a row that the filter lets through, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn read_rows(
        &self,
        filter: &LetterFilter,
        limit: Option<i64>,
    ) -> Result<Vec<LetterRow>, Failure> {
        self.rows.read_letters(&self.client, filter, limit).await
    }

    /// How many records [`LetterStore::find_unrecorded`] reads at most.
    ///
    /// # Errors
    /// Kafka can't be asked.
    pub fn count_published(&self) -> Result<u64, CommandError> {
        let topics = self.config.dead_letter_topics();
        let mut counts = topics
            .iter()
            .map(|topic| self.reader.count_offsets(&topic.name));
        Ok(counts.try_fold(0, |sum, count| Ok::<_, kafka::Error>(sum + count?))?)
    }

    /// All of the group's letters that lie in the dead letter topics, have no row and aren't applied, in
    /// the order of their partitions and offsets; the latest copy of each. Letters that the filters don't
    /// let through are there too, not chosen. `progress` is told of each record that was read.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked.
    pub async fn find_unrecorded(
        &mut self,
        chosen: &ChosenLetters,
        progress: impl Fn(),
    ) -> Result<Vec<Candidate>, CommandError> {
        let (client, events) = (&self.client, &self.events);
        let ask = |ids: Vec<Uuid>| async move { events.find_recorded(client, &ids).await };
        let found = unrecorded::scan_letters(self.config, &mut self.reader, chosen, ask, progress)?;
        Ok(unrecorded::sort_letters(found))
    }

    /// The letter's record as it was read from its source.
    ///
    /// # Errors
    /// Kafka can't be asked.
    pub fn fetch_record(&mut self, letter: &Candidate) -> Result<Fetched, CommandError> {
        let place = &letter.place;
        let source = TopicPartition {
            topic: place.topic.clone(),
            partition: place.partition,
        };
        let at = format!("{source}, offset {}", place.offset);
        let found = self.read_record(&source, place.offset)?;
        let posted = found.as_ref().and_then(Posted::from_record);
        let (Some(found), Some(posted)) = (found, posted) else {
            return Ok(Fetched::Lost(format!(
                "the dead letter topic no longer holds it ({at})"
            )));
        };
        if posted.event_id != letter.event_id {
            return Ok(Fetched::Lost(format!(
                "another letter lies at its place ({at}): was the topic created again?"
            )));
        }
        let Some(bytes) = place.left_out else {
            return Ok(Fetched::Record(posted.restore_record(&found)));
        };
        // too large for its topic: only where it came from there is a whole one
        let (source, offset) = (&letter.source, letter.offset);
        let whole = self.read_record(source, offset)?;
        let timestamp = posted.timestamp.or(found.timestamp);
        let same = |r: &Record| r.timestamp == timestamp && r.payload_bytes() as i64 == bytes;
        Ok(match whole.filter(same) {
            Some(whole) => Fetched::Record(whole),
            None => Fetched::Lost(format!(
                "its {bytes} bytes were too many for the dead letter topic, and {source} no longer holds it at offset {offset}"
            )),
        })
    }

    /// The store's connection, while no transaction is open on it.
    pub fn client(&self) -> &Object {
        &self.client
    }

    /// Begins a transaction on the store's connection.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn begin_transaction(&mut self) -> Result<Transaction<'_>, Failure> {
        begin_pinned(&mut self.client).await
    }

    /// Connects again if the session has ended. Without success the next transaction says why.
    pub async fn reconnect_if_closed(&mut self) {
        if self.client.is_closed()
            && let Ok(client) = open_bookkeeping(self.config).await
        {
            self.client = client;
        }
    }

    /// Publishes a new copy of the letter with new headers, which replace the old ones, and lets the row
    /// point to the copy.
    ///
    /// # Errors
    /// Kafka doesn't take the copy, or Postgres can't be asked.
    pub async fn record_failure(
        &self,
        letter: &Candidate,
        record: &Record,
        cause: &Cause,
    ) -> Result<(), Failure> {
        let Some(id) = letter.row else {
            return Ok(()); // the worker will meet its event, and enter it
        };
        let unpublished = UnpublishedLetter {
            record,
            event_id: letter.event_id,
            table: letter.table.as_deref().unwrap_or_default(),
            cause,
        };
        let place = self.publisher.publish(&unpublished).await?;
        self.states
            .update_cause(&self.client, id, cause, &place)
            .await
    }

    fn read_record(
        &mut self,
        source: &TopicPartition,
        offset: i64,
    ) -> Result<Option<Record>, CommandError> {
        // reading blocks its thread, and nothing else is to be done meanwhile
        Ok(tokio::task::block_in_place(|| {
            self.reader.read(source, offset)
        })?)
    }
}
