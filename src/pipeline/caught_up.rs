//! `run --until-caught-up`: waits until every partition has reached the end that its log had at the
//! start. Those of other members of the group count too, by their watermarks in Postgres: a member
//! that was killed keeps its partitions until its session ends, and then they are ours.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::KafkaConfig;
use crate::kafka;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::destination::Destination;
use crate::pipeline::stuck::Stuck;
use crate::record::TopicPartition;
use crate::verdict::Failure;

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
    /// Some of it only a person can mend; the text says what, a line for each.
    #[error("{0}")]
    Stuck(String),
    /// What is away didn't come back in time.
    #[error("not caught up after {patience:?} without any progress (--wait-for): {reasons}")]
    Away {
        /// How long it was waited for.
        patience: Duration,
        /// What was waited for.
        reasons: String,
    },
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

/// Since when something is as it is.
struct Unchanged<T> {
    state: T,
    since: Instant,
}

impl<T: PartialEq> Unchanged<T> {
    fn new(state: T) -> Self {
        Self {
            state,
            since: Instant::now(),
        }
    }

    /// Returns how long it has been so.
    fn note(&mut self, state: T) -> Duration {
        if self.state != state {
            *self = Self::new(state);
        }
        self.since.elapsed()
    }
}

impl CaughtUp {
    /// Returns once every partition has reached its end; what is away is waited for as long as `patience`.
    ///
    /// # Errors
    /// Another member has a partition and doesn't get on with it; or some of ours stand still, or their lanes wait, until a
    /// person has mended something, and all others are in; or what is away stays so.
    pub async fn wait_until_caught_up(
        self,
        config: &KafkaConfig,
        patience: Duration,
    ) -> Result<(), NotCaughtUp> {
        let group = self.consumer.group();
        let Some(mut targets) = self.ask_targets(config, patience).await? else {
            tracing::warn!("no topic matches kafka.topics: there is nothing to land");
            return Ok(());
        };
        self.wait_until_joined(patience).await?;
        let mut unread = Unchanged::new(None);
        let mut still = Unchanged::new(BTreeMap::new());
        let mut untold = Unchanged::new(None);
        loop {
            tokio::time::sleep(OWN_PARTITIONS_INTERVAL).await;
            let stuck = Stuck::find(group, patience);
            if !self.ours_are_there(&stuck) {
                let list = || {
                    group
                        .progress
                        .list_unread(|source| stuck.leaves_out(source))
                };
                // what a lane has in hand comes to an end by itself
                let for_so_long = unread.note(group.is_idle().then(list));
                match &unread.state {
                    Some(unread) if for_so_long > patience => {
                        return Err(NotCaughtUp::of_unread(patience, unread));
                    }
                    _ => continue,
                }
            }
            let others = self.others_are_there(&mut targets, &stuck).await;
            let for_so_long = untold.note(
                others
                    .as_ref()
                    .err()
                    .map(|failure| failure.log_line.clone()),
            );
            match others {
                Ok(true) if stuck.is_empty() => break,
                // others may be drained first
                Ok(true)
                    if stuck.is_hopeless()
                        || still.note(stuck.outline(|source| group.progress.applied(source)))
                            > patience =>
                {
                    return Err(stuck.into());
                }
                Ok(_) => {}
                Err(failure) if for_so_long > patience => {
                    return Err(NotCaughtUp::of_away(patience, [failure.log_line]));
                }
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

    async fn wait_until_joined(&self, patience: Duration) -> Result<(), NotCaughtUp> {
        let began_at = Instant::now();
        while !self.consumer.group().has_joined() {
            if began_at.elapsed() > patience {
                let why = "the consumer group lets nobody in, or Kafka doesn't answer".to_owned();
                return Err(NotCaughtUp::of_away(patience, [why]));
            }
            tokio::time::sleep(OWN_PARTITIONS_INTERVAL).await;
        }
        Ok(())
    }

    /// The partitions that aren't empty, with their logs' ends; `None` if there is no topic. Asks until Kafka answers.
    async fn ask_targets(
        &self,
        config: &KafkaConfig,
        patience: Duration,
    ) -> Result<Option<Vec<Target>>, NotCaughtUp> {
        let began_at = Instant::now();
        loop {
            let (topics, config) = (self.topics.clone(), config.clone());
            let asked = ask_kafka(move || {
                let partitions = topics.partitions(|topic| config.subscribes_to(topic))?;
                if partitions.is_empty() {
                    return Ok(None);
                }
                let target = |source: TopicPartition| {
                    let (low, end) = topics.log_ends(&source)?;
                    // what is empty has nothing to reach, and maybe no watermark either
                    Ok((end > low).then_some(Target {
                        source,
                        end,
                        seen: None,
                    }))
                };
                let targets = partitions.into_iter().filter_map(|p| target(p).transpose());
                targets.collect::<Result<Vec<_>, kafka::Error>>().map(Some)
            });
            match asked.await {
                Ok(targets) => return Ok(targets),
                Err(failure) if began_at.elapsed() > patience => {
                    return Err(NotCaughtUp::of_away(patience, [failure.log_line]));
                }
                Err(error) => tracing::debug!(%error, "can't ask for the ends of the logs yet"),
            }
            tokio::time::sleep(OTHERS_PARTITIONS_INTERVAL).await;
        }
    }

    /// Whether those of ours are read to their ends that nothing holds up.
    fn ours_are_there(&self, stuck: &Stuck) -> bool {
        let group = self.consumer.group();
        let left_out = |source: &TopicPartition| stuck.leaves_out(source);
        group.progress.is_caught_up(left_out) && group.assignment.is_started(left_out)
    }

    async fn others_are_there(
        &self,
        targets: &mut [Target],
        stuck: &Stuck,
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
        Ok(all && self.ours_are_there(stuck))
    }
}

impl NotCaughtUp {
    /// What is waited for, for so long already.
    pub(super) fn of_away(patience: Duration, reasons: impl IntoIterator<Item = String>) -> Self {
        let reasons: Vec<String> = reasons.into_iter().collect();
        Self::Away {
            patience,
            reasons: reasons.join("\n"),
        }
    }

    fn of_unread(patience: Duration, unread: &BTreeMap<TopicPartition, Option<i64>>) -> Self {
        let line = |(source, read): (&TopicPartition, &Option<i64>)| match read {
            Some(read) => format!("Kafka brings nothing of {source} from offset {read} on"),
            None => format!("{source} isn't taken up"),
        };
        Self::of_away(patience, unread.iter().map(line))
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
