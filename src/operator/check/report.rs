//! The whole answer, and how programs read it.

use serde::Serialize;

use crate::operator::check::finding::Finding;
use crate::operator::check::observe::Origin;
use crate::operator::terminal::json_line;

#[derive(Debug, Default)]
pub struct Report {
    pub kafka: KafkaLine,
    pub postgres: PostgresLine,
    /// `None` if records need none.
    pub registry: Option<RegistryLine>,
    pub topics: Vec<TopicLine>,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Default, Serialize)]
pub struct KafkaLine {
    pub brokers: String,
    pub reachable: bool,
    pub broker_count: Option<usize>,
    pub group: String,
    pub dead_letter_topic: String,
    pub dead_letter_topic_exists: Option<bool>,
    /// Whether `run` could create it; `None` if it is there, or nobody knows.
    pub dead_letter_topic_creatable: Option<bool>,
}

#[derive(Debug, Default, Serialize)]
pub struct PostgresLine {
    pub url: String,
    pub reachable: bool,
    pub version: Option<String>,
    pub role: Option<String>,
    pub schema: String,
    /// 0: not there yet.
    pub schema_version: Option<i32>,
}

#[derive(Debug, Default, Serialize)]
pub struct RegistryLine {
    pub urls: Vec<String>,
    /// How many of them answer.
    pub reachable: usize,
    /// How many schemas the sampled records have.
    pub schemas: usize,
}

/// A topic and a table that its events lead to. A topic that leads nowhere has no table.
#[derive(Clone, Debug, Serialize)]
pub struct TopicLine {
    pub topic: String,
    pub partitions: usize,
    /// Records at most: the offsets between beginning and end.
    pub offsets: i64,
    pub sampled: usize,
    /// Of the sampled records, by subject, version and id.
    pub schemas: Vec<String>,
    pub table: Option<String>,
    pub table_from: Option<Origin>,
    /// Each form of the key that the events have; nearly always one.
    pub key: Vec<Vec<String>>,
    pub columns: usize,
    pub missing_columns: Vec<String>,
    pub missing_privileges: Vec<&'static str>,
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
            Topic(&'a TopicLine),
        }
        let sides = [
            ReportLine::Kafka(&self.kafka),
            ReportLine::Postgres(&self.postgres),
        ];
        let registry = self.registry.iter().map(ReportLine::Registry);
        let topics = self.topics.iter().map(ReportLine::Topic);
        let lines = sides.into_iter().chain(registry).chain(topics);
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
