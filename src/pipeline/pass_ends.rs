//! Takes watermarks past what nobody gets to see: transaction markers, aborted records, what compaction and
//! retention left out. A watermark says that everything below is dealt with. Were it to stop at the last record, a
//! marker that retention deletes would look like an event that was never landed, and lag would never end.
//!
//! A batch takes its partitions there by itself where it can ([`Batch::pass_ends`]); here are those that are read
//! further without a record.
//!
//! Why: `docs/decisions/01`.
//!
//! [`Batch::pass_ends`]: crate::pipeline::batch::Batch::pass_ends

use uuid::Uuid;

use crate::kafka::inbox::ReadPosition;
use crate::ledger::watermarks::{Fence, WatermarkMove};
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::jumps::{Jump, may_hide_records};
use crate::pipeline::lane::Lane;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::postgres::settings::begin_pinned;
use crate::record::{LogPlace, TopicPartition};
use crate::verdict::Failure;

/// A partition whose watermark lies behind what was read, and how far that was.
struct Behind {
    source: TopicPartition,
    partition: OwnedPartition,
    end: LogPlace,
}

impl Behind {
    fn watermark_move(&self) -> WatermarkMove<'_> {
        WatermarkMove {
            partition_id: self.partition.partition_id,
            seen_batch: self.partition.batch,
            from: self.partition.next_offset,
            to: self.end.offset,
            leader_epoch: self.end.leader_epoch,
            memory: &self.partition.memory,
        }
    }

    /// Where the log goes on, if something may lie before that was never brought.
    fn find_jump(&self) -> Option<Jump> {
        let (end, partition) = (self.end, &self.partition);
        let hides = may_hide_records(partition.read_epoch, end.leader_epoch, partition.seen_epoch);
        hides.then_some(Jump {
            offset: end.offset,
            leader_epoch: end.leader_epoch,
            is_ahead: true,
        })
    }
}

/// What became of an attempt.
enum Passed {
    /// The watermarks are where the logs were read to.
    Moved,
    /// Somebody else has written one of the partitions, or a topic was created again.
    NotOurs,
}

/// Notes how far partitions were read. Nothing of what lies below is queued.
pub fn note_positions(lane: &mut Lane, positions: Vec<ReadPosition>) {
    for position in positions {
        if lane.aside.contains(&position.source) {
            continue; // what was read of it is not done with
        }
        let owned = lane.partitions.owned.get_mut(&position.source);
        if let Some(partition) = owned.filter(|o| o.epoch == position.epoch) {
            partition.position = Some(position.place);
        }
    }
}

/// Moves the watermarks of partitions that were read further than their last record. Asks nobody where there are
/// none. To be called between two batches. What fails is tried again after the next batch, or once the lane is
/// idle; a Postgres that is away is told by the next batch.
pub async fn pass_ends(lane: &mut Lane) {
    for (source, partition) in &lane.partitions.owned {
        if let Some(end) = partition.end_read_below() {
            lane.partitions.progress.note_read(source, end);
        }
    }
    let mut behind = list_behind(lane);
    if behind.is_empty() {
        return;
    }
    let asked = find_overtaken(lane, &behind);
    let asked = lane.waiting.unless_needed(asked).await;
    settle_asked(lane, &mut behind, asked);
    if behind.is_empty() {
        return;
    }
    let batch = Uuid::new_v4();
    let attempt = move_watermarks(lane, batch, &behind);
    let attempt = lane.waiting.unless_needed(attempt).await;
    settle_attempt(lane, batch, behind, attempt);
}

/// The same at the lane's end, whoever needs the lane: retention may go on while no worker runs.
pub async fn pass_last_ends(lane: &mut Lane) {
    let positions = lane.inbox.take_positions();
    note_positions(lane, positions);
    let mut behind = list_behind(lane);
    if behind.is_empty() {
        return;
    }
    let asked = find_overtaken(lane, &behind).await;
    settle_asked(lane, &mut behind, Some(asked));
    if !behind.is_empty() {
        let batch = Uuid::new_v4();
        let attempt = move_watermarks(lane, batch, &behind).await;
        settle_attempt(lane, batch, behind, Some(attempt));
    }
}

/// Those that are behind, once what may hide records is looked for again.
fn list_behind(lane: &mut Lane) -> Vec<Behind> {
    let owned = lane.partitions.owned.iter();
    let behind = owned.filter_map(|(source, partition)| {
        Some(Behind {
            source: source.clone(),
            end: partition.end_to_pass()?,
            partition: partition.clone(),
        })
    });
    let (mut sure, mut doubted) = (Vec::new(), Vec::new());
    for behind in behind {
        match behind.find_jump() {
            None => sure.push(behind),
            Some(jump) => doubted.push((behind.source, jump, behind.partition.epoch)),
        }
    }
    for (source, jump, epoch) in doubted {
        lane.partitions.follow_jump(source, jump, epoch);
    }
    sure
}

/// Which of the partitions Kafka has deleted something of that nobody read: their logs begin behind their watermarks.
/// A reader that comes too late is set to the log's beginning, and may find nothing there but a marker.
async fn find_overtaken(lane: &Lane, behind: &[Behind]) -> Result<Vec<TopicPartition>, Failure> {
    let unasked = behind
        .iter()
        .filter(|b| b.partition.confirmed < Some(b.end.offset));
    let unasked: Vec<(TopicPartition, i64)> = unasked
        .map(|b| (b.source.clone(), b.partition.next_offset))
        .collect();
    if unasked.is_empty() {
        return Ok(Vec::new());
    }
    let topics = lane.before_commit.topics.clone();
    ask_kafka(move || {
        let mut overtaken = Vec::new();
        for (source, next_offset) in unasked {
            if topics.log_ends(&source)?.0 > next_offset {
                overtaken.push(source);
            }
        }
        Ok(overtaken)
    })
    .await
}

/// Leaves those behind of which nothing was deleted unseen. Of the others a person has to hear: they stand still once
/// they are taken up again.
fn settle_asked(
    lane: &mut Lane,
    behind: &mut Vec<Behind>,
    asked: Option<Result<Vec<TopicPartition>, Failure>>,
) {
    let overtaken = match asked {
        Some(Ok(overtaken)) => overtaken,
        Some(Err(error)) => {
            tracing::debug!(lane = lane.number, %error, "can't ask whether anything was deleted unseen yet");
            return behind.clear();
        }
        None => return behind.clear(),
    };
    behind.retain(|b| !overtaken.contains(&b.source));
    lane.partitions.take_up_again(overtaken);
    for Behind { source, end, .. } in behind {
        lane.partitions.progress.note_drained(source, end.offset);
        if let Some(partition) = lane.partitions.owned.get_mut(source) {
            partition.confirmed = Some(end.offset);
        }
    }
}

fn settle_attempt(
    lane: &mut Lane,
    batch: Uuid,
    behind: Vec<Behind>,
    attempt: Option<Result<Passed, Failure>>,
) {
    match attempt {
        Some(Ok(Passed::Moved)) => {
            lane.tell_landed(behind.iter().map(|b| b.source.clone()));
            let ends = behind.into_iter().map(|b| (b.source, b.end));
            lane.partitions.note_passed(ends.collect(), batch);
        }
        Some(Ok(Passed::NotOurs)) => {
            let sources = behind.into_iter().map(|b| b.source);
            lane.partitions.take_up_again(sources);
        }
        Some(Err(error)) => tracing::debug!(lane = lane.number, %error, "watermarks stay behind"),
        None => {}
    }
}

/// In a transaction of its own, fenced as a batch is.
async fn move_watermarks(lane: &Lane, batch: Uuid, behind: &[Behind]) -> Result<Passed, Failure> {
    let topics = behind.iter().map(|b| (&b.source, b.partition.topic_id));
    if lane.before_commit.any_recreated(topics).await? {
        return Ok(Passed::NotOurs);
    }
    let moves: Vec<WatermarkMove<'_>> = behind.iter().map(Behind::watermark_move).collect();
    let mut client = lane.destination.connect().await?;
    let tx = begin_pinned(&mut client).await?;
    let watermarks = &lane.destination.ledger.watermarks;
    if watermarks.move_watermarks(&tx, batch, &moves).await? == Fence::Lost {
        return Ok(Passed::NotOurs);
    }
    tx.commit().await?;
    Ok(Passed::Moved)
}
