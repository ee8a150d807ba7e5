//! The whole answer for people: who was reached, a table of topics, numbered problems.

use std::fmt::Write as _;

use crate::operator::check::finding::Severity;
use crate::operator::check::observe::Origin;
use crate::operator::check::report::{RegistryLine, Report, TopicLine};

impl Report {
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.kafka_text(), self.postgres_text());
        if let Some(registry) = &self.registry {
            let _ = writeln!(text, "{}", registry.text());
        }
        if !self.topics.is_empty() {
            let mut rows =
                vec![["topic", "partitions", "table", "key", "columns", "state"].map(String::from)];
            rows.extend(self.topics.iter().map(TopicLine::cells));
            let _ = write!(text, "\n{}", aligned(&rows));
        }
        let mut with_schemas = self
            .topics
            .iter()
            .filter(|t| !t.schemas.is_empty())
            .peekable();
        if with_schemas.peek().is_some() {
            let mut rows = vec![["topic", "schemas"].map(String::from)];
            rows.extend(with_schemas.map(|t| [t.topic.clone(), t.schemas.join("; ")]));
            rows.dedup();
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
        let letters = match (
            kafka.dead_letter_topic_exists,
            kafka.dead_letter_topic_creatable,
        ) {
            (Some(true), _) => "is there",
            (_, Some(true)) => "is not there yet, `run` creates it",
            (_, Some(false)) => "is not there, and `run` can't create it",
            (_, None) => "is not there",
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

impl RegistryLine {
    fn text(&self) -> String {
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
    use crate::operator::check::report::tests::report;

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
}
