//! `landfall dlq discard`: letters that nobody will replay. Their rows stay, marked.

use std::io::{BufRead as _, Write as _};

use deadpool_postgres::Object;

use crate::cli::Discard;
use crate::operator::dlq::filter::{LetterId, Selection};
use crate::operator::dlq::row::{COLUMNS, Letter, State};
use crate::operator::terminal::{self, counted};
use crate::rows::sql::quote;
use crate::verdict::{Failure, Verdict};

/// # Errors
/// As Postgres says; or a letter that is named can't be discarded, or the answer was no: then none is.
pub async fn discard(client: &Object, schema: &str, discard: &Discard) -> Result<(), Failure> {
    refuse_if_any_is_done_with(client, schema, &discard.chosen.id).await?;
    // just those that were counted, whatever is put aside while somebody thinks about it
    let letters = parked(
        client,
        schema,
        &Selection::of(&discard.chosen, &[State::Parked]),
    )
    .await?;
    let count = letters.len() as i64;
    if count == 0 {
        terminal::print("no such letters are parked: nothing to discard\n");
        return Ok(());
    }
    if !discard.yes && !confirmed(count) {
        return Err(refusal("nothing was discarded".to_owned()));
    }
    let sql = format!(
        "UPDATE {}.dead_letters SET state = 'discarded', state_changed_at = now() WHERE id = ANY($1) AND state = 'parked'",
        quote(schema)
    );
    let discarded = client.execute(&sql, &[&letters]).await? as i64;
    terminal::print(&format!("{} discarded\n", counted(discarded, "letter")));
    if discarded < count {
        let passed = counted(count - discarded, "letter");
        terminal::print(&format!("{passed} left as they are: no longer parked\n"));
    }
    Ok(())
}

async fn parked(client: &Object, schema: &str, selection: &Selection) -> Result<Vec<i64>, Failure> {
    let sql = format!(
        "SELECT id FROM {}.dead_letters WHERE {}",
        quote(schema),
        selection.condition()
    );
    let rows = client.query(&sql, &selection.parameters()).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Who names a letter expects it to be there and parked. One that is discarded already is as wished.
async fn refuse_if_any_is_done_with(
    client: &Object,
    schema: &str,
    ids: &[LetterId],
) -> Result<(), Failure> {
    let mut named = Selection::default();
    named.require_one_of(ids);
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {}.dead_letters WHERE {}",
        quote(schema),
        named.condition()
    );
    let rows = client.query(&sql, &named.parameters()).await?;
    let letters: Vec<Letter> = rows.iter().map(Letter::of).collect::<Result<_, _>>()?;
    let wrong: Vec<String> = ids
        .iter()
        .filter_map(|id| match letters.iter().find(|letter| id.names(letter)) {
            None => Some(format!("there is no letter {id}")),
            Some(letter) => match letter.state {
                State::Parked | State::Discarded => None,
                done => Some(format!(
                    "letter {id} is {done}, and only parked ones can be discarded"
                )),
            },
        })
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(refusal(format!(
            "{}; nothing was discarded",
            wrong.join("; ")
        ))),
    }
}

fn refusal(message: String) -> Failure {
    Failure::new(Verdict::Systemic, message)
}

/// Asks on standard error, so that standard output is the result alone.
fn confirmed(count: i64) -> bool {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "Discard {}? [y/N] ", counted(count, "letter"));
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
