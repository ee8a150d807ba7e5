//! Where the logs end that partitions wait for: one whose end Kafka has lost is drained where it ends now. That is asked
//! beside the lane, which has others to land while a broker hangs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ledger::partition_starts::Undrained;
use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// When to ask again, as long as a partition waits: logs seldom lose their ends.
const ASK_INTERVAL: Duration = Duration::from_secs(30);

/// What was told of the logs that partitions wait for, by these partitions.
#[derive(Clone, Default)]
pub(super) struct AwaitedEnds(Arc<Locked<HashMap<TopicPartition, ToldEnds>>>);

/// What was told for one partition.
struct ToldEnds {
    /// When to ask next; `None`: it is being asked.
    next_ask: Option<Instant>,
    /// The log that was asked about last, as nothing behind it matters before it is drained.
    asked_up_to: Option<i32>,
    /// That log hasn't lost its end.
    is_whole: bool,
    /// The ends of logs that end before where they are to be drained to, by their numbers and that offset. As they were told
    /// first: what comes behind them later needn't be waited for.
    lost: HashMap<(i32, i64), i64>,
}

/// What was told of logs: the ends of those that lost theirs; which was asked about last, and whether that is whole.
struct Answers {
    lost: HashMap<(i32, i64), i64>,
    asked_up_to: Option<i32>,
    is_whole: bool,
}

impl AwaitedEnds {
    /// Which logs a partition is known to wait for: none at first, as what isn't drained may have lost its end. `None`: all are
    /// drained to where they end. `ask` is asked beside, if it is time.
    pub(super) fn find_awaited<F>(
        &self,
        source: &TopicPartition,
        undrained: &[Undrained],
        ask: impl Fn(TopicPartition) -> F + Send + 'static,
    ) -> Option<Vec<i32>>
    where
        F: Future<Output = Result<i64, Failure>> + Send,
    {
        let now = Instant::now();
        let mut all = self.0.lock();
        let told = all.entry(source.clone()).or_insert_with(|| ToldEnds {
            next_ask: Some(now),
            asked_up_to: None,
            is_whole: false,
            lost: HashMap::new(),
        });
        if told.begin_asking(now, undrained) {
            let (ends, source, undrained) = (self.clone(), source.clone(), undrained.to_vec());
            tokio::spawn(async move {
                let answers = find_lost_ends(&source, &undrained, ask).await;
                ends.note_told(&source, answers, Instant::now());
            });
        }
        let undrained = undrained.iter().filter(|other| !told.shows_drained(other));
        let mut undrained = undrained.peekable();
        undrained.peek()?;
        let known = undrained.filter(|other| told.is_known(other));
        Some(known.map(|other| other.number).collect())
    }

    /// Forgets what was told for a partition.
    pub(super) fn forget_partition(&self, source: &TopicPartition) {
        self.0.lock().remove(source);
    }

    fn note_told(&self, source: &TopicPartition, answers: Answers, now: Instant) {
        if let Some(told) = self.0.lock().get_mut(source) {
            for (log, end) in answers.lost {
                told.lost.entry(log).or_insert(end);
            }
            (told.asked_up_to, told.is_whole) = (answers.asked_up_to, answers.is_whole);
            told.next_ask = Some(now + ASK_INTERVAL);
        }
    }
}

impl ToldEnds {
    /// Returns whether it is time to ask, which is being done from then on: also once the log is drained that was asked about
    /// last.
    fn begin_asking(&mut self, now: Instant, undrained: &[Undrained]) -> bool {
        let is_drained = |number| undrained.iter().all(|other| other.number != number);
        let is_next = self.asked_up_to.is_some_and(is_drained);
        let next = self.next_ask.take_if(|next| is_next || *next <= now);
        next.is_some()
    }

    fn shows_drained(&self, other: &Undrained) -> bool {
        let end = self.lost.get(&(other.number, other.needed));
        end.is_some_and(|end| other.is_drained_to(*end))
    }

    /// Whether it was told where this log ends.
    fn is_known(&self, other: &Undrained) -> bool {
        let is_whole = self.is_whole && self.asked_up_to == Some(other.number);
        is_whole || self.lost.contains_key(&(other.number, other.needed))
    }
}

/// Asks for the ends, up to the first log that hasn't lost its own, or that nothing is told of: as long as that isn't
/// drained, the others don't matter.
async fn find_lost_ends<F>(
    source: &TopicPartition,
    undrained: &[Undrained],
    ask: impl Fn(TopicPartition) -> F,
) -> Answers
where
    F: Future<Output = Result<i64, Failure>>,
{
    let mut answers = Answers {
        lost: HashMap::new(),
        asked_up_to: None,
        is_whole: false,
    };
    for other in undrained {
        answers.asked_up_to = Some(other.number);
        match ask(other.source(source)).await {
            Ok(end) if end < other.needed => {
                answers.lost.insert((other.number, other.needed), end);
            }
            told => {
                answers.is_whole = told.is_ok();
                break;
            }
        }
    }
    answers
}

#[cfg(test)]
#[path = "awaited_ends_tests.rs"]
mod tests;
