//! What is wrong with Kafka as a whole, or with what it lets us do: reasons that no lane has, because a lane that is given
//! nothing asks for nothing.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::locked::Locked;
use crate::record::TopicPartition;

/// How long a refusal is told that doesn't come again: it is repeated, or asked for, more often.
const REFUSAL_MEMORY: Duration = Duration::from_secs(30);

/// How long another group is told of after it was met last.
const RIVAL_MEMORY: Duration = Duration::from_secs(60);

/// What is wrong with Kafka.
#[derive(Default)]
pub struct KafkaHealth(Locked<Troubles>);

#[derive(Default)]
struct Troubles {
    /// No broker answers: why, and since when.
    away: Option<(String, Instant)>,
    /// What Kafka doesn't let us do, and when it said so last.
    refusals: BTreeMap<String, Instant>,
    /// Other consumer groups that have written our partitions.
    rivals: BTreeMap<String, Rival>,
}

/// Another consumer group.
#[derive(Default)]
struct Rival {
    /// The batch in which it was met last.
    batches: HashMap<TopicPartition, Uuid>,
    /// It has written another one since.
    writes_on: bool,
    last_met: Option<Instant>,
}

impl KafkaHealth {
    /// Notes whether a broker answers: else why not. Returns whether this is news.
    pub fn note_away(&self, why: Option<String>) -> bool {
        let mut troubles = self.0.lock();
        let is_news = troubles.away.is_some() != why.is_some();
        let since = troubles.away.take().map(|(_, since)| since);
        troubles.away = why.map(|why| (why, since.unwrap_or_else(Instant::now)));
        is_news
    }

    /// Whether no broker answers.
    pub fn is_away(&self) -> bool {
        self.0.lock().away.is_some()
    }

    /// Notes what Kafka doesn't let us do; again whenever it says so. Returns whether this is news.
    pub fn note_refusal(&self, what: &str) -> bool {
        let before = self
            .0
            .lock()
            .refusals
            .insert(what.to_owned(), Instant::now());
        let is_news = before.is_none_or(|at| at.elapsed() > REFUSAL_MEMORY);
        if !is_news {
            tracing::debug!("Kafka refuses still: {what}");
        }
        is_news
    }

    /// Notes that Kafka lets us do it again.
    pub fn note_allowed(&self, what: &str) {
        self.0.lock().refusals.remove(what);
    }

    /// Notes that another consumer group was the last to write one of our partitions, in this batch. Returns whether it is
    /// news that it does so again and again.
    pub fn note_rival(&self, group: &str, source: &TopicPartition, batch: Uuid) -> bool {
        let (now, mut troubles) = (Instant::now(), self.0.lock());
        let rival = troubles.rivals.entry(group.to_owned()).or_default();
        if rival.last_met.is_some_and(|at| at.elapsed() > RIVAL_MEMORY) {
            *rival = Rival::default();
        }
        let was_rival = rival.is_at_work();
        let before = rival.batches.insert(source.clone(), batch);
        // one that was given another name has written before, and never does again
        rival.writes_on |= before.is_some_and(|before| before != batch);
        rival.last_met = Some(now);
        rival.is_at_work() && !was_rival
    }

    /// Whether other groups keep on writing what we write.
    pub fn has_rivals(&self) -> bool {
        let troubles = self.0.lock();
        troubles.rivals.values().any(Rival::is_at_work)
    }

    /// A line for each reason not to be ready.
    pub(super) fn reasons(&self) -> Vec<String> {
        let troubles = self.0.lock();
        let away = troubles.away.iter().map(|(why, since)| {
            format!("Kafka is away (for {}s): {why}", since.elapsed().as_secs())
        });
        let refusals = troubles.refusals.iter();
        let refusals = refusals
            .filter(|(_, at)| at.elapsed() < REFUSAL_MEMORY)
            .map(|(what, _)| format!("Kafka refuses: {what}"));
        let rivals = troubles
            .rivals
            .iter()
            .filter(|(_, rival)| rival.is_at_work());
        let rivals = rivals.map(|(group, _)| describe_rival(group));
        away.chain(refusals).chain(rivals).collect()
    }
}

impl Rival {
    fn is_at_work(&self) -> bool {
        self.writes_on && self.last_met.is_some_and(|at| at.elapsed() < RIVAL_MEMORY)
    }
}

/// What another group does, and what helps, for people.
pub fn describe_rival(group: &str) -> String {
    format!(
        "the consumer group {group} writes the same partitions to the same postgres.schema, and each group undoes the other's batches: stop one of them, or give it a postgres.schema and tables of its own"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_are_away_are_news_once_and_a_reason_until_they_are_back() {
        let kafka = KafkaHealth::default();
        assert!(!kafka.note_away(None));
        assert!(kafka.note_away(Some("refused".into())) && kafka.is_away());
        assert!(!kafka.note_away(Some("refused again".into())));
        assert_eq!(kafka.reasons(), ["Kafka is away (for 0s): refused again"]);
        assert!(kafka.note_away(None) && kafka.reasons().is_empty());
    }

    #[test]
    fn what_kafka_refuses_is_news_once_and_a_reason_until_it_is_allowed_again() {
        let kafka = KafkaHealth::default();
        assert!(kafka.note_refusal("reading") && !kafka.note_refusal("reading"));
        assert_eq!(kafka.reasons(), ["Kafka refuses: reading"]);
        kafka.note_allowed("reading");
        assert!(kafka.reasons().is_empty() && kafka.note_refusal("reading"));
    }

    #[test]
    fn a_group_that_has_another_name_now_is_no_rival_of_itself() {
        let kafka = KafkaHealth::default();
        let source = |partition| TopicPartition {
            topic: "orders".into(),
            partition,
        };
        let batch = Uuid::from_u128;
        for partition in 0..5 {
            assert!(!kafka.note_rival("blue", &source(partition), batch(1)));
        }
        assert!(!kafka.note_rival("blue", &source(0), batch(1)) && kafka.reasons().is_empty());
        assert!(
            kafka.note_rival("blue", &source(0), batch(2)),
            "it writes on"
        );
        assert!(!kafka.note_rival("blue", &source(0), batch(3)) && kafka.has_rivals());
        assert!(kafka.reasons()[0].contains("blue"));
    }
}
