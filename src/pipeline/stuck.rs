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

/// What tells whether a partition that stands still has got on since, whatever is said of what it stands still for.
pub(super) type Outline = BTreeMap<TopicPartition, (&'static str, Option<i64>, Option<i64>)>;

impl Stuck {
    /// How far what stands still has come: each partition with the kind of its reason, how far the others are that go
    /// first, and its own watermark as `applied` has it.
    pub(super) fn outline(&self, applied: impl Fn(&TopicPartition) -> Option<i64>) -> Outline {
        let outline = |(source, standing): (&TopicPartition, &Standing)| {
            let offsets = match standing {
                Standing::Waits { offsets, .. } => Some(*offsets),
                Standing::Lost(_) | Standing::Fails { .. } => None,
            };
            (source.clone(), (standing.name(), offsets, applied(source)))
        };
        self.standing.iter().map(outline).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn source(partition: i32) -> TopicPartition {
        TopicPartition {
            topic: "orders".into(),
            partition,
        }
    }

    fn fails(verdict: Verdict, text: &str, tried_alone: bool) -> Standing {
        Standing::Fails {
            verdict,
            table: None,
            awaits: Default::default(),
            text: text.to_owned(),
            tried_alone,
        }
    }

    fn stuck(standing: impl IntoIterator<Item = (i32, Standing)>) -> Stuck {
        let standing = standing.into_iter();
        Stuck {
            standing: standing.map(|(n, s)| (source(n), s)).collect(),
            waits: Vec::new(),
            held_up: BTreeSet::new(),
        }
    }

    #[test]
    fn what_has_not_been_tried_by_itself_is_not_given_up() {
        let missing = |tried_alone| fails(Verdict::Systemic, "no table", tried_alone);
        assert!(stuck([(0, missing(true)), (1, missing(true))]).is_hopeless());
        assert!(!stuck([(0, missing(true)), (1, missing(false))]).is_hopeless());
        assert!(!stuck([(0, fails(Verdict::Locked, "held", true))]).is_hopeless());
        let behind = Standing::Waits {
            behind: vec![0],
            offsets: 7,
            text: String::new(),
        };
        assert!(stuck([(0, missing(true)), (1, behind.clone())]).is_hopeless());
        assert!(!stuck([(0, missing(false)), (1, behind)]).is_hopeless());
    }

    #[test]
    fn what_is_said_of_a_lock_is_no_progress_and_what_was_landed_is() {
        let locked = |text| stuck([(0, fails(Verdict::Locked, text, true))]);
        let outline = |stuck: &Stuck, applied| stuck.outline(|_| Some(applied));
        let before = outline(&locked("held by pid 7, active"), 5);
        assert_eq!(
            outline(&locked("held by pid 7, idle in transaction"), 5),
            before
        );
        assert_ne!(outline(&locked("held by pid 7, active"), 6), before);
        let other = stuck([(0, fails(Verdict::Early, "held by pid 7, active", true))]);
        assert_ne!(outline(&other, 5), before);
        let waits = |offsets| {
            let behind = vec![1];
            let text = String::new();
            let waits = Standing::Waits {
                behind,
                offsets,
                text,
            };
            outline(&stuck([(0, waits)]), 5)
        };
        assert_ne!(waits(9), waits(8), "the others get on");
    }
}
