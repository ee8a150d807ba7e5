//! The whole answer for people: who was reached, a table of topics, numbered problems.
//!
//! Records name topics' tables, columns and schemas, so nothing here is written but through
//! [`printable`] and [`format_table`], which keep a name from steering the terminal.

use std::fmt::Write as _;

use crate::operator::check::finding::Severity;
use crate::operator::check::observe::Origin;
use crate::operator::check::patterns::list_patterns;
use crate::operator::check::report::{LetterTopicLine, RegistryLine, Report, TopicLine};
use crate::operator::check::starts::list_starts;
use crate::operator::terminal::{counted, format_table, printable};

impl Report {
    /// For people: several lines, tables among them.
    pub fn as_text(&self) -> String {
        let registry = self.registry.as_ref().map(RegistryLine::describe_registry);
        let sides = [self.describe_kafka(), self.describe_postgres()];
        let lines = sides.iter().chain(&registry);
        let mut text: String = lines.map(|line| printable(line) + "\n").collect();
        if !self.topics.is_empty() {
            let header = ["topic", "partitions", "table", "key", "columns", "state"];
            let rows = self.topics.iter().map(TopicLine::table_cells);
            let _ = write!(text, "\n{}", format_table(header, rows, &[]));
        }
        let with_schemas = self.topics.iter().filter(|t| !t.schemas.is_empty());
        let mut schemas: Vec<[String; 2]> = with_schemas
            .map(|t| [t.topic.clone(), t.schemas.join("; ")])
            .collect();
        schemas.dedup();
        if !schemas.is_empty() {
            let _ = write!(
                text,
                "\n{}",
                format_table(["topic", "schemas"], schemas, &[])
            );
        }
        text.push_str(&list_patterns(&self.patterns));
        text.push_str(&list_starts(&self.starts, &self.kafka.group));
        text.push_str(&self.list_orders());
        for severity in [Severity::Problem, Severity::Warning] {
            text.push_str(&self.list_findings(severity));
        }
        if self.findings.is_empty() {
            text.push_str("\nno problems\n");
        }
        text
    }

    /// The tables whose rows come through several partitions, or may; empty if there are none.
    fn list_orders(&self) -> String {
        let merged = self.topics.iter().filter(|t| t.ordered_by != "partition");
        let mut rows: Vec<[String; 2]> = merged
            .filter_map(|t| Some([t.table.clone()?, t.ordered_by.to_owned()]))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        match rows.as_slice() {
            [] => String::new(),
            _ => format!(
                "\n{}",
                format_table(["table", "rows in the order of"], rows, &[])
            ),
        }
    }

    fn describe_kafka(&self) -> String {
        let kafka = &self.kafka;
        let Some(count) = kafka.broker_count else {
            return format!("kafka     {}: not reached", kafka.brokers);
        };
        let brokers = counted(count, "broker");
        let letters = kafka.dead_letter_topics.iter();
        let letters: Vec<String> = letters.map(LetterTopicLine::describe).collect();
        let topics = if letters.len() > 1 { "topics" } else { "topic" };
        format!(
            "kafka     {}: {brokers}; group {}; dead letter {topics} {}",
            kafka.brokers,
            kafka.group,
            letters.join("; ")
        )
    }

    fn describe_postgres(&self) -> String {
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

    /// The findings of this severity, numbered, under how many there are; empty if there are none.
    fn list_findings(&self, severity: Severity) -> String {
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
            let found = printable(&format!("{about}{}", finding.found));
            let _ = writeln!(text, "{:>3}. {found}", at + 1);
            let _ = writeln!(text, "     → {}", printable(&finding.remedy));
        }
        text
    }
}

impl RegistryLine {
    fn describe_registry(&self) -> String {
        let urls = self.urls.join(",");
        let found = counted(self.schemas, "schema");
        match (self.reachable, self.urls.len()) {
            (0, _) => format!("registry  {urls}: not reached"),
            (reachable, all) if reachable < all => {
                format!(
                    "registry  {urls}: {reachable} of {all} answer; {found} in the sampled records"
                )
            }
            _ => format!("registry  {urls}: answers; {found} in the sampled records"),
        }
    }
}

impl TopicLine {
    fn table_cells(&self) -> [String; 6] {
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
        let or_unknown = |text: String| {
            if text.is_empty() {
                "?".to_owned()
            } else {
                text
            }
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

impl LetterTopicLine {
    fn describe(&self) -> String {
        let found = match (self.exists, self.creatable) {
            (Some(true), _) => "is there",
            (_, Some(true)) => "is not there yet, `run` creates it",
            (_, Some(false)) => "is not there, and `run` can't create it",
            (_, None) => "is not there",
        };
        format!("{} {found}", self.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::finding::Finding;
    use crate::operator::check::report::tests::report;

    #[test]
    fn people_read_an_aligned_table_and_numbered_problems() {
        let text = report().as_text();
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
    fn no_name_that_a_record_says_steers_the_terminal() {
        let hostile = "shop\x1b]0;owned\x07\x1b[2J\u{9b}2J\u{202e}.orders";
        let mut report = report();
        report.registry = Some(RegistryLine {
            urls: vec![hostile.to_owned()],
            ..RegistryLine::default()
        });
        let line = &mut report.topics[0];
        line.topic = hostile.to_owned();
        line.table = Some(hostile.to_owned());
        line.key = vec![vec![hostile.to_owned()]];
        line.schemas = vec![hostile.to_owned()];
        let finding = Finding::problem("table_missing", format!("no table {hostile}"), hostile);
        report.findings = vec![finding.of_topic(hostile).of_table(hostile)];
        report.postgres.url = hostile.to_owned();
        report.kafka.brokers = hostile.to_owned();
        for text in [report.as_text(), report.as_json_lines()] {
            let steering = text
                .chars()
                .find(|c| *c != '\n' && printable(&c.to_string()).is_empty());
            assert_eq!(steering, None, "{text:?}");
        }
        assert!(report.as_text().contains("shop]0;owned[2J2J.orders"));
        for line in report.as_json_lines().lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}
