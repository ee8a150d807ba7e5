//! The partitions of a lane: what it knows of them, and whom it tells how far they have come.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::kafka::commit::Committer;
use crate::kafka::inbox::Inbox;
use crate::letter::Letter;
use crate::pipeline::advance::Advance;
use crate::pipeline::jumps::{Jump, Jumps};
use crate::pipeline::owned_partition::{OwnedPartition, OwnedPartitions};
use crate::record::{LogPlace, TopicPartition};
use crate::watch::progress::Progress;

/// The partitions that a lane owns, with what hears of their positions.
pub struct LanePartitions {
    /// Each partition's row as the lane last saw or wrote it.
    pub owned: OwnedPartitions,
    /// Those of which it isn't known yet what goes before them: they have had no record.
    pub undecided: HashSet<TopicPartition>,
    /// Those whose logs went on other than expected, until they have got on again.
    pub jumped: HashMap<TopicPartition, Jumps>,
    /// Those that Kafka couldn't be asked about when they were to be taken up or begun, and how often.
    pub untold: HashMap<TopicPartition, u32>,
    /// Whom a partition that is to be taken up again is handed to.
    pub inbox: Arc<Inbox>,
    /// Where lag and the end of the work are told from.
    pub progress: Arc<Progress>,
    /// Commits offsets to Kafka.
    pub committer: Committer,
}

impl LanePartitions {
    /// Notes that a batch is in, and commits its offsets.
    pub fn note_landed(&mut self, advances: Vec<Advance>, batch: Uuid) {
        let offsets = self.advance_partitions(advances, |progress, partition, advance| {
            progress.note_read(&advance.source, advance.next_offset);
            if advance.moves_watermark() {
                partition.next_offset = advance.new_watermark();
                partition.leader_epoch = advance.leader_epoch;
                partition.batch = batch;
                partition.memory = advance.memory;
                partition.owed = Arc::default();
                let (next, last) = (partition.next_offset, advance.last_event);
                progress.note_applied(&advance.source, next, last);
            }
        });
        self.committer.commit(offsets);
    }

    /// Notes that watermarks have passed what are no records, up to these offsets, and commits them.
    pub fn note_passed(&mut self, ends: Vec<(TopicPartition, LogPlace)>, batch: Uuid) {
        for (source, end) in &ends {
            if let Some(partition) = self.owned.get_mut(source) {
                partition.next_offset = end.offset;
                partition.read_to = Some(end.offset);
                partition.leader_epoch = end.leader_epoch;
                partition.read_epoch = end.leader_epoch;
                partition.batch = batch;
                self.jumped.remove(source);
                self.progress.note_read(source, end.offset);
                self.progress.note_applied(source, end.offset, None);
            }
        }
        let offsets = ends.into_iter().map(|(source, end)| (source, end.offset));
        self.committer.commit(offsets);
    }

    /// Notes that a batch's events are in the dead letter topic while Postgres is away, and commits its
    /// offsets. The rows of the letters are owed.
    pub fn note_diverted(&mut self, advances: Vec<Advance>, letters: Vec<Letter>) {
        let offsets = self.advance_partitions(advances, |progress, partition, advance| {
            progress.note_diverted(&advance.source);
            partition.memory = advance.memory;
        });
        for letter in letters {
            if let Some(partition) = self.owned.get_mut(&letter.source) {
                Arc::make_mut(&mut partition.owed).push(letter);
            }
        }
        self.committer.commit(offsets);
    }

    /// Takes each partition to where the batch has read it. A partition whose offsets began anew in the
    /// middle of the batch is taken up again. Returns the offsets to commit, which is done last.
    fn advance_partitions(
        &mut self,
        advances: Vec<Advance>,
        note: impl Fn(&Progress, &mut OwnedPartition, Advance),
    ) -> Vec<(TopicPartition, i64)> {
        let mut offsets = Vec::with_capacity(advances.len());
        for advance in advances {
            offsets.push((advance.source.clone(), advance.next_offset));
            if let Some(jump) = advance.jump {
                self.follow_jump(advance.source, jump, advance.held.epoch);
            } else if let Some(partition) = self.owned.get_mut(&advance.source) {
                partition.read_to = Some(advance.next_offset);
                partition.read_epoch = advance.leader_epoch;
                if !self.jumped.is_empty() {
                    self.jumped.remove(&advance.source);
                }
                note(&self.progress, partition, advance);
            }
        }
        offsets
    }

    /// Has a partition taken up anew whose log, read under this epoch, goes on other than expected.
    pub fn follow_jump(&mut self, source: TopicPartition, jump: Jump, epoch: u64) {
        let jumps = Jumps::add(self.jumped.get(&source).copied(), jump, epoch);
        tracing::debug!(partition = %source, ?jumps, "the log goes on other than expected: positioned anew");
        self.take_up_again([source.clone()]);
        self.jumped.insert(source, jumps);
    }

    /// Notes a partition that was taken up.
    pub fn note_taken_up(&mut self, source: TopicPartition, partition: OwnedPartition) {
        if partition.is_undecided {
            self.undecided.insert(source.clone());
        } else {
            self.untold.remove(&source);
        }
        if let Some(jumps) = self.jumped.get_mut(&source) {
            jumps.epoch = partition.epoch;
        }
        self.owned.insert(source, partition);
    }

    /// Notes that nothing goes before a partition any more.
    pub fn note_begun(&mut self, source: &TopicPartition) {
        self.undecided.remove(source);
        self.untold.remove(source);
    }

    /// Forgets how the log of a partition went on before the partition was somebody else's: its records have this epoch now.
    pub fn forget_old_jumps(&mut self, source: &TopicPartition, epoch: Option<u64>) {
        if self.jumped.get(source).map(|jumps| jumps.epoch) != epoch {
            self.jumped.remove(source);
        }
    }

    /// Forgets what is known of a partition.
    pub fn forget_partition(&mut self, source: &TopicPartition) {
        self.owned.remove(source);
        self.undecided.remove(source);
    }

    /// Forgets what is known of partitions, and asks for them to be taken up anew.
    pub fn take_up_again(&mut self, sources: impl IntoIterator<Item = TopicPartition>) {
        let sources: Vec<_> = sources.into_iter().collect();
        for source in &sources {
            self.forget_partition(source);
        }
        self.inbox.take_up(sources);
    }

    /// How many rows of letters are to be written once Postgres is back.
    pub fn count_owed_letters(&self) -> usize {
        self.owned.values().map(|held| held.owed.len()).sum()
    }
}
