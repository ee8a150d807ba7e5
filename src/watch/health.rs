//! What `/readyz` tells: whether the process takes events in, and if not, why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::table_name::TableName;
use crate::verdict::Verdict;
use crate::watch::kafka_health::KafkaHealth;
use crate::watch::metrics;
use crate::watch::standing::{Standing, StandingPartitions, Stop};

/// A lane that waits for a parent says so with each attempt, which are more frequent than this.
const PARENT_WAIT_MEMORY: Duration = Duration::from_secs(3);

/// Who may wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiter {
    /// The process before it has lanes: its bookkeeping schema isn't there yet.
    BookkeepingSchema,
    /// The process before it has lanes: it isn't settled yet where partitions begin.
    FirstStarts,
    /// The process between the lanes of a worker that has left the group and those of the next one.
    NextWorker,
    Lane(usize),
}

impl fmt::Display for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiter::BookkeepingSchema => f.write_str("bookkeeping schema"),
            Waiter::FirstStarts => f.write_str("kafka.start"),
            Waiter::NextWorker => f.write_str("joining the consumer group anew"),
            Waiter::Lane(number) => write!(f, "lane {number}"),
        }
    }
}

/// What somebody waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The kind of the failure.
    pub verdict: Verdict,
    /// For people.
    pub why: String,
    /// When the wait began, be it for something else.
    pub since: Instant,
}

/// Whether the process takes events in.
#[derive(Default)]
pub struct Health {
    /// What is wrong with Kafka as a whole.
    pub kafka: KafkaHealth,
    state: Locked<HealthState>,
}

#[derive(Default)]
struct HealthState {
    /// The group has given us an assignment, be it an empty one.
    joined: bool,
    /// Since when it doesn't take us for a member any more.
    expelled_since: Option<Instant>,
    stopping: bool,
    /// Who waits, and for what.
    waiting: BTreeMap<Waiter, Wait>,
    standing: StandingPartitions,
    /// What takes long, for people, and since when.
    late: Vec<(String, Instant)>,
    /// Tables that lanes wait for rows or deletes of, as foreign keys ask, each with the topic of what waits, and when it
    /// last did.
    awaited: HashMap<(TableName, Arc<str>), Instant>,
}

impl Health {
    /// The group has given the process an assignment.
    pub fn note_joined(&self) {
        let mut state = self.state.lock();
        (state.joined, state.expelled_since) = (true, None);
    }

    /// The group doesn't take the process for a member any more, until it gives it an assignment again.
    pub fn note_expelled(&self) {
        self.state.lock().expelled_since = Some(Instant::now());
    }

    /// The process is told to stop.
    pub fn note_stopping(&self) {
        self.state.lock().stopping = true;
    }

    /// Notes whether a broker answers: else why not. Returns whether this is news.
    pub fn note_kafka_away(&self, why: Option<String>) -> bool {
        let is_news = self.kafka.note_away(why);
        if is_news {
            self.state
                .lock()
                .publish_waiting_lanes(self.kafka.is_away());
        }
        is_news
    }

    /// Notes what somebody waits for. Returns whether this is news: whether the same was not waited for
    /// already.
    pub fn note_waiting(&self, who: Waiter, verdict: Verdict, why: &str) -> bool {
        let mut state = self.state.lock();
        let before = state.waiting.get(&who);
        let is_news = before.is_none_or(|b| b.verdict != verdict || b.why != why);
        let since = before.map_or_else(Instant::now, |before| before.since);
        let why = why.to_owned();
        state.waiting.insert(
            who,
            Wait {
                verdict,
                why,
                since,
            },
        );
        state.publish_waiting_lanes(self.kafka.is_away());
        is_news
    }

    /// Who waits, and for what.
    pub fn waits(&self) -> BTreeMap<Waiter, Wait> {
        self.state.lock().waiting.clone()
    }

    /// Notes that somebody no longer waits. Returns whether there was a wait.
    pub fn note_going_on(&self, who: Waiter) -> bool {
        let mut state = self.state.lock();
        let waited = state.waiting.remove(&who).is_some();
        if waited {
            state.publish_waiting_lanes(self.kafka.is_away());
        }
        waited
    }

    /// Notes everything that takes long. Returns what is news.
    pub fn note_late(&self, late: Vec<(String, Instant)>) -> Vec<String> {
        let mut state = self.state.lock();
        let is_news = |text: &&String| state.late.iter().all(|(other, _)| other != *text);
        let texts = late.iter().map(|(text, _)| text);
        let news = texts.filter(is_news).cloned().collect();
        state.late = late;
        news
    }

    /// Notes that a partition of ours stands still. Returns whether this is news.
    pub fn note_standing(&self, source: &TopicPartition, standing: Standing) -> bool {
        self.state.lock().standing.note(source, standing)
    }

    /// Notes that a partition is read again, or is somebody else's. Returns whether it stood still.
    pub fn note_moving(&self, source: &TopicPartition) -> bool {
        self.state.lock().standing.clear(source)
    }

    /// Notes that what a partition brings is landed from now on, which others may wait for. `whatever`: also if it only waited
    /// for rows itself. `only_table` says of a topic which table all its events are of.
    pub fn give_hope(
        &self,
        source: &TopicPartition,
        whatever: bool,
        only_table: impl Fn(&str) -> Option<TableName>,
    ) {
        let mut state = self.state.lock();
        state.standing.give_hope(source, whatever, only_table);
    }

    /// Notes that events of these topics wait for changes of one of these tables, as a foreign key asks; again with each
    /// attempt.
    pub fn note_awaited(&self, tables: &BTreeSet<TableName>, topics: &HashSet<Arc<str>>) {
        let (now, mut state) = (Instant::now(), self.state.lock());
        for table in tables {
            let of_table = topics.iter().map(|topic| (table.clone(), topic.clone()));
            state.awaited.extend(of_table.map(|awaited| (awaited, now)));
        }
    }

    /// A table that a lane of this process waits for changes of, if it and the topic of what waits are such.
    pub fn find_awaited(&self, is_such: impl Fn(&TableName, &str) -> bool) -> Option<TableName> {
        let state = self.state.lock();
        let mut lately = state
            .awaited
            .iter()
            .filter(|(_, at)| at.elapsed() < PARENT_WAIT_MEMORY);
        lately.find_map(|((table, topic), _)| is_such(table, topic).then(|| table.clone()))
    }

    /// The partitions of ours that stand still.
    pub fn standing_partitions(&self) -> BTreeMap<TopicPartition, Standing> {
        self.state.lock().standing.all()
    }

    /// The same, for people.
    pub fn list_stops(&self) -> BTreeMap<TopicPartition, Stop> {
        self.state.lock().standing.list_stops()
    }

    /// Whether a partition of ours stands still, and not because others go first.
    pub fn stands_for_itself(&self, source: &TopicPartition) -> bool {
        self.state.lock().standing.stands_for_itself(source)
    }

    /// Whether partitions of ours other than `own` stand still that may bring changes of one of these tables. `only_table`
    /// says of a topic which table all its events are of.
    pub fn holds_up_any(
        &self,
        tables: &BTreeSet<TableName>,
        own: &HashSet<TopicPartition>,
        only_table: impl Fn(&str) -> Option<TableName>,
    ) -> bool {
        let state = self.state.lock();
        state.standing.hold_up_any(tables, own, only_table)
    }

    /// # Errors
    /// Why the process isn't ready, a line for each reason.
    pub fn check_ready(&self) -> Result<(), String> {
        let mut reasons = self.list_reasons();
        let standing = &self.state.lock().standing;
        reasons.extend(standing.describe_all());
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("\n"))
        }
    }

    /// Why the process isn't ready, but for the partitions that stand still.
    pub fn list_reasons(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut reasons: Vec<String> = state
            .waiting
            .iter()
            .map(|(who, wait)| wait.describe(*who))
            .collect();
        reasons.extend(self.kafka.reasons());
        let late = state.late.iter();
        reasons.extend(
            late.map(|(text, since)| format!("{text} (for {}s)", since.elapsed().as_secs())),
        );
        if state.stopping {
            reasons.push("stopping".into());
        } else if !state.joined {
            reasons.push("not yet a member of its consumer group".into());
        } else if let Some(since) = state.expelled_since {
            let seconds = since.elapsed().as_secs();
            reasons.push(format!(
                "not a member of its consumer group any more (for {seconds}s): its session has ended, and it joins again"
            ));
        }
        reasons
    }
}

impl Wait {
    /// A line for people.
    pub fn describe(&self, who: Waiter) -> String {
        format!("{who} waits ({}): {}", self.verdict, self.why)
    }
}

impl HealthState {
    /// A process that has no lanes yet counts as one that waits: alerts must see the wait from its start. So does one
    /// without brokers, whose lanes wait for nothing else.
    fn publish_waiting_lanes(&self, kafka_is_away: bool) {
        for verdict in Verdict::ALL {
            let waiting = self.waiting.values();
            let waiting = waiting.filter(|wait| wait.verdict.name() == verdict.name());
            let kafka = usize::from(kafka_is_away && verdict == Verdict::Unavailable);
            metrics::set_waiting_lanes(verdict, waiting.count() + kafka);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Reason;
    use crate::watch::metrics::Series;

    #[test]
    fn a_lane_that_waits_is_in_the_gauge_whatever_it_waits_for() {
        for verdict in Verdict::ALL {
            let exported = Series::default();
            ::metrics::with_local_recorder(&exported, || {
                let health = Health::default();
                assert!(health.note_waiting(Waiter::Lane(0), verdict, "why"));
                assert!(health.note_waiting(Waiter::Lane(3), verdict, "why"));
                assert!(
                    !health.note_waiting(Waiter::Lane(3), verdict, "why"),
                    "no news"
                );
            });
            for other in Verdict::ALL {
                let lanes = if other == verdict { 2 } else { 0 };
                let line = format!("{}{{verdict=\"{other}\"}} {lanes}\n", metrics::WAITING.name);
                let exported = exported.render();
                assert!(exported.contains(&line), "{exported}");
            }
        }
    }

    #[test]
    fn the_reason_of_a_refusal_does_not_hide_the_lane_from_the_gauge() {
        let exported = Series::default();
        ::metrics::with_local_recorder(&exported, || {
            let refused = Verdict::Reject(Reason::Constraint);
            Health::default().note_waiting(Waiter::Lane(0), refused, "why");
        });
        let line = format!("{}{{verdict=\"reject\"}} 1\n", metrics::WAITING.name);
        assert!(exported.render().contains(&line));
    }

    #[test]
    fn a_schema_that_is_waited_for_is_a_reason_and_in_the_gauge() {
        let exported = Series::default();
        let line = format!("{}{{verdict=\"unavailable\"}}", metrics::WAITING.name);
        ::metrics::with_local_recorder(&exported, || {
            let health = Health::default();
            health.note_joined();
            health.note_waiting(Waiter::BookkeepingSchema, Verdict::Unavailable, "away");
            let why = "bookkeeping schema waits (unavailable): away";
            assert_eq!(health.check_ready(), Err(why.to_owned()));
            assert!(exported.render().contains(&format!("{line} 1\n")));
            assert!(health.note_going_on(Waiter::BookkeepingSchema));
            assert_eq!(health.check_ready(), Ok(()));
            assert!(exported.render().contains(&format!("{line} 0\n")));
        });
    }
}
