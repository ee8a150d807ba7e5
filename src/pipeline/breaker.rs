//! When so many of the last events were refused that something else must be wrong: nothing more is taken in of their
//! partition then, instead of pouring the stream into the dead letter topic.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::config::BreakerConfig;
use crate::format::undecodable::Blame;
use crate::locked::Locked;
use crate::pipeline::batch::Batch;
use crate::pipeline::topic_look::{DoubtfulRecord, TopicLook};
use crate::record::{Record, TopicPartition};
use crate::verdict::{Failure, Verdict};

/// So many events that are refused one after the other, from the first one that this destination was ever sent of their
/// topic, are no bad records: the set-up doesn't fit the topic.
const NEVER_ACCEPTED: usize = 5;

/// The topics of which this process has landed an event.
pub type LandedTopics = Arc<Locked<HashSet<Arc<str>>>>;

/// The last events of a lane's partitions, and how many of them were refused.
#[derive(Clone, Debug)]
pub struct Breaker {
    ratio: f64,
    window: usize,
    partitions: HashMap<TopicPartition, LastEvents>,
    landed: LandedTopics,
    /// What a look at topics has found of which nothing was landed.
    looks: HashMap<Arc<str>, TopicLook>,
}

/// A partition's last events.
#[derive(Clone, Debug, Default)]
struct LastEvents {
    refused: VecDeque<bool>,
    /// How many of them were refused.
    count: usize,
    /// Whether any event was ever landed.
    any_landed: bool,
}

/// Where it is too much.
#[derive(Debug, PartialEq, Eq)]
struct Trip {
    /// So many of the last events were refused.
    count: usize,
    /// Of the events that were looked at: the first one of these,
    first: usize,
    /// and the one that was too much.
    last: usize,
}

impl LastEvents {
    /// Takes in an event that was landed, or refused.
    fn note_event(&mut self, refused: bool, window: usize) {
        self.any_landed |= !refused;
        if self.refused.len() == window {
            if !refused && self.count == 0 {
                return; // one more of the same
            }
            self.count -= usize::from(self.refused.pop_front() == Some(true));
        }
        self.refused.push_back(refused);
        self.count += usize::from(refused);
    }

    /// Whether these events, in order, would make too many refusals at any time.
    fn find_trip(&self, events: &[bool], ratio: f64, window: usize) -> Option<Trip> {
        let mut ahead = self.clone();
        for (last, refused) in events.iter().enumerate() {
            ahead.note_event(*refused, window);
            let is_full = ahead.refused.len() == window;
            if is_full && ahead.count as f64 > ratio * window as f64 {
                let begin = (last + 1).saturating_sub(window);
                let refused = events.iter().skip(begin).position(|refused| *refused);
                return Some(Trip {
                    count: ahead.count,
                    first: begin + refused.unwrap_or_default(),
                    last,
                });
            }
        }
        None
    }

    /// Whether none of these events would be the first one to be landed, and they are too many for that.
    fn find_misfit(&self, events: &[bool]) -> Option<Trip> {
        let missing = NEVER_ACCEPTED.saturating_sub(self.refused.len());
        let all_refused = !self.any_landed && events.iter().all(|refused| *refused);
        (all_refused && events.len() >= missing.max(1)).then(|| Trip {
            count: self.refused.len() + events.len(),
            first: 0,
            last: missing.max(1) - 1,
        })
    }
}

impl Breaker {
    /// A breaker that has seen no event.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            ratio: config.ratio,
            window: config.window,
            partitions: HashMap::new(),
            landed: Arc::default(),
            looks: HashMap::new(),
        }
    }

    /// The same, beside others: what one of them lands of a topic the others know.
    pub fn beside(self, landed: LandedTopics) -> Self {
        Self { landed, ..self }
    }

    /// # Errors
    /// Systemic, of the records of one partition: if its refusals are too many, or one of them tells that all of its topic
    /// is to be refused.
    pub fn judge_batch(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        // whoever lets everything be dead letters means these too
        if self.ratio >= 1.0 {
            return Ok(());
        }
        self.judge_setup(batch)?;
        self.judge_tombstones(batch)?;
        for (source, events) in batch.list_refusing() {
            self.judge_partition(batch, source, &events)?;
        }
        Ok(())
    }

    /// The records of the batch that can't be judged by themselves: they are as no record of their topic should be, or
    /// tombstones, which mean in each shape of topics something else, and nothing of their topic was landed.
    pub fn find_doubtful(&self, batch: &Batch<'_>) -> Vec<DoubtfulRecord> {
        if self.ratio >= 1.0 {
            return Vec::new();
        }
        let errors = batch.list_setup_errors();
        let odd = errors.filter(|(_, blame, _)| *blame == Blame::Topic);
        let records = odd
            .map(|(record, ..)| record)
            .chain(batch.list_lone_tombstones());
        let mut seen: HashSet<&Arc<str>> = HashSet::new();
        let doubtful = records.filter(|record| {
            seen.insert(&record.source.topic) && !self.fits(batch, &record.source)
        });
        let doubtful = doubtful.map(|record| DoubtfulRecord {
            source: record.source.clone(),
            offset: record.offset,
        });
        doubtful.collect()
    }

    /// Notes what a look at a topic has found.
    pub fn note_look(&mut self, topic: Arc<str>, look: TopicLook) {
        self.looks.insert(topic, look);
    }

    /// Whether anything tells that the partition's topic is as it is said to be.
    fn fits(&self, batch: &Batch<'_>, source: &TopicPartition) -> bool {
        self.looks.get(&source.topic) == Some(&TopicLook::AsConfigured)
            || batch.has_event_of(&source.topic)
            || self.has_landed_any(batch, source)
    }

    /// # Errors
    /// A tombstone of a topic that holds records of another shape alone: nothing tells what it means.
    fn judge_tombstones(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        for record in batch.list_lone_tombstones() {
            let source = &record.source;
            let why = match self.looks.get(&source.topic) {
                Some(TopicLook::Other(why)) => why,
                Some(TopicLook::Unread) => "what else it holds can't be read now",
                Some(TopicLook::AsConfigured | TopicLook::Nothing) | None => continue,
            };
            if self.fits(batch, source) {
                continue;
            }
            let why = format!(
                "topic {}: {why}; its tombstones wait until an event of it is as is configured",
                source.topic
            );
            let failure = Failure::new(Verdict::Systemic, why);
            return Err(failure.about_records(source, record.offset, record.offset));
        }
        Ok(())
    }

    /// # Errors
    /// A record that is as no record of its topic should be: all of the topic stands still, or it would be taken apart
    /// into dead letters and such records (tombstones) as any topic has.
    fn judge_setup(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        let mut errors = batch.list_setup_errors();
        let mut fitting: HashMap<&TopicPartition, bool> = HashMap::new();
        let mut fits = |source| {
            let looked = fitting.entry(source);
            *looked.or_insert_with(|| self.fits(batch, source))
        };
        let found = errors.find(|(record, blame, _)| {
            matches!(blame, Blame::Converter | Blame::Route) || !fits(&record.source)
        });
        let Some((record, blame, why)) = found else {
            return Ok(());
        };
        let (source, offset) = (&record.source, record.offset);
        let why = match blame {
            Blame::Converter => format!(
                "topic {}: {why}; its records that are written already can be taken out of the way with kafka.topics, \
                 or made dead letters with dead_letter.breaker.ratio = 1.0",
                source.topic
            ),
            Blame::Topic => format!(
                "topic {}: {why}; if it is this record alone, it is a dead letter as soon as the topic has an event as is configured, or with dead_letter.breaker.ratio = 1.0",
                source.topic
            ),
            Blame::Route | Blame::Record => format!("topic {}: {why}", source.topic),
        };
        let from = match blame {
            Blame::Topic => batch.first_offset_of(source).unwrap_or(offset),
            Blame::Converter | Blame::Route | Blame::Record => offset,
        };
        let failure = Failure::new(Verdict::Systemic, why);
        Err(failure.about_records(source, from, offset))
    }

    fn judge_partition(
        &self,
        batch: &Batch<'_>,
        source: &TopicPartition,
        events: &[(&Record, bool)],
    ) -> Result<(), Failure> {
        let none = LastEvents::default();
        let before = self.partitions.get(source).unwrap_or(&none);
        let flags: Vec<bool> = events.iter().map(|(_, refused)| *refused).collect();
        let what = batch.describe_refusals(source);
        let tripped = before.find_trip(&flags, self.ratio, self.window);
        let (trip, why) = if let Some(trip) = tripped {
            let why = format!(
                "{} of {} events in a row were refused ({what}), which looks like more than bad records; mend the cause, \
                 or let them be dead letters with a higher dead_letter.breaker.ratio (1.0 never stops)",
                trip.count, self.window,
            );
            (trip, why)
        } else if !self.has_landed_any(batch, source)
            && let Some(trip) = before.find_misfit(&flags)
        {
            let why = format!(
                "topic {}: all of its first {} events were refused ({what}), and none was ever landed: the set-up doesn't fit \
                 the topic; mend it, or let its records be dead letters with dead_letter.breaker.ratio = 1.0",
                source.topic, trip.count,
            );
            (trip, why)
        } else {
            return Ok(());
        };
        let offset = |at: usize| events.get(at).map_or(0, |(record, _)| record.offset);
        let failure = Failure::new(Verdict::Systemic, why);
        Err(failure.about_records(source, offset(trip.first), offset(trip.last)))
    }

    /// Whether an event of the partition's topic was ever landed, as far as this process can tell.
    fn has_landed_any(&self, batch: &Batch<'_>, source: &TopicPartition) -> bool {
        let mut advances = batch.advances.iter();
        let untried = advances.any(|a| a.source == *source && a.held.is_untried);
        !untried || self.landed.lock().contains(&source.topic)
    }

    /// The batch is in.
    pub fn note_batch(&mut self, batch: &Batch<'_>) {
        let window = self.window;
        for (source, events) in batch.list_runs() {
            if !self.partitions.contains_key(source) {
                self.partitions
                    .insert(source.clone(), LastEvents::default());
            }
            if let Some(last) = self.partitions.get_mut(source) {
                events.for_each(|refused| last.note_event(refused, window));
                if last.any_landed && !self.landed.lock().contains(&source.topic) {
                    self.landed.lock().insert(source.topic.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_events(before: &[bool], window: usize) -> LastEvents {
        let mut last = LastEvents::default();
        before.iter().for_each(|e| last.note_event(*e, window));
        last
    }

    #[test]
    fn more_than_the_ratio_of_a_full_window_trips() {
        let last = last_events(&[], 4);
        assert_eq!(last.find_trip(&[true; 3], 0.5, 4), None, "not full");
        assert_eq!(last.find_trip(&[true, false, true, false], 0.5, 4), None);
        let three = [false, false, true, true, true, false, false];
        let trip = Trip {
            count: 3,
            first: 2,
            last: 4,
        };
        assert_eq!(last.find_trip(&three, 0.5, 4), Some(trip));
    }

    #[test]
    fn what_was_noted_before_counts_until_it_leaves_the_window() {
        let mut last = last_events(&[true, true, false, false], 4);
        assert_eq!(last.find_trip(&[true], 0.5, 4), None);
        last.note_event(true, 4);
        last.note_event(false, 4);
        let trip = last.find_trip(&[true, true], 0.5, 4);
        assert_eq!(trip.map(|trip| (trip.count, trip.last)), Some((3, 1)));
    }

    #[test]
    fn what_was_refused_from_the_first_event_on_trips_before_the_window_is_full() {
        let misfit = |before: &[bool], events: &[bool]| {
            let trip = last_events(before, 100).find_misfit(events);
            trip.map(|trip| (trip.count, trip.first, trip.last))
        };
        assert_eq!(misfit(&[], &[true; 4]), None, "bad records there may be");
        assert_eq!(misfit(&[], &[true; 5]), Some((5, 0, 4)));
        assert_eq!(misfit(&[true; 4], &[true]), Some((5, 0, 0)));
        assert_eq!(misfit(&[], &[true, true, true, true, false, true]), None);
        assert_eq!(misfit(&[false], &[true; 50]), None);
    }
}
