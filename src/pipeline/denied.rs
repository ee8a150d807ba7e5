//! What a worker's role is denied is told with the statement that grants it, as `check` gives it.

use std::collections::HashSet;

use deadpool_postgres::Pool;

use crate::config::Config;
use crate::ledger::denied::Denied;
use crate::ledger::needed_rights::BookkeepingUse;
use crate::pipeline::batch::Batch;
use crate::postgres::connection::connect;
use crate::postgres::table_rights::TableUse;
use crate::verdict::Failure;

/// Asks what a worker's role may do.
pub struct RightsAsker {
    pool: Pool,
    config: Config,
}

/// What a batch does with the table that a failure is about.
#[derive(Default)]
struct OwnUse {
    columns: Vec<String>,
    deletes: bool,
    appends: bool,
}

impl RightsAsker {
    /// Asks over the pool's sessions.
    pub fn new(pool: Pool, config: &Config) -> Self {
        let config = config.clone();
        Self { pool, config }
    }

    /// The failure, with the grants that mend it, if it is for want of a right: of the batch, if it came up with one. It is
    /// a question or two more to Postgres, asked as often as the partition is tried: every `dead_letter.breaker.open`.
    pub async fn explain(&self, failure: Failure, batch: Option<&Batch<'_>>) -> Failure {
        if !failure.means_denied() {
            return failure;
        }
        let own = batch.map(|batch| self.describe_use(batch, &failure));
        let own = own.unwrap_or_default();
        let denied = Denied {
            schema: &self.config.postgres.schema,
            used: BookkeepingUse::Landing,
            table: TableUse {
                columns: &own.columns,
                deletes: own.deletes,
                appends: own.appends,
            },
        };
        match connect(&self.pool).await {
            Ok(client) => denied.explain(&client, failure).await,
            Err(_) => failure,
        }
    }

    /// As `check` finds it in a sample.
    fn describe_use(&self, batch: &Batch<'_>, failure: &Failure) -> OwnUse {
        let (mut columns, mut topics) = (Vec::new(), HashSet::new());
        for entry in &batch.entries {
            if entry.table().map(|table| &**table) != failure.table() {
                continue;
            }
            if let Some(change) = &entry.change {
                change.add_columns(&mut columns);
            }
            topics.insert(&entry.record.source.topic);
        }
        OwnUse {
            columns,
            deletes: topics.iter().any(|topic| self.config.removes_rows(topic)),
            appends: topics.iter().all(|topic| self.config.appends_rows(topic)),
        }
    }
}
