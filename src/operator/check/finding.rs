//! What a check finds: each with what to do about it.

use serde::Serialize;

/// How bad a finding is, the worst first.
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
    /// How bad the finding is.
    #[serde(rename = "kind")]
    pub severity: Severity,
    /// Stable, for programs.
    pub code: &'static str,
    /// The topic that the finding is about, if it is about one.
    pub topic: Option<String>,
    /// The table that the finding is about, if it is about one.
    pub table: Option<String>,
    /// What is the case, for people.
    pub found: String,
    /// What helps, for people.
    pub remedy: String,
}

impl Finding {
    /// What `run` doesn't get along with.
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

    /// What `run` gets along with.
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

    /// The same about this topic.
    pub fn of_topic(self, topic: &str) -> Self {
        Self {
            topic: Some(topic.to_owned()),
            ..self
        }
    }

    /// The same about this table.
    pub fn of_table(self, table: impl ToString) -> Self {
        Self {
            table: Some(table.to_string()),
            ..self
        }
    }

    /// Whether the check fails because of the finding.
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}
