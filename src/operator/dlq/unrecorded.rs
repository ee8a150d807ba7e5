//! Letters that lie in the dead letter topics and have no row: published in `dead_letter` mode while
//! Postgres was away, or by an attempt that came to nothing. Found by reading the topics.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use uuid::Uuid;

use crate::cli::{ChosenLetters, LetterId};
use crate::config::Config;
use crate::kafka::{self, reader::Reader};
use crate::ledger::recorded_events::RecordedIn;
use crate::letter::Place;
use crate::letter::headers::Posted;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::filter::{is_chosen, is_named};
use crate::record::Record;
use crate::verdict::Failure;

/// Letters of which it is asked at once whether they are recorded.
const ASKED_AT_ONCE: usize = 1_000;

/// The latest copy of each of the group's letters in their topics that aren't recorded, by its event id; letters that the
/// filters don't let through too, not chosen. `ask` says which are recorded; it is asked of some at a time, as there may be
/// millions that are. `progress` is told of each record that was read.
///
/// # Errors
/// Kafka or Postgres can't be asked.
pub fn scan_letters<Asked: Future<Output = Result<HashMap<Uuid, RecordedIn>, Failure>>>(
    config: &Config,
    reader: &mut Reader,
    chosen: &ChosenLetters,
    ask: impl Fn(Vec<Uuid>) -> Asked,
    progress: impl Fn(),
) -> Result<BTreeMap<Uuid, Candidate>, CommandError> {
    let (mut found, mut unasked) = (BTreeMap::new(), BTreeMap::new());
    let mut failed = None;
    // reading blocks its thread, and nothing else is to be done meanwhile
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Handle::current();
        let mut keep = |unasked: &mut BTreeMap<Uuid, Candidate>| {
            let asked = runtime.block_on(ask(unasked.keys().copied().collect()));
            match asked {
                Ok(recorded) => keep_unrecorded(&mut found, unasked, &recorded, chosen),
                Err(failure) => failed = Some(failure),
            }
            failed.is_none()
        };
        let mut visit = |record: Record| {
            progress();
            if let Some(mut letter) = read_candidate(&record, &config.kafka.group) {
                letter.chosen = is_chosen(chosen, &letter);
                unasked.insert(letter.event_id, letter);
            }
            unasked.len() < ASKED_AT_ONCE || keep(&mut unasked)
        };
        for topic in config.dead_letter_topics() {
            if !reader.scan(&topic.name, &mut visit)? {
                return Ok(()); // it has failed
            }
        }
        keep(&mut unasked);
        Ok::<_, kafka::Error>(())
    })?;
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(found),
    }
}

/// Keeps those of the letters that aren't recorded.
fn keep_unrecorded(
    found: &mut BTreeMap<Uuid, Candidate>,
    asked: &mut BTreeMap<Uuid, Candidate>,
    recorded: &HashMap<Uuid, RecordedIn>,
    chosen: &ChosenLetters,
) {
    let letters = std::mem::take(asked);
    found.extend(letters.into_iter().filter(|(event, letter)| {
        match recorded.get(event) {
            Some(RecordedIn::DeadLetters) => false,
            // of no interest, and there may be very many; but who asks for one is told
            Some(RecordedIn::ProcessedEvents) => chosen.id.iter().any(|id| is_named(id, letter)),
            None => true,
        }
    }));
}

/// The letters in the order of their partitions and offsets.
pub fn sort_letters(found: BTreeMap<Uuid, Candidate>) -> Vec<Candidate> {
    let mut letters: Vec<Candidate> = found.into_values().collect();
    letters.sort_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
    letters
}

/// A letter of this group.
fn read_candidate(record: &Record, group: &str) -> Option<Candidate> {
    let posted = Posted::from_record(record).filter(|posted| posted.group == group)?;
    let place = Place {
        topic: record.source.topic.clone(),
        partition: record.source.partition,
        offset: record.offset,
        left_out: posted.left_out,
    };
    Some(Candidate::from_topic(posted, place))
}

/// The letters without a row that are of the same partition as this event's letter, up to that letter:
/// with these it would be replayed. Empty if there is no such letter.
pub fn keep_up_to(mut letters: Vec<Candidate>, event: Uuid) -> Vec<Candidate> {
    let is_last = |letter: &Candidate| {
        let id = LetterId::Event(event);
        is_named(&id, letter)
    };
    let Some(at) = letters.iter().position(is_last) else {
        return Vec::new();
    };
    let source = letters.get(at).map(|l| l.source.clone());
    letters.truncate(at + 1);
    letters.retain(|l| Some(&l.source) == source.as_ref());
    letters
}
