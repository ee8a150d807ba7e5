//! A letter that is refused: why, and what its headers and its row are to say of it.

use std::time::SystemTime;

use crate::format::undecodable::Undecodable;
use crate::letter::{Cause, Stage};
use crate::operator::dlq::candidate::Candidate;
use crate::verdict::{Failure, Reason, Verdict};

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

/// What Postgres said.
pub fn refused(error: tokio_postgres::Error) -> Refusal {
    Refusal::Failure(error.into())
}

/// What the letter's headers and row are to say, and whether it is the letter's own fault.
pub fn cause_of(refusal: Refusal, letter: &Candidate) -> (Cause, bool) {
    let (reason, stage, sqlstate, message, own) = match refusal {
        Refusal::Undecodable(u) => (u.reason.name(), u.stage, None, u.message, true),
        Refusal::Failure(f) => {
            let (reason, own) = match f.verdict {
                Verdict::Reject(reason) => (reason.name(), true),
                Verdict::Early => (Reason::Constraint.name(), true),
                Verdict::Retry => (Reason::Contention.name(), false),
                Verdict::Unavailable => (Reason::Unavailable.name(), false),
                // no letter's reason: nothing is wrong with it
                Verdict::Systemic => ("systemic", false),
            };
            (reason, Stage::TaskPut, f.sqlstate, f.message, own)
        }
    };
    let cause = Cause {
        reason,
        stage,
        sqlstate,
        message,
        attempts: letter.attempts.saturating_add(1),
        first_failed_at: letter.first_failed_at,
        last_failed_at: SystemTime::now(),
    };
    (cause, own)
}
