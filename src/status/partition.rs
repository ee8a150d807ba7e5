//! One partition, as Kafka and Postgres see it.

use serde::Serialize;

/// One partition, as Kafka and Postgres see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionLine {
    /// The name of the topic.
    pub topic: String,
    /// `None`: the topic isn't there, and never was.
    pub partition: Option<i32>,
    /// Kafka's offset of the group.
    pub committed: Option<i64>,
    /// Everything below is in the destination.
    pub applied: Option<i64>,
    /// The end of the log.
    pub end: Option<i64>,
    /// Records at most that are still to be applied.
    pub lag: Option<i64>,
    /// What the two sides together say.
    pub state: PartitionState,
    /// Why its next events can't be landed, if they can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standstill: Option<Standstill>,
}

/// Why a partition's next events can't be landed, as its worker has noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standstill {
    /// Since when, in UTC as RFC 3339 has it.
    pub since: String,
    /// For people.
    pub why: String,
}

/// How a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// Nothing is to be said.
    Ok,
    /// Nothing was applied yet.
    New,
    /// Deleted and created again since: `applied` speaks of the old topic.
    Recreated,
    /// Partitions that it was added behind are drained first.
    Waiting,
    /// Its next events can't be landed: its worker has noted why.
    StandsStill,
    /// Kafka has deleted events that were still to come.
    Overtaken,
    /// Applied once; Kafka has no such topic, or no such partition, any more.
    NoTopic,
    /// `kafka.topics` doesn't ask for it.
    NotSubscribed,
    /// One of the two sides doesn't answer.
    Unknown,
}

impl PartitionState {
    /// For people: nothing where there is nothing to do.
    pub fn describe_state(self) -> &'static str {
        match self {
            PartitionState::Ok => "",
            PartitionState::New => "nothing applied yet",
            PartitionState::StandsStill => "stands still",
            PartitionState::Waiting => {
                "stands still (waits): older partitions of its topic go first"
            }
            PartitionState::Recreated => "topic created again: will be read from its beginning",
            PartitionState::Overtaken => {
                "stands still (lost): Kafka has deleted what comes next, see /readyz"
            }
            PartitionState::NoTopic => "no such topic any more",
            PartitionState::NotSubscribed => "not in kafka.topics",
            PartitionState::Unknown => "?",
        }
    }
}

impl PartitionLine {
    /// How it is, for people: nothing where there is nothing to do.
    pub fn describe_state(&self) -> String {
        match (self.partition, &self.standstill) {
            (None, _) if self.state == PartitionState::NoTopic => "no such topic".to_owned(),
            (_, Some(Standstill { since, why })) => format!("stands still since {since} {why}"),
            (_, None) => self.state.describe_state().to_owned(),
        }
    }
}
