//! What the bookkeeping tables say: how far each partition is, and counts of dead letters.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use deadpool_postgres::Pool;

use crate::config::Config;
use crate::ledger::needed_rights::BookkeepingUse;
use crate::ledger::overview::{
    AppliedPartition, count_letters, list_partitions, list_waiting, server_version,
};
use crate::ledger::schema_version::require_usable;
use crate::operator::bookkeeping::name_database;
use crate::operator::command_error::CommandError;
use crate::operator::denied::explain_denied;
use crate::postgres::connection::{build_single, connect};
use crate::postgres::settings::{Patience, begin_unpinned, pin_patience};
use crate::record::TopicPartition;
use crate::status::LetterCount;
use crate::verdict::{Failure, Verdict};

/// How long locks are waited for, such as those of a migration.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The side of the bookkeeping tables.
pub struct Bookkeeping {
    /// The version of its schema.
    pub schema_version: i32,
    /// Every partition of which something was applied.
    pub partitions: Vec<AppliedPartition>,
    /// The partitions that others go before which aren't drained yet.
    pub waiting: HashSet<TopicPartition>,
    /// The letters by table and reason; millions may take longer to count than there is time.
    pub letters: Result<Vec<LetterCount>, CommandError>,
    /// The server's version.
    pub server_version: String,
}

/// Reads the bookkeeping tables, by a connection of its own: what others do doesn't wait for it.
pub struct BookkeepingReader {
    config: Config,
    /// How long a statement may take.
    patience: Duration,
    /// Of one connection; there once somebody has asked.
    pool: Option<Pool>,
}

impl BookkeepingReader {
    /// Connects to nothing yet.
    pub fn new(config: &Config, patience: Duration) -> Self {
        Self {
            config: config.clone(),
            patience,
            pool: None,
        }
    }

    /// Reads everything, as it was at one moment or another of the last seconds.
    ///
    /// # Errors
    /// A file for TLS can't be used, Postgres can't be asked, or the tables aren't as they must be.
    pub async fn read(&mut self) -> Result<Bookkeeping, CommandError> {
        let pool = match self.pool.take() {
            Some(pool) => pool,
            None => build_single(&self.config)?,
        };
        // a server that is frozen keeps to no timeout
        let most = 2 * self.patience;
        let read = tokio::time::timeout(most, self.read_by(&pool)).await;
        let read = read.unwrap_or_else(|_| {
            let why = format!("no answer within {most:?}");
            Err(Failure::new(Verdict::Unavailable, why))
        });
        let named = read.map_err(|failure| name_database(&self.config, failure));
        let mut read = self.explain_denied(named).await?;
        read.letters = self.explain_denied(read.letters).await;
        // after an error the next one begins with a new connection: it may have been the connection's
        self.pool = Some(pool);
        Ok(read)
    }

    /// Ends its connection, until it is asked again.
    pub fn rest(&mut self) {
        self.pool = None;
    }

    async fn explain_denied<T>(&self, asked: Result<T, CommandError>) -> Result<T, CommandError> {
        explain_denied(&self.config, BookkeepingUse::Looking, asked).await
    }

    async fn read_by(&self, pool: &Pool) -> Result<Bookkeeping, Failure> {
        let schema = &self.config.postgres.schema;
        let mut client = connect(pool).await?;
        let tx = begin_unpinned(&mut client).await?;
        let patience = Patience {
            lock: LOCK_TIMEOUT,
            statement: self.patience,
        };
        pin_patience(&tx, patience).await?;
        let schema_version = require_usable(&tx, schema).await?;
        Ok(Bookkeeping {
            schema_version,
            partitions: list_partitions(&tx, schema).await?,
            waiting: list_waiting(&tx, schema).await?,
            server_version: server_version(&tx).await?,
            // last, as nothing more can be asked after a timeout
            letters: count_letters(&tx, schema)
                .await
                .map_err(|failure| name_database(&self.config, failure)),
        })
    }
}

impl Bookkeeping {
    /// The topics of which something was applied, in order, each once.
    pub fn list_topics(&self) -> Vec<String> {
        let topics = self.partitions.iter().map(|p| p.source.topic.to_string());
        let topics: BTreeSet<String> = topics.collect();
        topics.into_iter().collect()
    }
}
