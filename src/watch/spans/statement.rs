//! Spans of what Postgres is asked for.

use std::fmt::Display;

use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::verdict::{Failure, Verdict};
use crate::watch::spans::{SCENE, TARGET, note_failure_of, part};

/// What is asked for: a statement, or several of one kind.
pub struct Statement<'s> {
    /// SQL's word for it.
    pub operation: &'static str,
    /// The table that it is about; `None`: the whole transaction.
    pub table: Option<&'s (dyn Display + Sync)>,
    /// How many rows it is about.
    pub rows: usize,
}

impl Statement<'_> {
    /// On rows of a table.
    pub fn on<'s>(
        operation: &'static str,
        table: &'s (impl Display + Sync),
        rows: usize,
    ) -> Statement<'s> {
        Statement {
            operation,
            table: Some(table),
            rows,
        }
    }

    /// On a transaction.
    pub fn of_transaction(operation: &'static str) -> Self {
        Self {
            operation,
            table: None,
            rows: 1,
        }
    }

    fn make_span(&self) -> Span {
        let (scene, operation) = (SCENE.get(), self.operation);
        let table = self.table.map(ToString::to_string);
        let name = match &table {
            Some(table) => format!("{operation} {table}"),
            None => operation.to_owned(),
        };
        info_span!(
            target: TARGET,
            "statement",
            otel.name = name,
            otel.kind = "CLIENT",
            otel.status_code = Empty,
            error.type = Empty,
            db.system.name = "postgresql",
            db.namespace = scene.map(|scene| scene.database.as_str()),
            db.operation.name = operation,
            db.operation.batch.size = (self.rows > 1).then_some(self.rows),
            db.collection.name = table,
            db.query.summary = name,
            db.response.status_code = Empty,
            server.address = scene.map(|scene| scene.host.as_str()),
            server.port = scene.map(|scene| scene.port),
        )
    }
}

/// Does the work in a span of its own, which says what Postgres answered if it refused. That is an error of the span where the
/// set-up has to change: what is tried again, or without the event that is to blame, isn't.
///
/// # Errors
/// Those of the work.
pub async fn run_statement<T>(
    statement: Statement<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let span = part(|| statement.make_span());
    let done = work.instrument(span.clone()).await;
    if let Err(failure) = &done {
        if let Some(code) = &failure.sqlstate {
            span.record("db.response.status_code", code.as_str());
        }
        if failure.verdict == Verdict::Systemic {
            let code = failure.sqlstate.as_deref();
            note_failure_of(&span, code.unwrap_or(failure.verdict.name()));
        }
    }
    done
}
