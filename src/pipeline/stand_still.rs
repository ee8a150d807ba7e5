//! A partition that can't be read now stands still by itself: the lane's others go on. It is looked at again every
//! so often, and read once its reason is gone, be it that a person has decided.
//!
//! Why: `docs/decisions/01`.

use std::time::Duration;

use crate::pipeline::lane::Lane;
use crate::record::TopicPartition;
use crate::watch::standing::Standing;

/// When to look again whether a person has decided.
const LOST_LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// When to look again whether other partitions are drained, while that takes longer,
const WAIT_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// and when there is so little left that it is done in a moment.
const SOON_LOOK_INTERVAL: Duration = Duration::from_millis(50);
const SOON_DRAINED_OFFSETS: i64 = 20_000;

/// Whether a partition waits for so little that it is done in a moment.
pub(super) fn is_soon_over(standing: &Standing) -> bool {
    matches!(standing, Standing::Waits { offsets, .. } if *offsets < SOON_DRAINED_OFFSETS)
}

impl Lane {
    /// Leaves a partition where it is: it isn't fetched, and what is fetched of it already is dropped.
    pub(super) fn stand_still(&mut self, source: TopicPartition, standing: Standing) {
        let consumer = self.positions.consumer();
        if !consumer.hold_partition(&source, self.number) {
            return; // somebody else's meanwhile
        }
        let pause = match standing {
            Standing::Lost(_) | Standing::Fails { .. } => LOST_LOOK_INTERVAL,
            Standing::Waits { .. } if is_soon_over(&standing) => SOON_LOOK_INTERVAL,
            Standing::Waits { .. } => WAIT_LOOK_INTERVAL,
        };
        if self.note_standing(&source, standing.clone()) {
            match &standing {
                Standing::Lost(text) | Standing::Fails { text, .. } => {
                    tracing::error!(partition = %source, "a partition stands still, and the others go on: {text}");
                }
                Standing::Waits { text, .. } => {
                    tracing::info!(partition = %source, "a partition waits for others: {text}");
                }
            }
        }
        self.take_up_later(source, pause);
    }

    /// The partition is read, from wherever.
    pub(super) fn tell_moving(&self, source: &TopicPartition) {
        self.give_hope(source, false);
        let health = &self.positions.consumer().group().health;
        if health.note_moving(source) {
            tracing::info!(partition = %source, "a partition that stood still goes on");
        }
    }

    /// The partition is read. One that is read again to see whether it can go on is told once something of it is landed.
    pub(super) fn tell_taken_up(&self, source: &TopicPartition) {
        match self.aside.rereads.contains(source) {
            true => self.give_hope(source, false),
            false => self.tell_moving(source),
        }
    }

    /// Something of these partitions is landed.
    pub(super) fn tell_landed(&mut self, sources: impl Iterator<Item = TopicPartition>) {
        if self.aside.rereads.is_empty() {
            return; // as mostly
        }
        for source in sources {
            if self.aside.rereads.remove(&source) {
                self.tell_moving(&source);
            }
        }
    }

    /// What a partition brings is landed from now on, and others may wait for it.
    pub(super) fn give_hope(&self, source: &TopicPartition, whatever: bool) {
        let (group, merged) = (
            self.positions.consumer().group(),
            self.feeds.merged_tables(),
        );
        let only_table = |topic: &str| merged.find_only_table(topic);
        group.health.give_hope(source, whatever, only_table);
    }

    /// A partition that is somebody else's meanwhile is no business of ours.
    pub(super) fn forget_standing(&self, source: &TopicPartition) {
        let group = self.positions.consumer().group();
        if !group.assignment.has_partition(source) {
            group.health.note_moving(source);
        }
    }

    /// Has a partition taken up after a pause, if it is still the lane's then.
    pub(super) fn take_up_later(&self, source: TopicPartition, pause: Duration) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            inbox.take_up([source]);
        });
    }
}
