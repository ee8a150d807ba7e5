//! `run --until-caught-up`: waits until every partition has reached the end that its log had at the
//! start. Those of other members of the group count too, by their watermarks in Postgres: a member
//! that was killed keeps its partitions until its session ends, and then they are ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::KafkaConfig;
use crate::kafka;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::topics::Topics;
use crate::pipeline::destination::Destination;
use crate::record::TopicPartition;
use crate::verdict::Failure;
use crate::watch::standing::Standing;

/// How often the own partitions are looked at, and how often those of others.
const OWN_PARTITIONS_INTERVAL: Duration = Duration::from_millis(100);
const OTHERS_PARTITIONS_INTERVAL: Duration = Duration::from_millis(500);

/// How long another member may leave its partition where it is. Longer than a dead one keeps it.
const STANDSTILL_TIMEOUT: Duration = Duration::from_secs(120);

/// A partition as it was at the start.
struct Target {
    source: TopicPartition,
    end: i64,
    /// The watermark as last seen with another member, and since when.
    seen: Option<(Option<i64>, Instant)>,
}

/// Why not everything can be landed. What can be is in.
#[derive(Debug, thiserror::Error)]
pub enum NotCaughtUp {
    /// It would be waited for without end.
    #[error(transparent)]
    Standstill(#[from] Standstill),
    /// Partitions of ours stand still until a person decides; the text says what, a line for each.
    #[error("{0}")]
    Lost(String),
}

/// Another member of the group has a partition, and doesn't get on with it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{partition} is another member's of the group, and has stood at offset {} for {STANDSTILL_TIMEOUT:?}; its log ended at {end} at the start. \
     Look at that member's log, or stop it",
    .watermark.map_or("none".into(), |w| w.to_string()),
)]
pub struct Standstill {
    partition: TopicPartition,
    watermark: Option<i64>,
    /// The end that the log had at the start.
    end: i64,
}

/// Watches how far the group has come.
pub struct CaughtUp {
    /// Whose partitions are looked at, and told from others'.
    pub consumer: GroupConsumer,
    /// Where the logs' ends are asked for.
    pub topics: Topics,
    /// Where others' watermarks are.
    pub destination: Destination,
}

impl CaughtUp {
    /// Returns once every partition has reached its end.
    ///
    /// # Errors
    /// Another member has a partition and doesn't get on with it; or a partition of ours stands still until a person
    /// decides, and all others are in.
    pub async fn wait_until_caught_up(self, config: &KafkaConfig) -> Result<(), NotCaughtUp> {
        let group = self.consumer.group();
        while !group.has_joined() {
            tokio::time::sleep(OWN_PARTITIONS_INTERVAL).await;
        }
        let mut targets = self.ask_targets(config).await;
        if targets.is_empty() {
            tracing::warn!("no topic matches kafka.topics: there is nothing to land");
        }
        loop {
            tokio::time::sleep(OWN_PARTITIONS_INTERVAL).await;
            let standing = group.health.standing_partitions();
            if !self.ours_are_there(&standing) {
                continue;
            }
            match self.others_are_there(&mut targets, &standing).await {
                Ok(true) if standing.is_empty() => break,
                Ok(true) if is_hopeless(&standing) => return Err(NotCaughtUp::of_lost(&standing)),
                Ok(true) => {} // others are drained first
                Ok(false) => {}
                Err(failure) => {
                    tracing::debug!(error = %failure, "can't look at other members' partitions yet")
                }
            }
            if let Some(standstill) = targets.iter().find_map(Target::stands_still) {
                return Err(standstill.into());
            }
            tokio::time::sleep(OTHERS_PARTITIONS_INTERVAL).await;
        }
        tracing::info!("caught up");
        Ok(())
    }

    /// The partitions that aren't empty, with their logs' ends. Asks until Kafka answers.
    async fn ask_targets(&self, config: &KafkaConfig) -> Vec<Target> {
        loop {
            let (topics, config) = (self.topics.clone(), config.clone());
            let asked = tokio::task::spawn_blocking(move || {
                let partitions = topics.partitions(|topic| config.subscribes_to(topic))?;
                let target = |source: TopicPartition| {
                    let (low, end) = topics.log_ends(&source)?;
                    // what is empty has nothing to reach, and maybe no watermark either
                    Ok::<_, kafka::Error>((end > low).then_some(Target {
                        source,
                        end,
                        seen: None,
                    }))
                };
                partitions
                    .into_iter()
                    .filter_map(|p| target(p).transpose())
                    .collect::<Result<Vec<_>, _>>()
            });
            match asked.await {
                Ok(Ok(targets)) => return targets,
                Ok(Err(error)) => tracing::debug!(
                    error = error.to_string(),
                    "can't ask for the ends of the logs yet"
                ),
                Err(error) => tracing::debug!(%error, "can't ask for the ends of the logs yet"),
            }
            tokio::time::sleep(OTHERS_PARTITIONS_INTERVAL).await;
        }
    }

    /// Whether those of ours are read to their ends that don't stand still.
    fn ours_are_there(&self, standing: &BTreeMap<TopicPartition, Standing>) -> bool {
        let group = self.consumer.group();
        let stands_still = |source: &TopicPartition| standing.contains_key(source);
        group.progress.is_caught_up(stands_still) && group.assignment.is_started(stands_still)
    }

    async fn others_are_there(
        &self,
        targets: &mut [Target],
        standing: &BTreeMap<TopicPartition, Standing>,
    ) -> Result<bool, Failure> {
        let group = self.consumer.group();
        let mut all = true;
        let others = targets
            .iter()
            .filter(|t| !group.assignment.has_partition(&t.source))
            .count();
        if others > 0 {
            tracing::debug!(others, "waiting for other members' partitions");
        }
        for target in targets {
            if group.assignment.has_partition(&target.source) {
                target.seen = None;
                continue;
            }
            let client = self.destination.connect().await?;
            let row = self
                .destination
                .ledger
                .watermarks
                .read_partition(&client, &target.source)
                .await?;
            let watermark = row.map(|row| row.watermark.next_offset);
            if watermark >= Some(target.end) {
                target.seen = None;
                continue;
            }
            all = false;
            if target.seen.is_none_or(|(before, _)| before != watermark) {
                target.seen = Some((watermark, Instant::now()));
            }
        }
        // one that was given up a moment ago may have been ours when its turn came
        Ok(all && self.ours_are_there(standing))
    }
}

/// Whether nothing of what stands still will go on by itself: it waits for a person, or for what does.
fn is_hopeless(standing: &BTreeMap<TopicPartition, Standing>) -> bool {
    let is_lost = |topic: &Arc<str>, number: i32| {
        let source = TopicPartition {
            topic: topic.clone(),
            partition: number,
        };
        matches!(standing.get(&source), Some(Standing::Lost(_)))
    };
    standing.iter().all(|(source, standing)| match standing {
        Standing::Lost(_) => true,
        Standing::Waits { behind, .. } => behind.iter().any(|n| is_lost(&source.topic, *n)),
    })
}

impl NotCaughtUp {
    fn of_lost(standing: &BTreeMap<TopicPartition, Standing>) -> Self {
        let line = |(source, s): (&TopicPartition, &Standing)| format!("{source}: {}", s.text());
        let lines: Vec<String> = standing.iter().map(line).collect();
        Self::Lost(lines.join("\n"))
    }
}

impl Target {
    fn stands_still(&self) -> Option<Standstill> {
        let (watermark, since) = self.seen?;
        (since.elapsed() > STANDSTILL_TIMEOUT).then(|| Standstill {
            partition: self.source.clone(),
            watermark,
            end: self.end,
        })
    }
}
