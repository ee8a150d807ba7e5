//! Which partitions of a topic go first. A row's key is in one partition, until partitions are added: then later events
//! of the row come through another one. So a partition is begun only once those are drained that may have earlier
//! events of its rows. What these are is found out with its first record, and entered in the ledger for good.
//!
//! Why: `docs/decisions/19`.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpool_postgres::Object;
use uuid::Uuid;

use crate::ledger::partition_starts::{PartitionStart, Undrained};
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::await_answer::describe_untold;
use crate::pipeline::destination::Destination;
use crate::pipeline::lane::Lane;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::pipeline::positioning::{Positions, describe_offline};
use crate::pipeline::stand_still::is_soon_over;
use crate::record::{Record, TopicPartition};
use crate::table_name::TableName;
use crate::verdict::Failure;
use crate::watch::standing::Standing;

/// What a partition waits for.
pub(super) struct Wait {
    /// What people are told.
    pub(super) standing: Standing,
    undrained: Vec<Undrained>,
}

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
        while looks > 0 && matches!(&decided, Some(Some(it)) if lane.may_wait_in_place(it)) {
            if !lane.waiting.sleep_unless_needed(LOOK_INTERVAL).await {
                decided = None;
                break;
            }
            let attempt = || positions.look_again(&source, owned, destination);
            decided = lane.waiting.until(attempt).await;
            looks -= 1;
        }
        match decided {
            None => lane.partitions.take_up_again([source]),
            Some(None) => _ = lane.partitions.undecided.remove(&source),
            Some(Some(standing)) => {
                lane.partitions.forget_partition(&source);
                lane.stand_still(source, standing);
            }
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
    /// What a partition has to wait for of which it has been entered what goes before it, if that isn't drained yet.
    async fn look_again(
        &self,
        source: &TopicPartition,
        owned: &OwnedPartition,
        destination: &Destination,
    ) -> Result<Option<Standing>, Failure> {
        let client = destination.connect().await?;
        let (starts, id) = (&destination.ledger.partition_starts, owned.topic_id);
        let Some(start) = starts.read_start(&client, source, id).await? else {
            return Ok(None);
        };
        let wait = self.find_wait(destination, &client, source, &start, id);
        Ok(wait.await?.map(|wait| wait.standing))
    }

    /// Finds out, by its first record, what goes before a partition, and enters it. Returns what the partition has to
    /// wait for, if that isn't drained yet.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked now; try again.
    async fn decide_start(
        &self,
        source: &TopicPartition,
        owned: &OwnedPartition,
        timestamp: Option<i64>,
        destination: &Destination,
    ) -> Result<Option<Standing>, Failure> {
        let mut client = destination.connect().await?;
        let (starts, id) = (&destination.ledger.partition_starts, owned.topic_id);
        let at_first = starts.remember_topic(&client, &source.topic, id, source.partition + 1);
        let at_first = at_first.await?;
        let was_added = source.partition >= at_first;
        drop(client); // others need it while Kafka is asked
        if let Some(offline) = self.find_offline_before(source).await? {
            return Ok(Some(describe_offline(&offline)));
        }
        let others = match (was_added, timestamp) {
            (true, _) => self.ask_offsets(source, None).await,
            // it may have been added before it was first read here; what is of the same moment may be earlier
            (false, Some(time)) => self.ask_offsets(source, Some(time.saturating_add(1))).await,
            (false, None) => Ok(BTreeMap::new()),
        };
        let others = match others {
            Ok(others) => others,
            Err(failure) => return Ok(Some(describe_untold(&failure))),
        };
        let start = PartitionStart {
            begins_at: owned.next_offset,
            others,
            is_guessed: !was_added,
        };
        client = destination.connect().await?;
        starts.enter_start(&client, source, id, &start).await?;
        let wait = self.find_wait(destination, &client, source, &start, id);
        Ok(wait.await?.map(|wait| wait.standing))
    }

    /// What the partition has to wait for, if that isn't drained yet. What was only guessed is given up where a lane
    /// waits for a row of a table that the partition's topic leads to: it may be the one that brings the row. What is known
    /// is given up where an event of the same topic waits, which may be among those that go first.
    ///
    /// # Errors
    /// As Postgres says.
    pub(super) async fn find_wait(
        &self,
        destination: &Destination,
        client: &Object,
        source: &TopicPartition,
        start: &PartitionStart,
        topic_id: Option<Uuid>,
    ) -> Result<Option<Wait>, Failure> {
        let starts = &destination.ledger.partition_starts;
        if start.others.is_empty() {
            // also if it was cleared by a process that was stopped before anybody was told
            self.merged_tables().note_gave_way(&source.topic);
            starts.overtake_others(client, source, topic_id).await?;
            return Ok(None);
        }
        let wait = describe_wait(destination, client, source, topic_id, start).await?;
        if wait.is_none() {
            return Ok(wait);
        }
        let (health, merged) = (&self.consumer().group().health, self.merged_tables());
        let awaited = health.find_awaited(|table, topic| {
            // one that was added waits for what may wait for it in turn
            let may_give_way = start.is_guessed || topic == &*source.topic;
            may_give_way && merged.may_lead_to(&source.topic, table)
        });
        let Some(table) = awaited else {
            return Ok(wait);
        };
        starts.clear_others(client, source).await?;
        // first here, then to others: who is told neither way has locked its partition's row before, and is waited for
        self.tell_gave_way(source, &table);
        starts.overtake_others(client, source, topic_id).await?;
        Ok(None)
    }

    /// Whether all that a partition waits for is drained after all, as the logs end before where they ended once: Kafka has
    /// lost their ends. Where it can't be asked, they aren't.
    pub(super) async fn is_drained_to_ends(&self, source: &TopicPartition, wait: &Wait) -> bool {
        for undrained in &wait.undrained {
            let (topics, other) = (self.topics().clone(), undrained.source(source));
            let end = ask_kafka(move || topics.whole_log_end(&other)).await;
            if !end.is_ok_and(|end| undrained.is_drained_to(end)) {
                return false;
            }
        }
        true
    }

    /// From here on the topic's changes are put in order by their source.
    fn tell_gave_way(&self, source: &TopicPartition, table: &TableName) {
        self.merged_tables().note_gave_way(&source.topic);
        tracing::warn!(
            partition = %source,
            table = table.to_string(),
            "a partition is begun before others that may have earlier events of its rows: a row of this table is waited for, which it may bring; changes are put in order by their positions at the source, where they tell any"
        );
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
    ) -> Result<BTreeMap<i32, i64>, Failure> {
        let (consumer, topics) = (self.consumer().clone(), self.topics().clone());
        let other = |number| TopicPartition {
            topic: source.topic.clone(),
            partition: number,
        };
        let others: Vec<TopicPartition> = (0..source.partition).map(other).collect();
        ask_kafka(move || {
            let at_time = match before {
                Some(time) => consumer.offsets_at(&others, time)?,
                None => Default::default(),
            };
            let mut offsets = BTreeMap::new();
            for other in others {
                let offset = match at_time.get(&other).copied().flatten() {
                    Some(offset) => offset,
                    None => topics.whole_log_end(&other)?,
                };
                offsets.insert(other.partition, offset);
            }
            Ok(offsets)
        })
        .await
    }
}

/// What the partition waits for, if that isn't drained yet.
///
/// # Errors
/// As Postgres says.
async fn describe_wait(
    destination: &Destination,
    client: &Object,
    source: &TopicPartition,
    topic_id: Option<Uuid>,
    start: &PartitionStart,
) -> Result<Option<Wait>, Failure> {
    let starts = &destination.ledger.partition_starts;
    let numbers: Vec<i32> = start.others.keys().copied().collect();
    let watermarks = starts.read_watermarks(client, &source.topic, topic_id, &numbers);
    let undrained = start.find_undrained(&watermarks.await?);
    let Some(first) = undrained.first() else {
        return Ok(None);
    };
    let is_at = match first.watermark {
        Some(watermark) => format!("is at offset {watermark}"),
        None => "wasn't taken up yet".to_owned(),
    };
    let more = match undrained.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let text = format!(
        "partition {} of its topic goes first, up to offset {}, and {is_at}{more}: it may have earlier events of the same rows",
        first.number, first.needed,
    );
    let standing = Standing::Waits {
        text,
        behind: undrained.iter().map(|u| u.number).collect(),
        offsets: undrained
            .iter()
            .map(|u| u.needed - u.watermark.unwrap_or_default())
            .sum(),
    };
    Ok(Some(Wait {
        standing,
        undrained,
    }))
}
