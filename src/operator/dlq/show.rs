//! `landfall dlq show`: everything that is known of one letter.

use deadpool_postgres::Object;

use crate::cli::{ChosenLetters, LetterId, Show};
use crate::config::Config;
use crate::ledger::letter_filter::LetterFilter;
use crate::ledger::letter_rows::LetterRow;
use crate::letter::KeyHashes;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::apply_letter::LetterApplier;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::candidates::no_such_letter;
use crate::operator::dlq::filter::filter_named_rows;
use crate::operator::dlq::letter_store::{Fetched, LetterStore};
use crate::operator::dlq::replayer::Replayer;
use crate::operator::dlq::shown_letter::ShownLetter;
use crate::operator::dlq::unrecorded;
use crate::operator::terminal;
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::Failure;

/// A key of which every event was refused may have very many.
const MAX_OTHERS: i64 = 1_000;

/// Prints a letter: its row, its record, its key's other letters, what a replay would do.
///
/// # Errors
/// Kafka or Postgres can't be asked, or there is no such letter.
pub async fn show_letter(config: &Config, client: Object, show: &Show) -> Result<(), CommandError> {
    let mut replayer = Replayer::new(config, client, false)?;
    let named = filter_named_rows(&[show.id]);
    let row = replayer.store.read_rows(&named, None).await?.pop();
    let mut group = match &row {
        Some(row) => vec![Candidate::from_row(row.clone())],
        None => find_unrecorded_up_to(show.id, &mut replayer.store).await?,
    };
    // what comes before it in its group is tried too: the letter would be replayed after it
    group.iter_mut().for_each(|letter| letter.chosen = true);
    let Some(letter) = group.last().cloned() else {
        return Err(no_such_letter(show.id));
    };
    let others = match letter.key_hashes {
        Some(keys) => read_others(&replayer.store, keys, letter.row).await?,
        None => Vec::new(),
    };
    let record = replayer.store.fetch_record(&letter)?;
    let outcome = replayer.dry_run_group(&group).await?.pop();
    let shown = ShownLetter {
        letter,
        row,
        record: show_as_json(record, &replayer.applier),
        others,
        outcome,
    };
    if show.json {
        terminal::print_json(&shown.to_json());
    } else {
        terminal::print(&shown.to_text());
    }
    Ok(())
}

/// The letters without a row of one partition, up to this one, with which it would be replayed; empty
/// if there is no such letter.
async fn find_unrecorded_up_to(
    id: LetterId,
    store: &mut LetterStore<'_>,
) -> Result<Vec<Candidate>, CommandError> {
    let LetterId::Event(event) = id else {
        return Ok(Vec::new()); // a letter with a number has a row
    };
    let only = ChosenLetters {
        id: vec![id],
        ..ChosenLetters::default()
    };
    let letters = store.find_unrecorded(&only, || ()).await?;
    Ok(unrecorded::keep_up_to(letters, event))
}

/// The other letters of the key, or of both keys, oldest first, of the oldest thousand.
async fn read_others(
    store: &LetterStore<'_>,
    keys: KeyHashes,
    own: Option<i64>,
) -> Result<Vec<LetterRow>, Failure> {
    let of_key = LetterFilter {
        key_hashes: keys.iter_hashes().collect(),
        ..LetterFilter::default()
    };
    let mut letters = store.read_rows(&of_key, Some(MAX_OTHERS)).await?;
    letters.retain(|letter| Some(letter.id) != own);
    Ok(letters)
}

/// What was written by a schema of a registry becomes the JSON that it means.
fn show_as_json(record: Fetched, applier: &LetterApplier) -> Fetched {
    let Fetched::Record(record) = record else {
        return record;
    };
    let as_json = |bytes: Option<&[u8]>| applier.message_as_json(bytes).map(String::into_bytes);
    let key = as_json(record.key.as_deref());
    let value = as_json(record.value.as_ref().map(Body::whole_value).as_deref());
    Fetched::Record(Record {
        key: key.map(Into::into).or(record.key),
        value: value.map(Body::from).or(record.value),
        ..record
    })
}
