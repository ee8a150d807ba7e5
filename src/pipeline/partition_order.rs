//! Which partitions of a topic go first. A row's key is in one partition, until partitions are added: then later events
//! of the row come through another one. So a partition is begun only once those are drained that may have earlier
//! events of its rows. What these are is found out with its first record, and entered in the ledger for good.
//!
//! Why: `docs/decisions/19`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ledger::partition_starts::PartitionStart;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::destination::Destination;
use crate::pipeline::find_start::Start;
use crate::pipeline::lane::Lane;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::pipeline::positioning::{Positions, describe_offline};
use crate::pipeline::stand_still::is_soon_over;
use crate::pipeline::unanswered::{Unanswered, ask_or_keep};
use crate::record::{Record, TopicPartition};
use crate::verdict::Failure;
use crate::watch::standing::Standing;

/// How often a lane that has nothing else to do looks whether the little is drained that its partition waits for. To read
/// the partition's records once more takes longer.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
const MOST_LOOKS: u32 = 30;

/// The first record of a partition of which it isn't known yet what goes first.
struct FirstRecord {
    source: TopicPartition,
    timestamp: Option<i64>,
}

/// Finds out what goes before partitions whose first records are among these. A partition that has to wait is
/// held, and its records with it.
pub async fn decide_starts(lane: &mut Lane, records: &[Record]) {
    for first in find_first_records(lane, records) {
        let source = first.source;
        let Some(owned) = lane.partitions.owned.get(&source) else {
            continue;
        };
        let (positions, destination) = (&lane.positions, &lane.destination);
        let attempt = || positions.decide_start(&source, owned, first.timestamp, destination);
        let mut decided = lane.waiting.until(attempt).await;
        let mut looks = MOST_LOOKS;
        while looks > 0
            && matches!(&decided, Some(Ok(Start::StandsStill(it))) if lane.may_wait_in_place(it))
        {
            if !lane.waiting.sleep_unless_needed(LOOK_INTERVAL).await {
                decided = None;
                break;
            }
            let attempt = || positions.look_again(&source, owned, destination);
            decided = lane.waiting.until(attempt).await.map(Ok);
            looks -= 1;
        }
        match decided {
            Some(Ok(Start::Free)) => lane.partitions.note_begun(&source),
            Some(Ok(Start::StandsStill(standing))) => {
                lane.partitions.forget_partition(&source);
                lane.stand_still(source, standing);
            }
            Some(Err(unanswered)) => {
                lane.partitions.forget_partition(&source);
                lane.await_answer(source, unanswered);
            }
            // somebody needs the lane, or what was entered is forgotten
            None | Some(Ok(Start::Undecided)) => lane.partitions.take_up_again([source]),
        }
    }
}

fn find_first_records(lane: &Lane, records: &[Record]) -> Vec<FirstRecord> {
    let (undecided, owned) = (&lane.partitions.undecided, &lane.partitions.owned);
    let mut firsts: Vec<FirstRecord> = Vec::new();
    if undecided.is_empty() {
        return firsts; // as mostly
    }
    let mut last = None;
    for record in records {
        // records of a partition mostly come many at a time
        if last == Some((&record.source, record.epoch)) {
            continue;
        }
        last = Some((&record.source, record.epoch));
        let held = owned.get(&record.source);
        let is_current = held.is_some_and(|held| held.epoch == record.epoch);
        let is_known = firsts.iter().any(|first| first.source == record.source);
        if is_current && !is_known && undecided.contains(&record.source) {
            firsts.push(FirstRecord {
                source: record.source.clone(),
                timestamp: record.timestamp,
            });
        }
    }
    firsts
}

impl Lane {
    /// Whether the lane's one partition is to wait with its records in hand.
    fn may_wait_in_place(&self, standing: &Standing) -> bool {
        self.partitions.owned.len() == 1 && is_soon_over(standing)
    }
}

impl Positions {
    /// Whether a partition still has to wait of which it has been entered what goes before it.
    async fn look_again(
        &self,
        source: &TopicPartition,
        owned: &OwnedPartition,
        destination: &Destination,
    ) -> Result<Start, Failure> {
        let client = destination.connect().await?;
        let (id, at) = (owned.topic_id, Some(owned.next_offset));
        self.find_start(destination, &client, source, id, at).await
    }

    /// Finds out, by its first record, what goes before a partition, and enters it; or what Kafka doesn't answer of that.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked now; try again.
    async fn decide_start(
        &self,
        source: &TopicPartition,
        owned: &OwnedPartition,
        timestamp: Option<i64>,
        destination: &Destination,
    ) -> Result<Result<Start, Unanswered>, Failure> {
        let mut client = destination.connect().await?;
        let (starts, id) = (&destination.ledger.partition_starts, owned.topic_id);
        let at_first = starts.remember_topic(&client, &source.topic, id, source.partition + 1);
        let at_first = at_first.await?;
        let was_added = source.partition >= at_first;
        drop(client); // others need it while Kafka is asked
        if let Some(offline) = self.find_offline_before(source).await? {
            return Ok(Ok(Start::StandsStill(describe_offline(&offline))));
        }
        let others = match (was_added, timestamp) {
            (true, _) => self.ask_offsets(source, None).await,
            // it may have been added before it was first read here; what is of the same moment may be earlier
            (false, Some(time)) => self.ask_offsets(source, Some(time.saturating_add(1))).await,
            (false, None) => Ok(BTreeMap::new()),
        };
        let others = match others {
            Ok(others) => others,
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        let start = PartitionStart {
            begins_at: owned.next_offset,
            others,
            is_guessed: !was_added,
        };
        client = destination.connect().await?;
        starts.enter_start(&client, source, id, &start).await?;
        // read again: what counts is what stands there, whoever entered it
        let at = Some(owned.next_offset);
        let start = self.find_start(destination, &client, source, id, at);
        Ok(Ok(start.await?))
    }

    /// A partition that may go before this one, and that nothing can be asked about, as no broker leads it.
    async fn find_offline_before(
        &self,
        source: &TopicPartition,
    ) -> Result<Option<TopicPartition>, Failure> {
        let (topics, topic, number) = (
            self.topics().clone(),
            source.topic.clone(),
            source.partition,
        );
        ask_kafka(move || {
            let described = topics.describe(&[&topic])?;
            let offline = described.get(&*topic).map(|topic| topic.offline.as_slice());
            let mut offline = offline.unwrap_or_default().iter();
            let first = offline.find(|other| **other < number);
            Ok(first.map(|first| TopicPartition {
                topic: topic.clone(),
                partition: *first,
            }))
        })
        .await
    }

    /// Where those with lower numbers have to be: behind all that they have now, or behind what is older than `before`, in
    /// milliseconds since 1970. Added ones have higher numbers, however often some were added.
    async fn ask_offsets(
        &self,
        source: &TopicPartition,
        before: Option<i64>,
    ) -> Result<BTreeMap<i32, i64>, Unanswered> {
        let topics = self.topics().clone();
        let other = |number| TopicPartition {
            topic: source.topic.clone(),
            partition: number,
        };
        let others: Vec<TopicPartition> = (0..source.partition).map(other).collect();
        ask_or_keep(move || {
            let at_time = match before {
                Some(time) => topics.offsets_at(&others, time)?,
                None => Default::default(),
            };
            let mut offsets = BTreeMap::new();
            for other in &others {
                let offset = match at_time.get(other).copied().flatten() {
                    Some(offset) => offset,
                    None => topics.whole_log_end(other)?,
                };
                offsets.insert(other.partition, offset);
            }
            Ok(offsets)
        })
        .await
    }
}
