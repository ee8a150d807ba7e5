//! The whole answer, for people or for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::check::finding::{Finding, Severity};
use crate::check::observe::Origin;

#[derive(Debug, Default)]
pub struct Report {
    pub kafka: KafkaLine,
    pub postgres: PostgresLine,
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

/// A topic and a table that its events lead to. A topic that leads nowhere has no table.
#[derive(Clone, Debug, Serialize)]
pub struct TopicLine {
    pub topic: String,
    pub partitions: usize,
    /// Records at most: the offsets between beginning and end.
    pub offsets: i64,
    pub sampled: usize,
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
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|f| f.is_problem()).count()
    }

    /// One object a line.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        enum Line<'a> {
            Kafka(&'a KafkaLine),
            Postgres(&'a PostgresLine),
            Topic(&'a TopicLine),
        }
        let mut text = String::new();
        let mut push = |line: serde_json::Result<String>| {
            let _ = writeln!(text, "{}", line.unwrap_or_default());
        };
        push(serde_json::to_string(&Line::Kafka(&self.kafka)));
        push(serde_json::to_string(&Line::Postgres(&self.postgres)));
        for topic in &self.topics {
            push(serde_json::to_string(&Line::Topic(topic)));
        }
        for finding in &self.findings {
            push(serde_json::to_string(finding));
        }
        text
    }

    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.kafka_text(), self.postgres_text());
        if !self.topics.is_empty() {
            let mut rows =
                vec![["topic", "partitions", "table", "key", "columns", "state"].map(String::from)];
            rows.extend(self.topics.iter().map(TopicLine::cells));
            let _ = write!(text, "\n{}", aligned(&rows));
        }
        for severity in [Severity::Problem, Severity::Warning] {
            text.push_str(&self.list(severity));
        }
        if self.findings.is_empty() {
            text.push_str("\nno problems\n");
        }
        text
    }

    fn kafka_text(&self) -> String {
        let kafka = &self.kafka;
        let Some(count) = kafka.broker_count else {
            return format!("kafka     {}: not reached", kafka.brokers);
        };
        let brokers = counted(count, "broker");
        let letters = match kafka.dead_letter_topic_exists {
            Some(true) => "is there",
            _ => "is not there yet, `run` creates it",
        };
        format!(
            "kafka     {}: {brokers}; group {}; dead letter topic {} {letters}",
            kafka.brokers, kafka.group, kafka.dead_letter_topic
        )
    }

    fn postgres_text(&self) -> String {
        let postgres = &self.postgres;
        let (Some(version), Some(role)) = (&postgres.version, &postgres.role) else {
            return format!("postgres  {}: not reached", postgres.url);
        };
        let bookkeeping = match postgres.schema_version {
            Some(0) => "is not there yet, `run` creates it".to_owned(),
            Some(version) => format!("is at version {version}"),
            None => "can't be read".to_owned(),
        };
        format!(
            "postgres  {}: version {version}, role {role}; bookkeeping schema {} {bookkeeping}",
            postgres.url, postgres.schema
        )
    }

    fn list(&self, severity: Severity) -> String {
        let chosen: Vec<_> = self
            .findings
            .iter()
            .filter(|f| f.severity == severity)
            .collect();
        let mut text = String::new();
        if chosen.is_empty() {
            return text;
        }
        let what = match severity {
            Severity::Problem => "problem",
            Severity::Warning => "warning",
        };
        let _ = writeln!(text, "\n{}", counted(chosen.len(), what));
        for (at, finding) in chosen.iter().enumerate() {
            let topic = finding.topic.as_ref();
            let about = topic.map(|t| format!("topic {t}: ")).unwrap_or_default();
            let _ = writeln!(text, "{:>3}. {about}{}", at + 1, finding.found);
            let _ = writeln!(text, "     → {}", finding.remedy);
        }
        text
    }
}

impl TopicLine {
    fn cells(&self) -> [String; 6] {
        let table = match (&self.table, self.table_from) {
            (Some(table), Some(Origin::TopicName)) => format!("{table} (guessed)"),
            (Some(table), _) => table.clone(),
            (None, _) => "?".to_owned(),
        };
        let keys: Vec<String> = self.key.iter().map(|key| key.join(",")).collect();
        let columns = match (self.columns, self.missing_columns.len()) {
            (0, _) => "?".to_owned(),
            (all, 0) => all.to_string(),
            (all, missing) => format!("{all}, {missing} missing"),
        };
        let or_unknown = |text: String| match text.is_empty() {
            true => "?".to_owned(),
            false => text,
        };
        [
            self.topic.clone(),
            self.partitions.to_string(),
            table,
            or_unknown(keys.join(" | ")),
            columns,
            self.state.to_owned(),
        ]
    }
}

/// "1 problem", "2 problems"
pub fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// Columns two blanks apart.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            topics: vec![TopicLine {
                topic: "shop.public.orders".to_owned(),
                partitions: 3,
                offsets: 12,
                sampled: 12,
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
    fn people_read_an_aligned_table_and_numbered_problems() {
        let text = report().text();
        let table = "\
topic               partitions  table          key      columns       state
shop.public.orders  3           public.orders  shop,id  4, 1 missing  problem
";
        assert!(text.contains(table), "{text}");
        let problems =
            "\n1 problem\n  1. lacks note\n     → add it\n\n1 warning\n  1. topic t: odd\n";
        assert!(text.contains(problems), "{text}");
    }

    #[test]
    fn programs_read_one_object_a_line_with_stable_names() {
        let json = report().json();
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
