//! A letter that is refused: why, and what its headers and its row are to say of it.

use crate::format::undecodable::Undecodable;
use crate::letter::Cause;
use crate::operator::dlq::candidate::Candidate;
use crate::verdict::{Failure, Verdict};

/// Why a letter isn't in.
#[derive(Debug)]
pub enum Refusal {
    /// The record can't be a change.
    Undecodable(Undecodable),
    /// Postgres, or a look at the letter's table, refuses the change, or Postgres can't be asked.
    Failure(Failure),
    /// The table isn't what it was taken to be. That tells nothing of the letter, which is to be tried again.
    TableAltered,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failure(failure)
    }
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Refusal::Failure(error.into())
    }
}

impl Refusal {
    /// Whether the letter's record is to blame: only then is the letter marked as failed again.
    pub fn is_of_record(&self) -> bool {
        match self {
            Refusal::Undecodable(_) => true,
            Refusal::Failure(f) => matches!(f.verdict, Verdict::Reject(_) | Verdict::Early),
            Refusal::TableAltered => false,
        }
    }

    /// Whether a row that the letter's foreign key names isn't there, and may come with another letter.
    pub fn may_lack_parent(&self) -> bool {
        matches!(self, Refusal::Failure(f) if f.verdict == Verdict::Early)
    }

    /// What the letter's headers and row are to say: one attempt more, since the letter failed first.
    pub fn into_cause(self, letter: &Candidate) -> Cause {
        let (attempts, since) = (letter.attempts.saturating_add(1), letter.first_failed_at);
        match self {
            Refusal::Undecodable(u) => Cause {
                first_failed_at: since,
                ..Cause::new(u.reason, u.stage, u.message, attempts)
            },
            Refusal::Failure(failure) => Cause::of(&failure, attempts, Some(since)),
            Refusal::TableAltered => {
                let why = "the letter's table is being altered again and again; replay the letter once that is over";
                let failure = Failure::new(Verdict::Retry, why);
                Cause::of(&failure, attempts, Some(since))
            }
        }
    }
}
