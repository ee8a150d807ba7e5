//! What a lane decodes records with. Decoding itself asks nobody: before a batch is decoded, the schemas
//! of its records must be known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::format::decode::Decoder;
use crate::format::framed::SchemaId;
use crate::format::registry::Registry;
use crate::pipeline::retry_policy::Concerned;
use crate::pipeline::waiting::Waiting;
use crate::record::{Record, TopicPartition};
use crate::verdict::Failure;
use crate::watch::metrics;

/// A decoder, and whom it learns schemas from.
pub struct LaneDecoder {
    /// Knows the schemas that were learnt so far.
    pub decoder: Decoder,
    /// Where schemas are, if the encoding has any.
    pub registry: Option<Arc<Registry>>,
}

/// What came of learning schemas.
pub enum Learned {
    /// All that the records need are known.
    All,
    /// Some can't be had now: the records of these partitions from there on can't be read.
    Some(Vec<Concerned>),
    /// Somebody needs the lane.
    LetGo,
}

impl LaneDecoder {
    /// Learns the schemas of these records.
    pub async fn learn_schemas(&mut self, records: &[Record], waiting: &Waiting) -> Learned {
        let Some(registry) = &self.registry else {
            return Learned::All;
        };
        let unknown = self.decoder.unknown_schemas(records);
        if unknown.is_empty() {
            return Learned::All;
        }
        let Some((known, failures)) = waiting.unless_needed(registry.fetch_each(unknown)).await
        else {
            return Learned::LetGo;
        };
        self.decoder.learn_schemas(known);
        match self.find_unreadable(records, failures) {
            unreadable if unreadable.is_empty() => Learned::All,
            unreadable => Learned::Some(unreadable),
        }
    }

    /// The first record of each partition whose schema can't be had.
    fn find_unreadable(
        &self,
        records: &[Record],
        failures: HashMap<SchemaId, Failure>,
    ) -> Vec<Concerned> {
        let concerned = |(id, failure): (SchemaId, Failure)| {
            metrics::count_failed_attempt(&failure);
            let from = HashMap::new();
            (id, Concerned { from, failure })
        };
        let mut unreadable: HashMap<SchemaId, Concerned> =
            failures.into_iter().map(concerned).collect();
        if unreadable.is_empty() {
            return Vec::new();
        }
        let mut reached: HashSet<&TopicPartition> = HashSet::new();
        for record in records {
            if reached.contains(&record.source) {
                continue;
            }
            let needed = self.decoder.unknown_schemas(std::slice::from_ref(record));
            let lacking = needed.into_iter().find(|id| unreadable.contains_key(id));
            if let Some(concerned) = lacking.and_then(|id| unreadable.get_mut(&id)) {
                reached.insert(&record.source);
                let from = &mut concerned.from;
                from.insert(record.source.clone(), record.offset);
            }
        }
        let all = unreadable.into_values();
        all.filter(|concerned| !concerned.from.is_empty()).collect()
    }
}
