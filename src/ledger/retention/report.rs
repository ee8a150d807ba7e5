//! What retention has done, for people, for programs and for the log.

use std::fmt::Write as _;

use serde::Serialize;

use crate::rows::sql::quote;

/// So far: what is in it is done, even if something fails later.
#[derive(Debug, Default)]
pub struct Swept {
    pub created: Vec<String>,
    pub dropped: Vec<String>,
    /// Days that are over and stay, since events were applied to them within retention.
    pub kept: Vec<String>,
    /// Rows of the default partition.
    pub deleted: u64,
    /// What our role may not do.
    pub forbidden: Vec<&'static str>,
    pub role: String,
}

impl Swept {
    pub fn forbid(&mut self, what: &'static str) {
        if !self.forbidden.contains(&what) {
            self.forbidden.push(what);
        }
    }

    /// One object a line.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        enum Line<'a> {
            Created { partition: &'a str },
            Dropped { partition: &'a str },
            Kept { partition: &'a str },
            Deleted { rows: u64 },
            Forbidden { what: &'a str },
        }
        let created = self
            .created
            .iter()
            .map(|partition| Line::Created { partition });
        let dropped = self
            .dropped
            .iter()
            .map(|partition| Line::Dropped { partition });
        let kept = self.kept.iter().map(|partition| Line::Kept { partition });
        let deleted = [Line::Deleted { rows: self.deleted }];
        let forbidden = self.forbidden.iter().map(|what| Line::Forbidden { what });
        let lines = created.chain(dropped).chain(kept).chain(deleted);
        let mut text = String::new();
        for line in lines.chain(forbidden) {
            let line = serde_json::to_string(&line).unwrap_or_default();
            let _ = writeln!(text, "{line}");
        }
        text
    }

    pub fn text(&self, dry_run: bool) -> String {
        let would = if dry_run { "would be " } else { "" };
        let mut text = String::new();
        for name in &self.created {
            let _ = writeln!(text, "{would}created  {name}");
        }
        for name in &self.dropped {
            let _ = writeln!(text, "{would}dropped  {name}");
        }
        for name in &self.kept {
            let _ = writeln!(
                text,
                "kept     {name}: events were applied to it within apply.retention"
            );
        }
        if self.deleted > 0 {
            let _ = writeln!(
                text,
                "{would}deleted  {} rows of the default partition",
                self.deleted
            );
        }
        if text.is_empty() {
            text.push_str("nothing to do\n");
        }
        text
    }

    pub fn log(&self) {
        if !self.dropped.is_empty() {
            let days = self.dropped.join(", ");
            tracing::info!(
                days,
                "dropped days of processed_events that were last written longer ago than apply.retention"
            );
        }
        if self.deleted > 0 {
            tracing::info!(
                rows = self.deleted,
                "deleted old ids from the default partition of processed_events"
            );
        }
        if !self.created.is_empty() {
            tracing::debug!(
                days = self.created.join(", "),
                "created days of processed_events"
            );
        }
    }

    /// What our role may not do, and how it could.
    pub fn lacks(&self, schema: &str) -> String {
        let (schema, role) = (quote(schema), quote(&self.role));
        format!(
            "the role {} may not {}; to let it: ALTER TABLE {schema}.processed_events OWNER TO {role}, the same for each of its partitions, and GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}; or run `landfall prune` as the owner",
            self.role,
            self.forbidden.join(", nor ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_are_told_the_same() {
        let swept = Swept {
            created: vec!["a".to_owned()],
            dropped: vec!["b".to_owned()],
            kept: vec!["c".to_owned()],
            deleted: 3,
            ..Swept::default()
        };
        let text = "created  a\ndropped  b\nkept     c: events were applied to it within apply.retention\n\
                    deleted  3 rows of the default partition\n";
        assert_eq!(swept.text(false), text);
        assert!(swept.text(true).contains("would be dropped  b\n"));
        let json = [
            r#"{"kind":"created","partition":"a"}"#,
            r#"{"kind":"dropped","partition":"b"}"#,
            r#"{"kind":"kept","partition":"c"}"#,
            r#"{"kind":"deleted","rows":3}"#,
            "",
        ];
        assert_eq!(swept.json(), json.join("\n"));
        assert_eq!(Swept::default().text(true), "nothing to do\n");
    }
}
