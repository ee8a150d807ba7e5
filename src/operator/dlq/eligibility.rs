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
    /// key, whatever the state of the later one: the earlier letter could go in later, over newer data.
    pub fn of_row(row: Option<LockedLetter>, force: bool) -> Self {
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
            (_, Some(first)) if force => {
                Eligibility::Refused(ReplayOutcome::Behind(first.to_string()))
            }
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::*;
    use crate::letter::Place;
    use crate::record::TopicPartition;

    fn unrecorded(reason: Reason) -> Candidate {
        Candidate {
            chosen: true,
            row: None,
            event_id: Uuid::from_u128(1),
            state: LetterState::Parked,
            source: TopicPartition {
                topic: "orders".into(),
                partition: 0,
            },
            offset: 5,
            table: None,
            key: None,
            key_hashes: None,
            reason: reason.name().to_owned(),
            attempts: 1,
            first_failed_at: SystemTime::UNIX_EPOCH,
            last_failed_at: SystemTime::UNIX_EPOCH,
            place: Place {
                topic: "g.dlq".into(),
                partition: 0,
                offset: 0,
                left_out: None,
            },
        }
    }

    #[test]
    fn a_letters_row_decides_and_an_earlier_letter_of_its_key_goes_first() {
        let judge = |state, first_parked_before, force| {
            let row = LockedLetter {
                state,
                first_parked_before,
            };
            format!("{:?}", Eligibility::of_row(Some(row), force))
        };
        use LetterState::{Discarded, Parked, Replayed, Superseded};
        for force in [false, true] {
            assert_eq!(judge(Parked, None, force), "MayGoIn");
            assert_eq!(judge(Parked, Some(1), force), "Refused(Behind(\"1\"))");
            let replayed = "Refused(NotParked(Replayed))";
            assert_eq!(judge(Replayed, None, force), replayed);
            assert_eq!(judge(Replayed, Some(1), force), replayed);
        }
        for state in [Superseded, Discarded] {
            let by_force = format!("OnlyByForce(Is({state:?}))");
            assert_eq!(judge(state, None, true), by_force);
            assert_eq!(judge(state, Some(1), false), by_force);
            assert_eq!(judge(state, Some(1), true), "Refused(Behind(\"1\"))");
        }
    }

    #[test]
    fn a_letter_without_a_row_goes_in_only_where_nothing_behind_it_was_applied() {
        let unknown = EventStanding {
            is_applied: false,
            letter: None,
        };
        let judge = |reason, watermark, keeps_ids| {
            let letter = unrecorded(reason);
            let judged = Eligibility::of_unrecorded(&letter, watermark, unknown, keeps_ids);
            (format!("{judged:?}"), judged.holds_up_followers())
        };
        let left_to_worker = ("OnlyByForce(LeftToWorker)".to_owned(), true);
        let (diverted, refused) = (Reason::Unavailable, Reason::Value);
        assert_eq!(judge(diverted, Some(5), true), ("MayGoIn".to_owned(), true));
        assert_eq!(judge(diverted, Some(5), false), left_to_worker);
        assert_eq!(judge(refused, Some(5), true), left_to_worker);
        assert_eq!(judge(diverted, None, true), left_to_worker);
        let passed = ("OnlyByForce(Unordered)".to_owned(), false);
        assert_eq!(judge(diverted, Some(6), true), passed);

        let applied = EventStanding {
            is_applied: true,
            ..unknown
        };
        let letter = unrecorded(diverted);
        let judged = Eligibility::of_unrecorded(&letter, Some(5), applied, true);
        assert!(matches!(
            judged,
            Eligibility::Refused(ReplayOutcome::InAlready)
        ));
    }
}
