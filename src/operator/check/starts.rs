//! Where partitions would begin, before anything runs: by the worker's own rule.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Object;
use serde::Serialize;
use uuid::Uuid;

use crate::config::{Config, StartAt};
use crate::kafka::topic_ids::TopicId;
use crate::ledger::first_starts::{MetTopics, find_first_start, uncommitted_message};
use crate::ledger::overview::list_partitions;
use crate::ledger::resume::{LogState, Watermark, gap_message, plan_resume, short_log_message};
use crate::operator::check::finding::Finding;
use crate::operator::check::sample::{SampledPartition, SampledTopic};
use crate::operator::terminal::{counted, format_table};
use crate::record::TopicPartition;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// So many names of topics are shown; more tell nothing new.
const SHOWN_NAMES_LIMIT: usize = 5;

/// In which way a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Begins {
    /// Where it was left.
    Watermark,
    /// Where the group would go on.
    CommittedOffset,
    /// Behind what is there.
    End,
    /// With all that Kafka still has.
    Beginning,
}

/// Partitions of a topic that begin in the same way.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct StartLine {
    /// The topic.
    pub topic: String,
    /// The way.
    pub from: Begins,
    /// How many partitions.
    pub partitions: usize,
    /// How many the topic has.
    pub of_partitions: usize,
    /// How many offsets of these partitions are read first.
    pub to_read: i64,
    /// How many offsets of these partitions are left out, though this destination never had them.
    pub left_out: i64,
}

/// What the ledger says of where partitions begin.
#[derive(Default)]
pub struct Starts {
    met: MetTopics,
    /// By topic and number, with the id of the topic.
    watermarks: HashMap<TopicPartition, (Option<Uuid>, i64)>,
}

impl Starts {
    /// Reads it.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_ledger(
        client: &Object,
        schema: &str,
        config: &Config,
    ) -> Result<Self, Failure> {
        let (group, start) = (&config.kafka.group, config.kafka.start);
        let partitions = list_partitions(client, schema).await?.into_iter();
        let watermarks = partitions.map(|it| (it.source, (it.topic_id, it.next_offset)));
        Ok(Self {
            met: MetTopics::read_met(client, schema, group, start).await?,
            watermarks: watermarks.collect(),
        })
    }

    /// Where the topics' partitions begin, and what is to be known of that beforehand.
    pub fn judge_topics(
        &self,
        config: &Config,
        topics: &[SampledTopic],
    ) -> (Vec<StartLine>, Vec<Finding>) {
        let (mut lines, mut findings) = (Vec::new(), Vec::new());
        let mut read_again = Vec::new();
        for topic in topics {
            let mut ways: BTreeMap<Begins, StartLine> = BTreeMap::new();
            let mut committed = 0;
            for partition in &topic.partitions {
                let (from, at) = self.find_start(config, topic, partition);
                let line = ways.entry(from).or_insert_with(|| StartLine {
                    topic: topic.name.to_string(),
                    from,
                    partitions: 0,
                    of_partitions: topic.count,
                    to_read: 0,
                    left_out: 0,
                });
                line.partitions += 1;
                line.to_read += (partition.high - at).max(0);
                if matches!(from, Begins::CommittedOffset | Begins::End) {
                    line.left_out += (at.min(partition.high) - partition.low).max(0);
                    findings.extend(judge_offset(config, topic, partition, at));
                }
                if from == Begins::Beginning && self.met.is_met_first(&topic.name) {
                    committed += (partition.next.unwrap_or(0) - partition.low).max(0);
                }
            }
            if committed > 0 {
                read_again.push((&*topic.name, committed));
            }
            lines.extend(ways.into_values());
        }
        findings.extend(warn_of_read_again(config, &read_again));
        findings.extend(self.judge_group(config, topics));
        (lines, findings)
    }

    /// One for all topics that `run` would wait for: of which the group has committed nothing.
    fn judge_group(&self, config: &Config, topics: &[SampledTopic]) -> Option<Finding> {
        let is_take_over = config.kafka.start == StartAt::Group && self.met.is_take_over();
        let waits = |topic: &&SampledTopic| {
            is_take_over && self.met.is_met_first(&topic.name) && topic.is_uncommitted()
        };
        let names: Vec<&str> = topics.iter().filter(waits).map(|it| &*it.name).collect();
        let found = match names.is_empty() {
            true => return None,
            false => uncommitted_message(&config.kafka.group, &join_names(&names)),
        };
        let remedy = "as it is, `run` waits with all topics, and settles nothing";
        Some(Finding::problem("group_uncommitted", found, remedy))
    }

    /// In which way the partition begins, and at which offset.
    fn find_start(
        &self,
        config: &Config,
        topic: &SampledTopic,
        partition: &SampledPartition,
    ) -> (Begins, i64) {
        let source = TopicPartition {
            topic: topic.name.clone(),
            partition: partition.number,
        };
        let log = log_of(topic, partition);
        if let Some((topic_id, next_offset)) = self.watermarks.get(&source) {
            let is_other =
                topic_id.is_some() && log.topic_id.is_some() && *topic_id != log.topic_id;
            return match is_other {
                true => (Begins::Beginning, partition.low),
                false => (Begins::Watermark, *next_offset),
            };
        }
        let first = match self.met.is_met_first(&topic.name) {
            true => find_first_start(config.kafka.start, &log, partition.is_own),
            false => None,
        };
        match (first, config.kafka.start) {
            (Some(offset), StartAt::Group) => (Begins::CommittedOffset, offset),
            (Some(offset), _) => (Begins::End, offset),
            (None, _) => (Begins::Beginning, partition.low),
        }
    }
}

fn log_of(topic: &SampledTopic, partition: &SampledPartition) -> LogState {
    LogState {
        topic_id: topic.id.and_then(TopicId::known),
        low: partition.low,
        high: partition.high,
        committed: partition.next,
    }
}

/// Whether the log has the offset where the partition would begin.
fn judge_offset(
    config: &Config,
    topic: &SampledTopic,
    partition: &SampledPartition,
    at: i64,
) -> Option<Finding> {
    let log = log_of(topic, partition);
    let schema = quote(&config.postgres.schema);
    let source = TopicPartition {
        topic: topic.name.clone(),
        partition: partition.number,
    };
    let known = Watermark {
        topic_id: log.topic_id,
        next_offset: at,
        started_at: Some(at),
    };
    let message = match plan_resume(Some(known), log, true) {
        Err(gap) => gap_message(&source, gap, &schema),
        Ok(_) if at > log.high => short_log_message(&source, known.short_of(log), &schema),
        Ok(_) => return None,
    };
    let group = &config.kafka.group;
    let found = format!(
        "partition {}: the group {group} has committed offset {at}, which its log doesn't have: {message}",
        partition.number
    );
    let remedy = "as it is, `run` lets this partition stand still, and goes on with the others; or set the group's offset (kafka-consumer-groups --reset-offsets) before the first run";
    Some(Finding::problem("committed_offset_not_there", found, remedy).of_topic(&topic.name))
}

/// One for all topics of which the group had something before: what it has landed is landed once more, in old versions first.
fn warn_of_read_again(config: &Config, topics: &[(&str, i64)]) -> Option<Finding> {
    let ((first, _), others) = topics.split_first()?;
    let (group, events) = (
        &config.kafka.group,
        topics.iter().map(|(_, n)| n).sum::<i64>(),
    );
    let whose = match others {
        [] => String::new(),
        _ => {
            let names: Vec<&str> = topics.iter().map(|(name, _)| *name).collect();
            format!("{} topics ({}): ", topics.len(), join_names(&names))
        }
    };
    let found = format!(
        "{whose}never landed here: would be read from the beginning, although the group {group} has committed offsets with {events} events before them, \
         which are read once more: rows that are there go back to older versions first"
    );
    let remedy = match config.kafka.start {
        StartAt::Group => {
            "Landfall itself has committed them, for bookkeeping that isn't here: if it was lost, leave it so; else see that postgres.schema and the database are the right ones, or set the group's offsets by hand (kafka-consumer-groups --reset-offsets)"
        }
        _ => {
            "set kafka.start = \"group\" to go on at the group's committed offsets; leave it, if this destination is to have all of it"
        }
    };
    let finding = Finding::warning("read_from_beginning", found, remedy);
    Some(match others {
        [] => finding.of_topic(first),
        _ => finding,
    })
}

fn join_names(names: &[&str]) -> String {
    let shown = names.get(..SHOWN_NAMES_LIMIT).unwrap_or(names).join(", ");
    match names.len().saturating_sub(SHOWN_NAMES_LIMIT) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// For people: topics that begin alike in one row; empty if there are none.
pub fn list_starts(lines: &[StartLine], group: &str) -> String {
    let mut by_topic: Vec<(&str, String)> = Vec::new();
    for line in lines {
        let text = line.describe_start(group);
        match by_topic.last_mut() {
            Some((topic, texts)) if *topic == line.topic => *texts += &format!("; {text}"),
            _ => by_topic.push((&line.topic, text)),
        }
    }
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (topic, text) in by_topic {
        alike.entry(text).or_default().push(topic);
    }
    let rows: Vec<[String; 2]> = alike
        .into_iter()
        .map(|(text, topics)| [text, join_names(&topics)])
        .collect();
    match rows.as_slice() {
        [] => String::new(),
        _ => format!(
            "\n{}",
            format_table(["reading begins", "topics"], rows, &[])
        ),
    }
}

impl StartLine {
    fn describe_start(&self, group: &str) -> String {
        let from = match self.from {
            Begins::Watermark => "from its watermark".to_owned(),
            Begins::CommittedOffset => format!("from the committed offset of the group {group}"),
            Begins::End => "at the end as it is at the first start".to_owned(),
            Begins::Beginning => "from the beginning".to_owned(),
        };
        let which = match self.partitions == self.of_partitions {
            true => String::new(),
            false => format!(
                " ({} of {} partitions)",
                self.partitions, self.of_partitions
            ),
        };
        let left_out = match usize::try_from(self.left_out).unwrap_or_default() {
            0 => String::new(),
            events => format!(", {} before it left out", counted(events, "event")),
        };
        format!("{from}{which}{left_out}")
    }
}
