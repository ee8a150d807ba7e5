//! Which letters a command is about: what the command line says, as the ledger asks for rows, and as it
//! is looked for among letters that have none.

use crate::cli::{ChosenLetters, LetterFilters, LetterId};
use crate::ledger::letter_filter::LetterFilter;
use crate::letter::LetterState;
use crate::operator::dlq::candidate::Candidate;

/// The rows that the filters let through; `states`: empty for any.
pub fn filter_rows(filters: &LetterFilters, states: &[LetterState]) -> LetterFilter {
    LetterFilter {
        topics: filters.topic.clone(),
        tables: filters.table.clone(),
        reasons: filters.reason.clone(),
        failed_since: filters.since,
        states: states.to_vec(),
        ..LetterFilter::default()
    }
}

/// The rows that the filters let through and, if letters are named, that are among the named ones.
pub fn filter_chosen_rows(chosen: &ChosenLetters, states: &[LetterState]) -> LetterFilter {
    LetterFilter {
        numbers: numbers_of(&chosen.id),
        event_ids: events_of(&chosen.id),
        ..filter_rows(&chosen.filters, states)
    }
}

/// The rows of the named letters.
pub fn filter_named_rows(ids: &[LetterId]) -> LetterFilter {
    LetterFilter {
        numbers: numbers_of(ids),
        event_ids: events_of(ids),
        ..LetterFilter::default()
    }
}

/// The same on a letter without a row.
pub fn is_chosen(chosen: &ChosenLetters, letter: &Candidate) -> bool {
    let among =
        |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|w| w == found);
    let filters = &chosen.filters;
    (chosen.id.is_empty() || chosen.id.iter().any(|id| is_named(id, letter)))
        && among(&filters.topic, &letter.source.topic)
        && among(&filters.table, letter.table.as_deref().unwrap_or_default())
        && among(&filters.reason, &letter.reason)
        && filters
            .since
            .is_none_or(|since| letter.last_failed_at >= since)
}

/// Whether a letter without a row is meant: it has no number.
pub fn is_named(id: &LetterId, letter: &Candidate) -> bool {
    matches!(id, LetterId::Event(event) if *event == letter.event_id)
}

fn numbers_of(ids: &[LetterId]) -> Vec<i64> {
    let numbers = ids.iter().filter_map(|id| match id {
        LetterId::Row(number) => Some(*number),
        LetterId::Event(_) => None,
    });
    numbers.collect()
}

fn events_of(ids: &[LetterId]) -> Vec<uuid::Uuid> {
    let events = ids.iter().filter_map(|id| match id {
        LetterId::Row(_) => None,
        LetterId::Event(event) => Some(*event),
    });
    events.collect()
}
