//! When so many of the last events were refused that something else must be wrong: nothing more is taken in of their
//! partition then, instead of pouring the stream into the dead letter topic.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::config::BreakerConfig;
use crate::format::undecodable::Blame;
use crate::locked::Locked;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::last_events::{Fate, LastEvents};
use crate::pipeline::topic_looks::{DoubtfulRecord, OneTopic, TopicLook, TopicLooks};
use crate::record::{Record, TopicPartition};
use crate::verdict::{Failure, Verdict};
use crate::watch::progress::Refusals;

/// The topics of which this process has landed an event.
pub type LandedTopics = Arc<Locked<HashSet<OneTopic>>>;

/// The last events of a lane's partitions, and how many of them were refused.
#[derive(Clone, Debug)]
pub struct Breaker {
    ratio: f64,
    window: usize,
    partitions: HashMap<TopicPartition, LastEvents>,
    landed: LandedTopics,
    /// What a look at topics has found of which nothing was landed.
    pub(super) looks: TopicLooks,
}

impl Breaker {
    /// A breaker that has seen no event.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            ratio: config.ratio,
            window: config.window,
            partitions: HashMap::new(),
            landed: Arc::default(),
            looks: TopicLooks::default(),
        }
    }

    /// The same, beside others: what one of them lands of a topic the others know.
    pub fn beside(self, landed: LandedTopics) -> Self {
        Self { landed, ..self }
    }

    /// Returns what has to be looked at before the batch can be judged, if anything has.
    ///
    /// # Errors
    /// Systemic, of the records of one partition: if its refusals are too many, or one of them tells that all of its topic
    /// is to be refused.
    pub fn judge_batch(&self, batch: &Batch<'_>) -> Result<Option<AttemptOutcome>, Failure> {
        // whoever lets everything be dead letters means these too
        if self.ratio >= 1.0 {
            return Ok(None);
        }
        let doubtful = self.find_doubtful(batch);
        if !doubtful.is_empty() {
            return Ok(Some(AttemptOutcome::LookAround(doubtful)));
        }
        self.judge_setup(batch)?;
        self.judge_tombstones(batch)?;
        for (source, events) in batch.list_refusing() {
            self.judge_partition(batch, source, &events)?;
        }
        Ok(None)
    }

    /// The records of the batch, one of each topic, that can't be judged by themselves: they are as no record of their topic
    /// should be, or tombstones, which mean in each shape of topics something else, and nothing of their topic was landed.
    /// Not those that were looked around in this trial, or lately.
    fn find_doubtful(&self, batch: &Batch<'_>) -> Vec<DoubtfulRecord> {
        let errors = batch.list_setup_errors();
        let odd = errors.filter(|(_, blame, _)| *blame == Blame::Topic);
        let records = odd
            .map(|(record, ..)| record)
            .chain(batch.list_lone_tombstones());
        let now = Instant::now();
        let (mut partitions, mut topics) = (HashSet::new(), HashSet::new());
        let records = records.filter(|record| partitions.insert(&record.source));
        let doubtful = records.filter_map(|record| {
            let (source, topic) = (&record.source, batch.topic_of(&record.source));
            let may_look = !batch.trial.looked.contains(&topic) && self.looks.is_due(&topic, now);
            let is_doubtful = may_look && !self.fits(batch, source) && topics.insert(topic.clone());
            is_doubtful.then(|| DoubtfulRecord {
                topic,
                source: source.clone(),
                offset: record.offset,
            })
        });
        doubtful.collect()
    }

    /// Whether anything tells that the partition's topic is as it is said to be.
    fn fits(&self, batch: &Batch<'_>, source: &TopicPartition) -> bool {
        self.looks.find(&batch.topic_of(source)) == Some(&TopicLook::AsConfigured)
            || self.has_landed_any(batch, source)
            || batch.has_event_of(&source.topic)
    }

    /// # Errors
    /// A tombstone of a topic that holds records of another shape alone: nothing tells what it means.
    fn judge_tombstones(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        let mut partitions = HashSet::new();
        for record in batch.list_lone_tombstones() {
            let source = &record.source;
            if !partitions.insert(source) {
                continue;
            }
            let why = match self.looks.find(&batch.topic_of(source)) {
                Some(TopicLook::Other(why)) => why,
                Some(TopicLook::Unread) | None => "what else it holds can't be read now",
                Some(TopicLook::AsConfigured | TopicLook::Nothing) => continue,
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
        events: &[(&Record, Fate)],
    ) -> Result<(), Failure> {
        let (none, topic) = (LastEvents::default(), batch.topic_of(source));
        let before = self.partitions.get(source);
        let before = before.filter(|last| last.topic_id == topic.id);
        let before = before.unwrap_or(&none);
        let fates: Vec<Fate> = events.iter().map(|(_, fate)| *fate).collect();
        let what = batch.describe_refusals(source);
        let tripped = before.find_trip(&fates, self.ratio, self.window);
        let (trip, why) = if let Some(trip) = tripped {
            let why = format!(
                "{} of {} events in a row were refused ({what}), which looks like more than bad records; mend the cause, \
                 or let them be dead letters with a higher dead_letter.breaker.ratio (1.0 never stops)",
                trip.count, self.window,
            );
            (trip, why)
        } else if !self.has_landed_any(batch, source)
            && let Some(trip) = before.find_misfit(&fates)
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
        !untried || self.landed.lock().contains(&batch.topic_of(source))
    }

    /// How many of the partition's last events were refused.
    pub fn refusals_of(&self, source: &TopicPartition) -> Refusals {
        let last = self.partitions.get(source);
        let (refused, of) = last.map_or((0, 0), LastEvents::count_refused);
        Refusals { refused, of }
    }

    /// The batch is in.
    pub fn note_batch(&mut self, batch: &Batch<'_>) {
        let window = self.window;
        for (source, events) in batch.list_runs() {
            let topic = batch.topic_of(source);
            let last = self.partitions.get(source);
            if last.is_none_or(|last| last.topic_id != topic.id) {
                self.partitions
                    .insert(source.clone(), LastEvents::of_topic(topic.id));
            }
            if let Some(last) = self.partitions.get_mut(source) {
                events.for_each(|fate| last.note_event(fate, window));
                if last.any_landed && !self.landed.lock().contains(&topic) {
                    self.landed.lock().insert(topic);
                }
            }
        }
    }
}
