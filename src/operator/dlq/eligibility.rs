//! How a letter stands: what its row says, or what can be said without one.

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::operator::dlq::apply::Attempts;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::{Outcome, Why};
use crate::operator::dlq::refusal::Refusal;
use crate::operator::dlq::row::State;
use crate::verdict::Reason;

/// Whether a letter may be put in.
pub enum May {
    GoIn,
    /// It could overwrite newer data.
    ByForce(Why),
    /// Not even by force.
    Not(Outcome),
}

impl May {
    /// Whether a letter without a row keeps those behind it waiting: it can still go in, by a replay
    /// or by the worker.
    pub fn holds_up(&self) -> bool {
        matches!(self, May::GoIn | May::ByForce(Why::LeftToWorker))
    }
}

impl Attempts {
    /// Looks at the letter's row, and locks it. Force doesn't jump over an earlier letter of the key:
    /// that one could go in later, over newer data.
    pub(super) async fn by_row(&self, tx: &Transaction<'_>, id: i64) -> Result<May, Refusal> {
        let sql = format!(
            "SELECT d.state, (SELECT min(e.id) FROM {0}.dead_letters e \
             WHERE e.state = 'parked' AND e.key_hash = d.key_hash AND e.id < d.id) \
             FROM {0}.dead_letters d WHERE d.id = $1 FOR UPDATE OF d",
            self.schema
        );
        let row = tx.query_typed(&sql, &[(&id, Type::INT8)]).await?;
        let Some(row) = row.first() else {
            // forgotten while we were about it
            return Ok(May::Not(Outcome::NotParked(State::Discarded)));
        };
        let first: Option<i64> = row.get(1);
        Ok(match (state(row.get(0)), first) {
            (State::Replayed, _) => May::Not(Outcome::NotParked(State::Replayed)),
            (State::Parked, Some(first)) => May::Not(Outcome::Behind(first.to_string())),
            (State::Parked, None) => May::GoIn,
            (state, _) => May::ByForce(Why::Is(state)),
        })
    }

    /// A letter without a row may only be replayed where it is certain what came before and after its
    /// event: it was diverted while Postgres was away, and the watermark hasn't got past it, so that
    /// nothing behind it has been applied; and only if the worker will recognise its event by its id.
    pub(super) async fn without_row(
        &self,
        tx: &Transaction<'_>,
        letter: &Candidate,
    ) -> Result<May, Refusal> {
        let sql = format!(
            "SELECT next_offset FROM {}.partitions WHERE topic = $1 AND partition = $2 FOR SHARE",
            self.schema
        );
        let (topic, partition) = (&*letter.source.topic, letter.source.partition);
        let rows = tx
            .query_typed(&sql, &[(&topic, Type::TEXT), (&partition, Type::INT4)])
            .await?;
        let watermark = rows.first().map(|row| row.get::<_, i64>(0));
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {0}.processed_events WHERE id = $1), \
             (SELECT state FROM {0}.dead_letters WHERE event_id = $1)",
            self.schema
        );
        let row = tx
            .query_typed_one(&sql, &[(&letter.event_id, Type::UUID)])
            .await?;
        if row.get(0) {
            return Ok(May::Not(Outcome::InAlready));
        }
        if let Some(entered) = row.get::<_, Option<String>>(1) {
            return Ok(May::Not(Outcome::NotParked(state(entered))));
        }
        let diverted = letter.reason == Reason::Unavailable.name();
        Ok(match watermark {
            // never applied, or forgotten: what comes before it isn't in either
            None => May::ByForce(Why::LeftToWorker),
            Some(watermark) if letter.offset < watermark => May::ByForce(Why::Unordered),
            Some(_) if diverted && self.keeps_ids => May::GoIn,
            Some(_) => May::ByForce(Why::LeftToWorker),
        })
    }

    /// The first letter of the key that can still be replayed.
    pub(super) async fn parked_of(
        &self,
        tx: &Transaction<'_>,
        key: i64,
    ) -> Result<Option<i64>, Refusal> {
        let sql = format!(
            "SELECT min(id) FROM {}.dead_letters WHERE state = 'parked' AND key_hash = $1",
            self.schema
        );
        let row = tx.query_typed_one(&sql, &[(&key, Type::INT8)]).await?;
        Ok(row.get(0))
    }
}

/// One that this build doesn't know is none that it may replay.
fn state(name: String) -> State {
    let known = State::ALL.into_iter().find(|s| s.name() == name);
    known.unwrap_or(State::Discarded)
}
