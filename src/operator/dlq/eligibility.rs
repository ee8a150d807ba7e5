//! Whether a letter may be put in: what its row says, or what can be said without one.

use crate::ledger::letter_states::LockedLetter;
use crate::ledger::recorded_events::EventStanding;
use crate::letter::LetterState;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::{ForceReason, ReplayOutcome};
use crate::verdict::Reason;

/// Whether a letter may be put in.
#[derive(Debug)]
pub enum Eligibility {
    /// Nothing newer can be overwritten.
    MayGoIn,
    /// The letter could overwrite newer data.
    OnlyByForce(ForceReason),
    /// Not even by force.
    Refused(ReplayOutcome),
}

impl Eligibility {
    /// Judges a letter by its row, which is locked. Force doesn't jump over an earlier letter of the
    /// key: the earlier letter could go in later, over newer data.
    pub fn of_row(row: Option<LockedLetter>) -> Self {
        let Some(row) = row else {
            // forgotten while we were about it
            return Eligibility::Refused(ReplayOutcome::NotParked(LetterState::Discarded));
        };
        match (row.state, row.first_parked_before) {
            (LetterState::Replayed, _) => {
                Eligibility::Refused(ReplayOutcome::NotParked(LetterState::Replayed))
            }
            (LetterState::Parked, Some(first)) => {
                Eligibility::Refused(ReplayOutcome::Behind(first.to_string()))
            }
            (LetterState::Parked, None) => Eligibility::MayGoIn,
            (state, _) => Eligibility::OnlyByForce(ForceReason::Is(state)),
        }
    }

    /// Judges a letter without a row. Such a letter may only be replayed where it is certain what came
    /// before and after its event: the event was diverted while Postgres was away, and the watermark
    /// hasn't got past it, so that nothing behind it has been applied; and only if the worker will
    /// recognise the event by its id (`keeps_ids`).
    pub fn of_unrecorded(
        letter: &Candidate,
        watermark: Option<i64>,
        standing: EventStanding,
        keeps_ids: bool,
    ) -> Self {
        if standing.is_applied {
            return Eligibility::Refused(ReplayOutcome::InAlready);
        }
        if let Some(entered) = standing.letter {
            return Eligibility::Refused(ReplayOutcome::NotParked(entered));
        }
        let diverted = letter.reason == Reason::Unavailable.name();
        match watermark {
            // never applied, or forgotten: what comes before it isn't in either
            None => Eligibility::OnlyByForce(ForceReason::LeftToWorker),
            Some(watermark) if letter.offset < watermark => {
                Eligibility::OnlyByForce(ForceReason::Unordered)
            }
            Some(_) if diverted && keeps_ids => Eligibility::MayGoIn,
            Some(_) => Eligibility::OnlyByForce(ForceReason::LeftToWorker),
        }
    }

    /// Whether a letter without a row keeps the letters behind it waiting: it can still go in, by a
    /// replay or by the worker.
    pub fn holds_up_followers(&self) -> bool {
        matches!(
            self,
            Eligibility::MayGoIn | Eligibility::OnlyByForce(ForceReason::LeftToWorker)
        )
    }
}
