//! Taking up a partition: its watermark is read, compared with its log, and reading starts there.

use std::collections::BTreeSet;
use std::sync::Arc;

use deadpool_postgres::Object;

use crate::format::merged_tables::MergedTables;
use crate::kafka;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::seek::SeekQueue;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::Topics;
use crate::ledger::Ledger;
use crate::ledger::resume::{LogState, Resume, ResumeReason, doubt_log, gap_message, plan_resume};
use crate::ledger::watermarks::PartitionRow;
use crate::pipeline::awaited_ends::AwaitedEnds;
use crate::pipeline::cut_logs::epoch_to_seek;
use crate::pipeline::destination::Destination;
use crate::pipeline::find_start::Start;
use crate::pipeline::first_starts::LateTopics;
use crate::pipeline::jumps::Jumps;
use crate::pipeline::landed_log::LandedLog;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::pipeline::unanswered::Unanswered;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};
use crate::watch::kafka_health::describe_rival;
use crate::watch::metrics;
use crate::watch::standing::Standing;

/// Reads positions for one lane.
#[derive(Clone)]
pub struct Positions {
    consumer: GroupConsumer,
    seeks: SeekQueue,
    topics: Topics,
    merged: Arc<MergedTables>,
    /// Where topics begin that are met while the worker runs.
    late_topics: Option<LateTopics>,
    /// Where the logs end that partitions wait for.
    pub(super) awaited_ends: AwaitedEnds,
    /// A partition of which nothing is left to read is looked at, whether its log is still the one that was landed: nobody
    /// would wait for the record that tells.
    pub(super) looks_at_ends: bool,
}

/// What came of taking up a partition.
pub enum TakenUp {
    /// The partition is read from its position on.
    Owned(Box<OwnedPartition>),
    /// The partition is somebody else's meanwhile.
    NotOurs,
    /// Somebody needs the lane: it will be taken up later.
    GivenUp,
    /// No broker that was asked knows the topic: it is deleted, or so new that not all of them do.
    NoTopic,
    /// It can't be read now, and why.
    StandsStill(Standing),
    /// Kafka can be asked, but not about this partition.
    Untold(Unanswered),
}

/// What Kafka says of a partition.
enum AskedLog {
    /// Its log, and how many partitions its topic has.
    Told(LogState, i32),
    /// There is no such topic now.
    NoTopic,
    /// No broker leads it.
    Offline,
    /// The broker that leads it doesn't tell.
    Untold(Unanswered),
}

impl Positions {
    /// Positions of the partitions that the group gives to `consumer`.
    pub fn new(
        consumer: GroupConsumer,
        seeks: SeekQueue,
        topics: Topics,
        merged: Arc<MergedTables>,
    ) -> Self {
        Self {
            consumer,
            seeks,
            topics,
            merged,
            late_topics: None,
            awaited_ends: AwaitedEnds::default(),
            looks_at_ends: false,
        }
    }

    /// The same where `kafka.start` has something to say of topics that are met later.
    pub(super) fn settling_late(self, late_topics: Option<LateTopics>) -> Self {
        Self {
            late_topics,
            ..self
        }
    }

    /// The same for somebody who ends once nothing is left to read.
    pub fn looking_at_ends(self, looks_at_ends: bool) -> Self {
        Self {
            looks_at_ends,
            ..self
        }
    }

    /// The consumer whose partitions are positioned.
    pub fn consumer(&self) -> &GroupConsumer {
        &self.consumer
    }

    /// Who is asked about topics.
    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// What is known of where topics lead, which grows.
    pub(super) fn merged_tables(&self) -> &MergedTables {
        &self.merged
    }

    /// Has the partition read from where Postgres says.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked now; try again.
    pub async fn take_up(
        &self,
        source: &TopicPartition,
        lane: usize,
        destination: &Destination,
        jumps: Option<Jumps>,
    ) -> Result<TakenUp, Failure> {
        if !self.consumer.group().assignment.is_held_by(source, lane) {
            return Ok(TakenUp::NotOurs);
        }
        let (mut log, partitions) = match self.read_log(source).await? {
            AskedLog::Told(log, partitions) => (log, partitions),
            AskedLog::NoTopic => return Ok(TakenUp::NoTopic),
            AskedLog::Offline => return Ok(TakenUp::StandsStill(describe_offline(source))),
            AskedLog::Untold(unanswered) => return Ok(TakenUp::Untold(unanswered)),
        };
        if let Some(standing) = self.settle_late(source).await? {
            return Ok(TakenUp::StandsStill(standing));
        }
        let ledger = &destination.ledger;
        let landed = self.find_landed(source, &mut log, destination, jumps);
        let (before, is_doubted) = match landed.await? {
            LandedLog::Same(before) => (before, false),
            LandedLog::Doubted(before) => (Some(before), true),
            LandedLog::Lost(message) => {
                return Ok(TakenUp::StandsStill(Standing::Lost(message)));
            }
            LandedLog::Untold(unanswered) => return Ok(TakenUp::Untold(unanswered)),
        };
        let client = destination.connect().await?;
        self.tell_rival(source, before.as_ref(), ledger.group());
        let of_topic = before.as_ref().map(|row| row.watermark);
        let of_topic = of_topic.filter(|watermark| watermark.topic_id == log.topic_id);
        let watermark = of_topic.map(|watermark| watermark.next_offset);
        let start = self.find_start(destination, &client, source, log.topic_id, watermark);
        let is_undecided = match start.await? {
            Start::Free => false,
            Start::Undecided => true,
            Start::StandsStill(standing) => {
                let (progress, at) = (
                    &self.consumer.group().progress,
                    watermark.unwrap_or(log.low),
                );
                progress.note_taken_up(source, at, at, log.high);
                return Ok(TakenUp::StandsStill(standing));
            }
        };
        let starts = &ledger.partition_starts;
        let is_new = |row: &PartitionRow| row.watermark.topic_id != log.topic_id;
        if before.as_ref().is_none_or(is_new) {
            let (topic, id) = (&source.topic, log.topic_id);
            let remembered = starts.remember_topic(&client, topic, id, partitions);
            remembered.await?;
        }
        let resumed = match self.plan_start(source, before.as_ref(), log, is_doubted, ledger) {
            Ok(resumed) => resumed,
            Err(standing) => return Ok(TakenUp::StandsStill(standing)),
        };
        let row = claim_partition(ledger, &client, source, before.as_ref(), &resumed).await?;
        if row.gave_way {
            self.merged.note_gave_way(&source.topic);
        }
        drop(client);
        let leader_epoch = epoch_to_seek(&row, jumps);
        let sought = self.seek_to(source, lane, resumed.start, leader_epoch);
        match sought.await? {
            Some(epoch) => {
                let (start, watermark) = (resumed.start, row.watermark.next_offset);
                let group = self.consumer.group();
                group.incarnations.note_read(&source.topic, log.topic_id);
                let progress = &group.progress;
                progress.note_taken_up(source, watermark, start, log.high);
                let mut owned = OwnedPartition::new(&row, start, resumed.floor, epoch);
                owned.seen_epoch = jumps.and_then(|jumps| jumps.seen_epoch);
                owned.is_undecided = is_undecided;
                owned.has_siblings = partitions > 1;
                owned.is_at_end = start >= log.high;
                owned.is_untried = matches!(resumed.why, ResumeReason::New)
                    || start == 0
                    || row.watermark.is_as_started();
                Ok(TakenUp::Owned(Box::new(owned)))
            }
            None => Ok(TakenUp::NotOurs),
        }
    }

    /// What keeps it from being settled where the partition's topic begins, if it wasn't there at the first start.
    ///
    /// # Errors
    /// As Postgres says.
    async fn settle_late(&self, source: &TopicPartition) -> Result<Option<Standing>, Failure> {
        let Some(late_topics) = &self.late_topics else {
            return Ok(None);
        };
        match late_topics.settle_topic(&source.topic).await {
            Ok(()) => Ok(None),
            Err(failure) if failure.of_kafka => Ok(Some(Standing::Fails {
                verdict: failure.verdict,
                table: None,
                awaits: BTreeSet::new(),
                tried_alone: true,
                text: format!(
                    "it can't be settled yet where {} begins, as kafka.start has it: {failure}",
                    source.topic
                ),
            })),
            Err(failure) => Err(failure),
        }
    }

    /// Where to start reading, by what both sides say.
    fn plan_start(
        &self,
        source: &TopicPartition,
        before: Option<&PartitionRow>,
        log: LogState,
        is_doubted: bool,
        ledger: &Ledger,
    ) -> Result<Resume, Standing> {
        let known = before.map(|row| row.watermark);
        let plan = match is_doubted {
            true => Ok(doubt_log(log)),
            false => plan_resume(known, log, ledger.keeps_ids()),
        };
        let resumed = plan.map_err(|gap| {
            let progress = &self.consumer.group().progress;
            progress.note_taken_up(source, gap.next_offset, gap.next_offset, log.high);
            Standing::Lost(gap_message(source, gap, ledger.quoted_schema()))
        })?;
        let last_group = before.map(|row| row.group.as_str());
        let rival = last_group.filter(|group| *group != ledger.group());
        log_resumption(source, &resumed, &log, rival);
        Ok(resumed)
    }

    /// Says once that another group writes the partition.
    fn tell_rival(&self, source: &TopicPartition, before: Option<&PartitionRow>, group: &str) {
        let kafka = &self.consumer.group().health.kafka;
        if let Some(row) = before.filter(|row| row.group != group)
            && kafka.note_rival(&row.group, source, row.batch)
        {
            tracing::error!(partition = %source, "{}", describe_rival(&row.group));
        }
    }

    /// What Kafka says of the partition.
    async fn read_log(&self, source: &TopicPartition) -> Result<AskedLog, Failure> {
        let (consumer, topics, source) =
            (self.consumer.clone(), self.topics.clone(), source.clone());
        let unavailable = |what: String| {
            Failure::new(
                Verdict::Unavailable,
                format!("Kafka can't be asked about {what}"),
            )
        };
        // the questions block their thread
        let asked = tokio::task::spawn_blocking(move || {
            let described = topics.describe(&[&source.topic])?;
            let described = described.get(&*source.topic);
            let id = described.map_or(TopicId::Untold, |topic| topic.id);
            let partitions = described.map_or(0, |topic| topic.partitions);
            if id == TopicId::Gone {
                return Ok(AskedLog::NoTopic);
            }
            if described.is_some_and(|topic| topic.offline.contains(&source.partition)) {
                return Ok(AskedLog::Offline);
            }
            let (low, high) = match topics.log_ends(&source) {
                Ok(ends) => ends,
                Err(error) => {
                    let ask = move || topics.log_ends(&source);
                    return Ok(AskedLog::Untold(Unanswered::new(&error, ask)));
                }
            };
            let log = LogState {
                topic_id: id.known(),
                low,
                high,
                committed: consumer.committed_offset(&source)?,
            };
            // a broker that is a moment behind may know fewer
            let partitions = partitions.max(source.partition + 1);
            Ok::<_, kafka::Error>(AskedLog::Told(log, partitions))
        });
        match asked.await {
            Ok(Ok(log)) => Ok(log),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }

    /// Returns the epoch of the records from there on; `None` if the partition isn't the lane's any more.
    async fn seek_to(
        &self,
        source: &TopicPartition,
        lane: usize,
        offset: i64,
        leader_epoch: Option<i32>,
    ) -> Result<Option<u64>, Failure> {
        let epoch = self.seeks.seek_to(source, lane, offset, leader_epoch).await;
        let epoch = epoch.map_err(|closing| Failure::new(Verdict::Retry, closing.to_string()))?;
        if epoch.is_none() && self.consumer.group().assignment.is_held_by(source, lane) {
            return Err(Failure::new(
                Verdict::Unavailable,
                format!("Kafka can't be read at {source}, offset {offset}"),
            ));
        }
        Ok(epoch)
    }
}

/// A partition waits for a broker, and no other does.
pub(super) fn describe_offline(source: &TopicPartition) -> Standing {
    Standing::Fails {
        verdict: Verdict::Unavailable,
        table: None,
        awaits: BTreeSet::new(),
        tried_alone: true,
        text: format!(
            "no broker leads {source} now: it is offline, as its replicas' brokers are down, or their disks failed"
        ),
    }
}

/// Has the partition's row say where reading starts, and gives it back.
async fn claim_partition(
    ledger: &Ledger,
    client: &Object,
    source: &TopicPartition,
    before: Option<&PartitionRow>,
    resumed: &Resume,
) -> Result<PartitionRow, Failure> {
    let watermarks = &ledger.watermarks;
    // another log may begin right where the watermark is: the row would have it looked for without end
    let is_other_log = resumed.why == ResumeReason::OtherLog;
    if is_other_log || before.map(|row| row.watermark) != Some(resumed.watermark) {
        let watermark = resumed.watermark;
        watermarks
            .enter_partition(client, source, before, watermark)
            .await?;
    }
    // read again: what counts is what stands there, whoever wrote it
    let row = watermarks.read_partition(client, source).await?;
    if let Some(row) = row.as_ref().filter(|row| row.stands) {
        let id = row.partition_id;
        ledger.standstills.clear_standstill(client, id).await?;
    }
    row.filter(|row| row.watermark == resumed.watermark)
        .ok_or_else(|| {
            Failure::new(
                Verdict::Retry,
                format!("{source} was moved by another process meanwhile"),
            )
        })
}

/// One line when a partition is not simply continued. `rival`: another group, if one has moved it last.
fn log_resumption(source: &TopicPartition, resumed: &Resume, log: &LogState, rival: Option<&str>) {
    metrics::count_resumption(resumed.why.name());
    let (start, watermark, committed) =
        (resumed.start, resumed.watermark.next_offset, log.committed);
    match resumed.why {
        ResumeReason::Continue => {
            tracing::debug!(partition = %source, start, rival, "continues at its watermark")
        }
        ResumeReason::New => {
            tracing::info!(partition = %source, start, committed, "never applied to this destination: starts at its beginning")
        }
        // `tell_rival` has told of it once: under load, they take a partition from each other again and again
        ResumeReason::Behind if rival.is_some() => {
            tracing::debug!(partition = %source, start, watermark, rival, "another group has moved the watermark past Kafka's offset")
        }
        ResumeReason::Behind => {
            tracing::info!(partition = %source, start, watermark, "Kafka's offset is behind the watermark: what lies between is counted as duplicates")
        }
        ResumeReason::Restored => {
            tracing::warn!(partition = %source, start, committed, "Kafka's offset is ahead of the watermark (was the destination restored?): seeks back")
        }
        ResumeReason::Recreated => {
            tracing::warn!(partition = %source, start, "the topic was deleted and created again: read from its beginning, ids decide what is a duplicate")
        }
        ResumeReason::Doubtful | ResumeReason::OtherLog => {
            tracing::warn!(partition = %source, start, watermark, end = log.high, "offsets can't be trusted here: ids decide what is a duplicate")
        }
    }
}
