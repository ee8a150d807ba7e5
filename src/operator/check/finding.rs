//! What a check finds: each with what to do about it.

use std::fmt;

use serde::Serialize;

use crate::operator::check::observe::Place;
use crate::verdict::{Reason, Verdict};

/// How bad a finding is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `run` would stop here, or put every event of a kind aside.
    Problem,
    /// Worth knowing, but `run` gets along with it.
    Warning,
}

/// The first of the sampled events that a finding is about, and what was said of all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AboutEvent {
    /// The partition that it was read from.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The column whose value it is about, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What Postgres said; `None` if Postgres was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What a worker makes of it.
    pub verdict: &'static str,
    /// The reason of its dead letter, if it would become one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How many sampled events have the same cause,
    #[serde(rename = "events")]
    pub count: usize,
    /// of how many that got as far.
    #[serde(rename = "of_events")]
    pub reached: usize,
}

impl AboutEvent {
    /// Of events that aren't asked about at Postgres and would become dead letters for this reason.
    pub fn of_letters(first: Place, reason: Reason, count: usize, reached: usize) -> Self {
        Self {
            partition: first.partition,
            offset: first.offset,
            column: None,
            sqlstate: None,
            verdict: Verdict::Reject(reason).name(),
            reason: Some(reason.name()),
            count,
            reached,
        }
    }

    /// The same of this column's value.
    pub fn of_column(self, column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            ..self
        }
    }
}

impl fmt::Display for AboutEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition, offset, ..
        } = self;
        write!(
            f,
            "the first is at offset {offset} of partition {partition}"
        )
    }
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
    /// The first event that it is about, if it is about some.
    #[serde(flatten)]
    pub event: Option<Box<AboutEvent>>,
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
            event: None,
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

    /// The same about this event.
    pub fn of_event(self, event: AboutEvent) -> Self {
        Self {
            event: Some(event.into()),
            ..self
        }
    }

    /// It is a problem if it is about events that would become dead letters: all others do, too.
    pub fn weigh_letters(&mut self) {
        if self.event.as_ref().is_some_and(|it| it.reason.is_some()) {
            self.severity = Severity::Problem;
        }
    }

    /// Whether the check fails because of the finding.
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}
