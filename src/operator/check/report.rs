//! The whole answer, and how programs read it.

use serde::Serialize;

use crate::operator::check::finding::Finding;
use crate::operator::check::merged::SampledOrder;
use crate::operator::check::observe::Origin;
use crate::operator::check::patterns::PatternLine;
use crate::operator::check::starts::StartLine;
use crate::operator::check::trial::AwaitedParents;
use crate::operator::terminal::json_line;
use crate::rows::evolution::WantedTable;

/// All that a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// Kafka's side.
    pub kafka: KafkaLine,
    /// Postgres' side.
    pub postgres: PostgresLine,
    /// The registry's side; `None` if records need none.
    pub registry: Option<RegistryLine>,
    /// What the configuration's patterns match.
    pub patterns: Vec<PatternLine>,
    /// Each topic with each table that it leads to.
    pub topics: Vec<TopicLine>,
    /// Where reading would begin; each topic once for each way in which partitions of it begin.
    pub starts: Vec<StartLine>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The statements that would give tables what their events ask for, if they are asked for.
    pub ddl: String,
}

/// Kafka, as it was found.
#[derive(Debug, Default, Serialize)]
pub struct KafkaLine {
    /// `kafka.brokers`.
    pub brokers: String,
    /// Whether a broker answered.
    pub reachable: bool,
    /// How many brokers there are; `None` if none answered.
    pub broker_count: Option<usize>,
    /// `kafka.group`.
    pub group: String,
    /// The topics that dead letters go to: `dead_letter.topic` first, then those of routes.
    pub dead_letter_topics: Vec<LetterTopicLine>,
}

/// A dead letter topic, as it was found.
#[derive(Debug, Default, Serialize)]
pub struct LetterTopicLine {
    /// Its name.
    pub topic: String,
    /// Whether it is there; `None` if no broker answered.
    pub exists: Option<bool>,
    /// Whether `run` could create it; `None` if it is there, or nobody knows.
    pub creatable: Option<bool>,
}

/// Postgres, as it was found.
#[derive(Debug, Default, Serialize)]
pub struct PostgresLine {
    /// The URL without its password and parameters.
    pub url: String,
    /// Whether the server let us in.
    pub reachable: bool,
    /// The version of the server.
    pub version: Option<String>,
    /// The role that we are logged in as.
    pub role: Option<String>,
    /// `postgres.schema`, the bookkeeping schema.
    pub schema: String,
    /// The version of the bookkeeping schema. 0: not there yet.
    pub schema_version: Option<i32>,
}

/// The schema registry, as it was found.
#[derive(Debug, Default, Serialize)]
pub struct RegistryLine {
    /// `format.registry.url`, each of them.
    pub urls: Vec<String>,
    /// How many of them answer.
    pub reachable: usize,
    /// How many schemas the sampled records have.
    pub schemas: usize,
}

/// A topic and a table that its events lead to. A topic that leads nowhere has no table.
#[derive(Clone, Debug, Serialize)]
pub struct TopicLine {
    /// The name of the topic.
    pub topic: String,
    /// How many partitions the topic has.
    pub partitions: usize,
    /// Records at most: the offsets between beginning and end.
    pub offsets: i64,
    /// How many records were read.
    pub sampled: usize,
    /// Of the sampled records, by subject, version and id.
    pub schemas: Vec<String>,
    /// The table; `None` if nothing tells one.
    pub table: Option<String>,
    /// Where the table is known from.
    pub table_from: Option<Origin>,
    /// Each form of the key that the events have; nearly always one.
    pub key: Vec<Vec<String>>,
    /// How many columns the events carry.
    pub columns: usize,
    /// The columns that the table lacks.
    pub missing_columns: Vec<String>,
    /// The privileges that our role lacks on the table.
    pub missing_privileges: Vec<&'static str>,
    /// By what the changes of a row are put in order: `partition`, `source position` or `version`.
    pub ordered_by: &'static str,
    /// What the sampled events say of their order.
    #[serde(skip)]
    pub order: SampledOrder,
    /// Sampled events that wait for rows of other tables.
    #[serde(skip)]
    pub awaited: Option<AwaitedParents>,
    /// What its sampled events ask of the table.
    #[serde(skip)]
    pub wanted: Option<WantedTable>,
    /// Whether `run` would make the table.
    #[serde(skip)]
    pub makes_table: bool,
    /// `ok`, `warning`, `problem` or `not checked`.
    pub state: &'static str,
}

impl Report {
    /// How many of the findings are problems.
    pub fn count_problems(&self) -> usize {
        self.findings.iter().filter(|f| f.is_problem()).count()
    }

    /// For programs: one JSON object a line.
    pub fn as_json_lines(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        enum ReportLine<'a> {
            Kafka(&'a KafkaLine),
            Postgres(&'a PostgresLine),
            Registry(&'a RegistryLine),
            Pattern(&'a PatternLine),
            Topic(&'a TopicLine),
            Start(&'a StartLine),
        }
        let sides = [
            ReportLine::Kafka(&self.kafka),
            ReportLine::Postgres(&self.postgres),
        ];
        let registry = self.registry.iter().map(ReportLine::Registry);
        let patterns = self.patterns.iter().map(ReportLine::Pattern);
        let topics = self.topics.iter().map(ReportLine::Topic);
        let starts = self.starts.iter().map(ReportLine::Start);
        let lines = sides
            .into_iter()
            .chain(registry)
            .chain(patterns)
            .chain(topics)
            .chain(starts);
        let findings = self.findings.iter().map(json_line);
        lines.map(|line| json_line(&line)).chain(findings).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn report() -> Report {
        Report {
            topics: vec![TopicLine {
                topic: "shop.public.orders".to_owned(),
                partitions: 3,
                offsets: 12,
                sampled: 12,
                schemas: Vec::new(),
                table: Some("public.orders".to_owned()),
                table_from: Some(Origin::Events),
                key: vec![vec!["shop".to_owned(), "id".to_owned()]],
                columns: 4,
                missing_columns: vec!["note".to_owned()],
                missing_privileges: vec![],
                ordered_by: "partition",
                order: SampledOrder::default(),
                awaited: None,
                wanted: None,
                makes_table: false,
                state: "problem",
            }],
            findings: vec![
                Finding::warning("w", "odd", "look").of_topic("t"),
                Finding::problem("columns_missing", "lacks note", "add it"),
            ],
            ..Report::default()
        }
    }

    #[test]
    fn programs_read_one_object_a_line_with_stable_names() {
        let json = report().as_json_lines();
        let lines: Vec<serde_json::Value> = json
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let kinds: Vec<_> = lines.iter().map(|l| l["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["kafka", "postgres", "topic", "warning", "problem"]);
        assert_eq!(lines[2]["table_from"], "events");
        assert_eq!(lines[2]["key"][0][1], "id");
        assert_eq!(lines[4]["code"], "columns_missing");
    }
}
