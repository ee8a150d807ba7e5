//! What the ledger and Kafka say of each other: events that are gone before they were landed, topics that have grown,
//! tables that another topic leads to by now.

use std::collections::BTreeSet;

use deadpool_postgres::Object;

use crate::config::{Config, Idempotency};
use crate::kafka::topic_ids::TopicId;
use crate::ledger::feeds::{Feeds, TableTopic};
use crate::ledger::overview::{AppliedPartition, FirstRead, list_first_reads, list_partitions};
use crate::ledger::resume::{LogState, Watermark, gap_message, plan_resume};
use crate::operator::check::finding::Finding;
use crate::operator::check::report::TopicLine;
use crate::operator::check::sample::{SampledPartition, SampledTopic};
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// What the ledger has of topics.
#[derive(Default)]
pub struct LedgerFacts {
    partitions: Vec<AppliedPartition>,
    first_reads: Vec<FirstRead>,
    feeds: Vec<TableTopic>,
}

impl LedgerFacts {
    /// Reads it.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_ledger(client: &Object, schema: &str) -> Result<Self, Failure> {
        Ok(Self {
            partitions: list_partitions(client, schema).await?,
            first_reads: list_first_reads(client, schema).await?,
            feeds: Feeds::new(schema).read_feeds_since(client, 0).await?.0,
        })
    }

    /// What a worker would find wrong, or couldn't find, when it takes up the topic.
    pub fn judge_topic(&self, config: &Config, topic: &SampledTopic) -> Vec<Finding> {
        let gaps = topic.partitions.iter().filter_map(|partition| {
            let message = self.find_gap(config, topic, partition)?;
            Some(Finding::problem(
                "events_deleted",
                format!("partition {}: {message}", partition.number),
                "as it is, `run` lets this partition stand still, and goes on with the others",
            ))
        });
        let mut findings: Vec<Finding> = gaps.collect();
        findings.extend(self.warn_of_growth(topic));
        let of_topic = findings.into_iter().map(|f| f.of_topic(&topic.name));
        of_topic.collect()
    }

    /// By the worker's own plan.
    fn find_gap(
        &self,
        config: &Config,
        topic: &SampledTopic,
        partition: &SampledPartition,
    ) -> Option<String> {
        let is_it = |applied: &&AppliedPartition| {
            applied.source.topic == topic.name && applied.source.partition == partition.number
        };
        let applied = self.partitions.iter().find(is_it)?;
        let known = Watermark {
            topic_id: applied.topic_id,
            next_offset: applied.next_offset,
            started_at: None, // it makes no difference to a gap
        };
        let log = LogState {
            topic_id: topic.id.and_then(TopicId::known),
            low: partition.low,
            high: partition.high,
            committed: partition.next,
        };
        let ids_decide = config.apply.idempotency == Idempotency::EventId;
        let gap = plan_resume(Some(known), log, ids_decide).err()?;
        let schema = quote(&config.postgres.schema);
        Some(gap_message(&applied.source, gap, &schema))
    }

    /// A producer that spreads keys by hash moves them between old partitions too, unless the new number of partitions
    /// is a multiple of the old one.
    fn warn_of_growth(&self, topic: &SampledTopic) -> Option<Finding> {
        let id = topic.id.and_then(TopicId::known);
        let is_it = |first: &&FirstRead| *first.topic == *topic.name && first.topic_id == id;
        let first = self.first_reads.iter().find(is_it)?;
        let (before, now) = (usize::try_from(first.partitions).ok()?, topic.count);
        if before == 0 || now <= before || now.is_multiple_of(before) {
            return None;
        }
        Some(Finding::warning(
            "partitions_uneven",
            format!(
                "it has {now} partitions, and had {before} when it was first read, of which {now} is no multiple: rows may have moved between old partitions, which don't wait for each other, and their changes may be landed out of order"
            ),
            "add partitions until their number is a multiple of the old one before more is written, or see that events tell a position at their source",
        ))
    }

    /// Tables that were landed from one topic, and that another topic leads to by now: a warning for each, unless the
    /// routes have told it beforehand.
    pub fn warn_of_late_topics(&self, lines: &[TopicLine]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut told = BTreeSet::new();
        for line in lines {
            let Some(table) = &line.table else { continue };
            let leads_here = |(known, _): &&TableTopic| known.to_string() == *table;
            let fed_by: BTreeSet<&str> = self
                .feeds
                .iter()
                .filter(leads_here)
                .map(|(_, topic)| &**topic)
                .collect();
            let is_late = !fed_by.contains(line.topic.as_str()) && line.sampled > 0;
            let is_planned = line.order.may_match_others || line.order.has_version;
            if fed_by.is_empty() || !is_late || is_planned || !told.insert(table) {
                continue;
            }
            let before: Vec<&str> = fed_by.into_iter().collect();
            let finding = Finding::warning(
                "merged_late",
                format!(
                    "rows of {table} were landed from {} before this topic led to it: they count as older than any event of it",
                    before.join(", ")
                ),
                "if both topics write the same rows, let both be read again, after the worker was stopped: `landfall forget --topic` for each that was read; nothing, if each row has one topic",
            );
            findings.push(finding.of_topic(&line.topic).of_table(table));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(before: i32, now: usize) -> Option<Finding> {
        let facts = LedgerFacts {
            first_reads: vec![FirstRead {
                topic: "t".to_owned(),
                topic_id: None,
                partitions: before,
            }],
            ..LedgerFacts::default()
        };
        facts.warn_of_growth(&SampledTopic {
            name: "t".into(),
            id: None,
            count: now,
            partitions: Vec::new(),
            records: Vec::new(),
        })
    }

    #[test]
    fn a_topic_that_grew_to_no_multiple_of_its_partitions_is_worth_a_warning() {
        assert_eq!(grown(2, 3).map(|f| f.code), Some("partitions_uneven"));
        assert_eq!(grown(2, 4), None);
        assert_eq!(grown(3, 3), None);
    }
}
