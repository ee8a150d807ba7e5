//! How far the logs were read, records or not: librdkafka's position passes what nobody gets to see, which is
//! transaction markers, aborted records and what compaction has left out.
//!
//! librdkafka moves a position when what lies below it is handed over, and forgets it with each seek. So a position
//! says that every record below it is in the inbox of its lane by now, or has been landed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::kafka::group::Group;
use crate::kafka::leader_epochs::read_position_epochs;
use crate::kafka::partition_list::{offset_of, partition_of};
use crate::record::{LogPlace, TopicPartition};

/// Between two looks at the positions of a few partitions,
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// and what each partition adds, of which a look takes about a microsecond.
const LOOK_INTERVAL_PER_PARTITION: Duration = Duration::from_micros(50);

/// The positions that lanes have yet to be told. Belongs to the thread that polls and seeks: so no position is told
/// with an epoch that isn't its own.
#[derive(Default)]
pub(super) struct UntoldPositions {
    /// Something was read since the last look.
    stirred: bool,
    looked_at: Option<Instant>,
    /// With their epochs, as of the last look.
    told: HashMap<TopicPartition, (u64, LogPlace)>,
}

impl UntoldPositions {
    /// Something was read, or a log has come to its end.
    pub(super) fn note_stirred(&mut self) {
        self.stirred = true;
    }

    /// Tells the lanes the positions that have changed, if it is time for that.
    pub(super) fn tell_when_due(&mut self, consumer: &BaseConsumer<Group>) {
        let partitions = u32::try_from(self.told.len()).unwrap_or(u32::MAX);
        let interval = LOOK_INTERVAL + LOOK_INTERVAL_PER_PARTITION.saturating_mul(partitions);
        if self.stirred && self.looked_at.is_none_or(|at| at.elapsed() > interval) {
            self.tell_changed(consumer);
        }
    }

    /// Tells the lanes the positions that have changed.
    pub(super) fn tell_changed(&mut self, consumer: &BaseConsumer<Group>) {
        self.looked_at = Some(Instant::now());
        let positions = match consumer.position() {
            Ok(positions) => positions,
            Err(error) => return tracing::debug!(%error, "kafka: positions are not told"),
        };
        self.stirred = false;
        let group = consumer.context();
        let mut told = HashMap::with_capacity(self.told.len());
        let leader_epochs = read_position_epochs(&positions);
        for (element, leader_epoch) in positions.elements().iter().zip(leader_epochs) {
            let source = partition_of(element);
            let started = group.assignment.find_started(&source);
            if let (Some((lane, epoch)), Some(offset)) = (started, offset_of(element)) {
                let place = LogPlace {
                    offset,
                    leader_epoch,
                };
                if self.told.get(&source) != Some(&(epoch, place)) {
                    let inbox = group.inbox_of(lane);
                    inbox.note_position(&source, epoch, place);
                }
                told.insert(source, (epoch, place));
            }
        }
        self.told = told;
    }
}
