//! The advances of a batch while its records are gathered.

use std::collections::HashMap;

use crate::pipeline::advance::Advance;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::record::{Record, TopicPartition};

/// An advance for each partition that has come up, in the order of their first records.
#[derive(Default)]
pub struct Advances<'r> {
    list: Vec<Advance>,
    places: HashMap<&'r TopicPartition, usize>,
    /// Where the advance of the last record is: a partition's records mostly come many at a time.
    last: Option<usize>,
}

impl<'r> Advances<'r> {
    /// Finds the advance that the record belongs to. `None`: the record is left over, from before its
    /// partition was given up, repositioned or created anew.
    pub fn find_for(
        &mut self,
        record: &'r Record,
        owned_partitions: &OwnedPartitions,
    ) -> Option<&mut Advance> {
        let last = self.last.and_then(|place| self.list.get(place));
        if last.is_none_or(|a| a.source != record.source) {
            let place = match self.places.get(&record.source) {
                Some(place) => *place,
                None => self.add_advance(record, owned_partitions)?,
            };
            self.last = Some(place);
        }
        let advance = self.list.get_mut(self.last?)?;
        (advance.held.epoch == record.epoch && advance.jump.is_none()).then_some(advance)
    }

    /// Adds an advance that begins with the record, unless the record is left over from before a seek: the
    /// others would be measured by it.
    fn add_advance(
        &mut self,
        first: &'r Record,
        owned_partitions: &OwnedPartitions,
    ) -> Option<usize> {
        let held = owned_partitions.get(&first.source)?;
        if held.epoch != first.epoch {
            return None;
        }
        let place = self.list.len();
        self.places.insert(&first.source, place);
        self.list.push(Advance::new(first, held.clone()));
        Some(place)
    }

    /// The advances so far.
    pub fn iter(&self) -> impl Iterator<Item = &Advance> {
        self.list.iter()
    }

    /// The advances that take their partitions further, or find them begun anew. Partitions that owe letters come along
    /// without records, lest they wait for some.
    pub fn with_debts(mut self, owned_partitions: &OwnedPartitions) -> Vec<Advance> {
        self.list
            .retain(|a| a.next_offset > a.first_offset || a.jump.is_some());
        for advance in &mut self.list {
            advance.memory.stream_ends.end_batch();
        }
        let owing = owned_partitions.iter().filter(|(source, held)| {
            !held.owed.is_empty() && !self.list.iter().any(|a| a.source == **source)
        });
        let debts: Vec<Advance> = owing
            .filter_map(|(source, held)| Advance::of_debt(source, held))
            .collect();
        self.list.extend(debts);
        self.list
    }
}
