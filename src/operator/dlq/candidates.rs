//! Which letters a replay is about, in the order in which they go in.

use deadpool_postgres::Object;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Replay;
use crate::config::Config;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::filter::{LetterId, Selection};
use crate::operator::dlq::replayer::Workshop;
use crate::operator::dlq::row::{COLUMNS, Letter, State};
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// Those with a row, oldest first, and after them those that lie in the topic alone: these are of
/// events that come after all that have a row. Of the latter those that aren't chosen are there too,
/// since they have a place in the order.
///
/// # Errors
/// Kafka or Postgres can't be asked, or there is no letter that was named.
pub async fn choose(
    config: &Config,
    workshop: &mut Workshop<'_>,
    replay: &Replay,
) -> Result<Vec<Candidate>, String> {
    let schema = &config.postgres.schema;
    let mut letters = with_rows(workshop.client(), schema, replay)
        .await
        .map_err(|f| f.to_string())?;
    let named = |id: &LetterId| match id {
        LetterId::Row(row) => letters.iter().any(|l| l.row == Some(*row)),
        LetterId::Event(event) => letters.iter().any(|l| l.event_id == *event),
    };
    let ids = &replay.chosen.id;
    let by_number = |id: &&LetterId| matches!(id, LetterId::Row(_)) && !named(id);
    if let Some(id) = ids.iter().find(by_number) {
        return Err(no_letter(*id));
    }
    let only_rows = !ids.is_empty() && ids.iter().all(named);
    if !only_rows {
        let reading = bar(workshop
            .reader()
            .count_offsets(&config.dead_letter_topic())?);
        reading.set_message("reading the dead letter topic");
        letters.extend(workshop.strays(&replay.chosen, || reading.inc(1)).await?);
        reading.finish_and_clear();
    }
    let chosen = |event: &uuid::Uuid| {
        let mut chosen = letters.iter().filter(|l| l.chosen);
        chosen.any(|l| l.event_id == *event)
    };
    let by_event = |id: &&LetterId| matches!(id, LetterId::Event(event) if !chosen(event));
    if let Some(id) = ids.iter().find(by_event) {
        return Err(no_letter(*id));
    }
    if let Some(limit) = replay.limit {
        let beyond = letters.iter_mut().filter(|l| l.chosen);
        beyond.skip(limit as usize).for_each(|l| l.chosen = false);
        letters.retain(|l| l.chosen || l.row.is_none());
    }
    Ok(letters)
}

async fn with_rows(
    client: &Object,
    schema: &str,
    replay: &Replay,
) -> Result<Vec<Candidate>, Failure> {
    let states: &[State] = match (replay.chosen.id.is_empty(), replay.force) {
        (true, false) => &[State::Parked],
        (true, true) => &[State::Parked, State::Superseded, State::Discarded],
        (false, _) => &[],
    };
    let selection = Selection::of(&replay.chosen, states);
    let sql = format!(
        "SELECT {COLUMNS} FROM {}.dead_letters WHERE {} ORDER BY id",
        quote(schema),
        selection.condition()
    );
    let rows = client.query(&sql, &selection.parameters()).await?;
    let letters = rows
        .iter()
        .map(|row| Ok(Candidate::of_row(Letter::of(row)?)));
    letters.collect()
}

pub fn no_letter(id: LetterId) -> String {
    format!("there is no letter {id}; `landfall dlq list --state all` shows them")
}

/// On standard error, and only if that is a terminal.
pub fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(length);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
