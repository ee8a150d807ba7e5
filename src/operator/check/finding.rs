//! What a check finds: each with what to do about it.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `run` would stop here, or put every event of a kind aside.
    Problem,
    /// Worth knowing, but `run` gets along with it.
    Warning,
}

/// One finding, also as a line of `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    #[serde(rename = "kind")]
    pub severity: Severity,
    /// Stable, for programs.
    pub code: &'static str,
    pub topic: Option<String>,
    pub table: Option<String>,
    pub found: String,
    pub remedy: String,
}

impl Finding {
    pub fn problem(
        code: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Problem,
            code,
            topic: None,
            table: None,
            found: found.into(),
            remedy: remedy.into(),
        }
    }

    pub fn warning(
        code: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::problem(code, found, remedy)
        }
    }

    pub fn of_topic(self, topic: &str) -> Self {
        Self {
            topic: Some(topic.to_owned()),
            ..self
        }
    }

    pub fn of_table(self, table: impl ToString) -> Self {
        Self {
            table: Some(table.to_string()),
            ..self
        }
    }

    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}
