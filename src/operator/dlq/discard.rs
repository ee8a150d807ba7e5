//! `landfall dlq discard`: letters that nobody will replay. Their rows stay, marked.

use std::io::{BufRead as _, Write as _};

use deadpool_postgres::Object;

use crate::cli::{Discard, LetterId};
use crate::ledger::letter_rows::LetterRows;
use crate::ledger::letter_states::LetterStates;
use crate::letter::LetterState;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::filter::{filter_chosen_rows, filter_named_rows};
use crate::operator::terminal::{self, counted};

/// Gives up the parked letters that are asked for, once somebody has agreed.
///
/// # Errors
/// Postgres can't be asked; or a letter that is named can't be discarded, or the answer was no: then
/// none is.
pub async fn discard_letters(
    client: &Object,
    schema: &str,
    discard: &Discard,
) -> Result<(), CommandError> {
    let rows = LetterRows::new(schema);
    refuse_if_any_is_done_with(client, &rows, &discard.chosen.id).await?;
    // just those that were counted, whatever is put aside while somebody thinks about it
    let parked = filter_chosen_rows(&discard.chosen, &[LetterState::Parked]);
    let letters = rows.read_numbers(client, &parked).await?;
    let count = letters.len() as i64;
    if count == 0 {
        terminal::print("no such letters are parked: nothing to discard\n");
        return Ok(());
    }
    if !discard.yes && !ask_to_discard(count) {
        return Err(CommandError::Refused("nothing was discarded".to_owned()));
    }
    let states = LetterStates::new(schema);
    let discarded = states.discard_letters(client, &letters).await? as i64;
    terminal::print(&format!("{} discarded\n", counted(discarded, "letter")));
    if discarded < count {
        let passed = counted(count - discarded, "letter");
        terminal::print(&format!("{passed} left as they are: no longer parked\n"));
    }
    Ok(())
}

/// Who names a letter expects it to be there and parked. One that is discarded already is as wished.
async fn refuse_if_any_is_done_with(
    client: &Object,
    rows: &LetterRows,
    ids: &[LetterId],
) -> Result<(), CommandError> {
    if ids.is_empty() {
        return Ok(());
    }
    let named = filter_named_rows(ids);
    let letters = rows.read_letters(client, &named, None).await?;
    let wrong = ids.iter().filter_map(|id| {
        let named = letters.iter().find(|row| id.is_of(row.id, row.event_id));
        match named.map(|row| row.state) {
            None => Some(format!("there is no letter {id}")),
            Some(LetterState::Parked | LetterState::Discarded) => None,
            Some(done) => Some(format!(
                "letter {id} is {done}, and only parked ones can be discarded"
            )),
        }
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong = wrong.join("; ");
    Err(CommandError::Refused(format!(
        "{wrong}; nothing was discarded"
    )))
}

/// Asks on standard error, so that standard output is the result alone.
fn ask_to_discard(count: i64) -> bool {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "Discard {}? [y/N] ", counted(count, "letter"));
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
