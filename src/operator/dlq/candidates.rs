//! Which letters a replay is about, in the order in which they go in.

use uuid::Uuid;

use crate::cli::{LetterId, Replay};
use crate::letter::LetterState;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::filter::filter_chosen_rows;
use crate::operator::dlq::letter_store::LetterStore;
use crate::operator::dlq::progress_bar::new_progress_bar;

/// The letters with a row, oldest first, and after them the letters that lie in the topic alone: these
/// are of events that come after all that have a row. Of the latter those that aren't chosen are there
/// too, since they have a place in the order.
///
/// # Errors
/// Kafka or Postgres can't be asked, or there is no letter that was named.
pub async fn find_candidates(
    store: &mut LetterStore<'_>,
    replay: &Replay,
) -> Result<Vec<Candidate>, CommandError> {
    let mut letters = read_recorded(store, replay).await?;
    let named = |id: &LetterId| match id {
        LetterId::Row(row) => letters.iter().any(|l| l.row == Some(*row)),
        LetterId::Event(event) => letters.iter().any(|l| l.event_id == *event),
    };
    let ids = &replay.chosen.id;
    let by_number = |id: &&LetterId| matches!(id, LetterId::Row(_)) && !named(id);
    if let Some(id) = ids.iter().find(by_number) {
        return Err(no_such_letter(*id));
    }
    // those without a row come after all that have one
    let suffice = |limit| letters.len() >= limit as usize;
    let only_rows = match replay.limit {
        Some(limit) if ids.is_empty() => suffice(limit),
        _ => !ids.is_empty() && ids.iter().all(named),
    };
    if !only_rows {
        let reading = new_progress_bar(store.count_published()?);
        reading.set_message("reading the dead letter topics");
        let found = store.find_unrecorded(&replay.chosen, || reading.inc(1));
        letters.extend(found.await?);
        reading.finish_and_clear();
    }
    let chosen = |event: &Uuid| {
        let mut chosen = letters.iter().filter(|l| l.chosen);
        chosen.any(|l| l.event_id == *event)
    };
    let by_event = |id: &&LetterId| matches!(id, LetterId::Event(event) if !chosen(event));
    if let Some(id) = ids.iter().find(by_event) {
        return Err(no_such_letter(*id));
    }
    if let Some(limit) = replay.limit {
        let beyond = letters.iter_mut().filter(|l| l.chosen);
        beyond.skip(limit as usize).for_each(|l| l.chosen = false);
        letters.retain(|l| l.chosen || l.row.is_none());
    }
    Ok(letters)
}

async fn read_recorded(
    store: &LetterStore<'_>,
    replay: &Replay,
) -> Result<Vec<Candidate>, CommandError> {
    let states: &[LetterState] = match (replay.chosen.id.is_empty(), replay.force) {
        (true, false) => &[LetterState::Parked],
        (true, true) => &[
            LetterState::Parked,
            LetterState::Superseded,
            LetterState::Discarded,
        ],
        (false, _) => &[],
    };
    let filter = filter_chosen_rows(&replay.chosen, states);
    let limit = replay.limit.filter(|_| replay.chosen.id.is_empty());
    let rows = store.read_rows(&filter, limit.map(i64::from)).await?;
    Ok(rows.into_iter().map(Candidate::from_row).collect())
}

/// The error of who names a letter that isn't there.
pub fn no_such_letter(id: LetterId) -> CommandError {
    let known = "`landfall dlq list --state all` shows them";
    CommandError::Refused(format!("there is no letter {id}; {known}"))
}
