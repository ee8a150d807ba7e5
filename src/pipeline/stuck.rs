//! What holds up a run until everything is caught up: partitions that stand still, and lanes that wait for a person, or
//! for what has been away for too long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::kafka::group::Group;
use crate::pipeline::caught_up::NotCaughtUp;
use crate::record::TopicPartition;
use crate::verdict::Verdict;
use crate::watch::health::Waiter;
use crate::watch::standing::Standing;

/// What doesn't get on by itself, or not soon.
pub(super) struct Stuck {
    /// Partitions that aren't read.
    pub(super) standing: BTreeMap<TopicPartition, Standing>,
    /// What lanes wait for, for people.
    waits: Vec<String>,
    /// The partitions of these lanes.
    held_up: BTreeSet<TopicPartition>,
}

impl Stuck {
    /// As it is now. Lanes are given `patience` to wait for what isn't a person's to mend.
    pub(super) fn find(group: &Group, patience: Duration) -> Self {
        let mut stuck = Self {
            standing: group.health.standing_partitions(),
            waits: Vec::new(),
            held_up: BTreeSet::new(),
        };
        for (who, wait) in group.health.waits() {
            if let Waiter::Lane(lane) = who
                && (wait.verdict == Verdict::Systemic || wait.since.elapsed() > patience)
            {
                stuck.waits.push(wait.describe(who));
                stuck.held_up.extend(group.assignment.partitions_of(lane));
            }
        }
        stuck
    }

    /// Whether there is nothing of the kind.
    pub(super) fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.waits.is_empty()
    }

    /// Whether the partition isn't waited for.
    pub(super) fn leaves_out(&self, source: &TopicPartition) -> bool {
        self.standing.contains_key(source) || self.held_up.contains(source)
    }

    /// Whether nothing of what stands still will go on by itself: it waits for a person, or for what does.
    pub(super) fn is_hopeless(&self) -> bool {
        let is_lost = |topic: &Arc<str>, number: i32| {
            let source = TopicPartition {
                topic: topic.clone(),
                partition: number,
            };
            let standing = self.standing.get(&source);
            standing.is_some_and(Standing::needs_person) || self.held_up.contains(&source)
        };
        self.standing
            .iter()
            .all(|(source, standing)| match standing {
                _ if self.held_up.contains(source) => true,
                Standing::Waits { behind, .. } => behind.iter().any(|n| is_lost(&source.topic, *n)),
                other => other.needs_person(),
            })
    }
}

impl From<Stuck> for NotCaughtUp {
    fn from(stuck: Stuck) -> Self {
        let line = |(source, s): (&TopicPartition, &Standing)| format!("{source}: {}", s.text());
        let mut lines = stuck.waits;
        lines.extend(stuck.standing.iter().map(line));
        Self::Stuck(lines.join("\n"))
    }
}
