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
    /// The ends of logs that end before where they are to be drained to, by their numbers and that offset. They hold
    /// for good: what comes behind them later needn't be waited for.
    lost: HashMap<(i32, i64), i64>,
}

impl AwaitedEnds {
    /// Whether all that a partition waits for is drained to where its logs end, as far as was told. `ask` is asked beside, if
    /// it is time.
    pub(super) fn are_drained<F>(
        &self,
        source: &TopicPartition,
        undrained: &[Undrained],
        ask: impl Fn(TopicPartition) -> F + Send + 'static,
    ) -> bool
    where
        F: Future<Output = Result<i64, Failure>> + Send,
    {
        let now = Instant::now();
        let mut all = self.0.lock();
        let told = all.entry(source.clone()).or_insert_with(|| ToldEnds {
            next_ask: Some(now),
            lost: HashMap::new(),
        });
        if told.begin_asking(now) {
            let (ends, source, undrained) = (self.clone(), source.clone(), undrained.to_vec());
            tokio::spawn(async move {
                let lost = find_lost_ends(&source, &undrained, ask).await;
                ends.note_told(&source, lost, Instant::now());
            });
        }
        undrained.iter().all(|other| told.shows_drained(other))
    }

    /// Forgets what was told for a partition.
    pub(super) fn forget_partition(&self, source: &TopicPartition) {
        self.0.lock().remove(source);
    }

    fn note_told(&self, source: &TopicPartition, lost: HashMap<(i32, i64), i64>, now: Instant) {
        if let Some(told) = self.0.lock().get_mut(source) {
            told.lost.extend(lost);
            told.next_ask = Some(now + ASK_INTERVAL);
        }
    }
}

impl ToldEnds {
    /// Returns whether it is time to ask, which is being done from then on.
    fn begin_asking(&mut self, now: Instant) -> bool {
        self.next_ask.take_if(|next| *next <= now).is_some()
    }

    fn shows_drained(&self, other: &Undrained) -> bool {
        let end = self.lost.get(&(other.number, other.needed));
        end.is_some_and(|end| other.is_drained_to(*end))
    }
}

/// Asks for the ends, up to the first log that hasn't lost its own, or that nothing is told of: as long as that isn't
/// drained, the others don't matter.
async fn find_lost_ends<F>(
    source: &TopicPartition,
    undrained: &[Undrained],
    ask: impl Fn(TopicPartition) -> F,
) -> HashMap<(i32, i64), i64>
where
    F: Future<Output = Result<i64, Failure>>,
{
    let mut lost = HashMap::new();
    for other in undrained {
        match ask(other.source(source)).await {
            Ok(end) if end < other.needed => lost.insert((other.number, other.needed), end),
            _ => break,
        };
    }
    lost
}

#[cfg(test)]
#[path = "awaited_ends_tests.rs"]
mod tests;
