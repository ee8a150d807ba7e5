//! The stages of a batch's way from Kafka to Postgres and back, by which its time is told.

use std::time::{Duration, Instant};

use tracing::{Instrument as _, Span};

use super::record_stage;
use crate::watch::spans;

/// A stage of a batch's way: the `stage` label of [`STAGE_SECONDS`](super::STAGE_SECONDS). Those of the transaction are named
/// for what their statements do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the first record that is there to a batch.
    Collect,
    /// Held back by `apply.rate`.
    Rate,
    /// Records become changes.
    Decode,
    /// Waiting for a connection, or for one to be opened.
    Connect,
    /// Tables are looked up and made what events ask for, and changes become rows.
    Resolve,
    /// The ledger is made ready for the days of the events.
    Days,
    /// BEGIN.
    Begin,
    /// The watermarks move.
    Watermarks,
    /// Letters that were published while Postgres was away get their rows.
    OwedLetters,
    /// Ids are entered.
    EventIds,
    /// Rows are written, with whatever tells their order.
    Rows,
    /// Rejects are delivered to the dead letter topic.
    Delivery,
    /// Rejects get their rows.
    Letters,
    /// Waiting for Kafka to confirm that the topics are the same still.
    TopicCheck,
    /// COMMIT.
    Commit,
    /// The offsets are committed to Kafka, beside what the lane does next.
    OffsetCommit,
}

impl Stage {
    /// Every stage there is, in their order.
    pub const ALL: [Stage; 16] = [
        Stage::Collect,
        Stage::Rate,
        Stage::Decode,
        Stage::Connect,
        Stage::Resolve,
        Stage::Days,
        Stage::Begin,
        Stage::Watermarks,
        Stage::OwedLetters,
        Stage::EventIds,
        Stage::Rows,
        Stage::Delivery,
        Stage::Letters,
        Stage::TopicCheck,
        Stage::Commit,
        Stage::OffsetCommit,
    ];

    /// The value of the label.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Collect => "collect",
            Stage::Rate => "rate",
            Stage::Decode => "decode",
            Stage::Connect => "connect",
            Stage::Resolve => "resolve",
            Stage::Days => "days",
            Stage::Begin => "begin",
            Stage::Watermarks => "watermarks",
            Stage::OwedLetters => "owed_letters",
            Stage::EventIds => "event_ids",
            Stage::Rows => "rows",
            Stage::Delivery => "delivery",
            Stage::Letters => "letters",
            Stage::TopicCheck => "topic_check",
            Stage::Commit => "commit",
            Stage::OffsetCommit => "offset_commit",
        }
    }

    /// Its span. Work that is a statement, or that sends something, has the span of that, which says more; or none, where
    /// there is nothing to do.
    fn span(self) -> Span {
        match self {
            Stage::Begin
            | Stage::Watermarks
            | Stage::OwedLetters
            | Stage::EventIds
            | Stage::Delivery
            | Stage::Letters
            | Stage::Commit
            | Stage::OffsetCommit => Span::none(),
            own => spans::step(own.name()),
        }
    }

    /// Does the work of the stage, in its span, and records how long it takes, also if it fails. Dropped before its
    /// end, it records nothing.
    pub async fn time<T>(self, work: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let done = work.instrument(self.span()).await;
        self.note(since.elapsed());
        done
    }

    /// The same for work that waits for nobody.
    pub fn time_now<T>(self, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let done = self.span().in_scope(work);
        self.note(since.elapsed());
        done
    }

    /// Records how long it took.
    pub fn note(self, took: Duration) {
        record_stage(self.name(), took);
    }
}
