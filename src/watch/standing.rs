//! Partitions that are ours and aren't read, each with the reason. The others go on.

use std::collections::BTreeMap;

use crate::record::TopicPartition;
use crate::watch::metrics;

/// Why a partition stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Kafka has deleted what comes next. A person must decide; the text says what.
    Lost(String),
    /// Partitions with these numbers, of the same topic, go first: they may have earlier events of its rows.
    Waits {
        behind: Vec<i32>,
        /// How far they are from where they have to be, together.
        offsets: i64,
        /// For people.
        text: String,
    },
}

/// The partitions that stand still.
#[derive(Default)]
pub(super) struct StandingPartitions(BTreeMap<TopicPartition, Standing>);

impl Standing {
    /// Every reason there is, as the `why` label of [`metrics::STANDING`] has it.
    pub const REASONS: [&'static str; 2] = ["lost", "waits"];

    /// Its name among [`Standing::REASONS`].
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Lost(_) => "lost",
            Standing::Waits { .. } => "waits",
        }
    }

    /// What a person reads.
    pub fn text(&self) -> &str {
        match self {
            Standing::Lost(text) | Standing::Waits { text, .. } => text,
        }
    }
}

impl StandingPartitions {
    /// Returns whether this is news: whether the partition didn't stand still, or for another reason.
    pub(super) fn note(&mut self, source: &TopicPartition, standing: Standing) -> bool {
        let why = standing.name();
        let before = self.0.insert(source.clone(), standing);
        self.publish_counts();
        before.is_none_or(|before| before.name() != why)
    }

    /// Returns whether the partition stood still.
    pub(super) fn clear(&mut self, source: &TopicPartition) -> bool {
        let stood = self.0.remove(source).is_some();
        if stood {
            self.publish_counts();
        }
        stood
    }

    /// All of them.
    pub(super) fn all(&self) -> &BTreeMap<TopicPartition, Standing> {
        &self.0
    }

    fn publish_counts(&self) {
        for why in Standing::REASONS {
            let standing = self.0.values().filter(|s| s.name() == why);
            metrics::set_standing_partitions(why, standing.count());
        }
    }
}
