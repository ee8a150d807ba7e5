//! What the bookkeeping tables say: how far each partition is, and counts of dead letters.

use std::collections::{BTreeSet, HashSet};

use crate::config::Config;
use crate::ledger::overview::{
    AppliedPartition, LetterCount, count_letters, list_partitions, list_waiting,
};
use crate::operator::bookkeeping::{name_database, open_bookkeeping};
use crate::operator::command_error::CommandError;
use crate::record::TopicPartition;

/// The side of the bookkeeping tables.
pub struct Bookkeeping {
    /// Every partition of which something was applied.
    pub partitions: Vec<AppliedPartition>,
    /// The partitions that others go before which aren't drained yet.
    pub waiting: HashSet<TopicPartition>,
    /// The letters by table and reason.
    pub letters: Vec<LetterCount>,
}

/// Reads the bookkeeping tables.
///
/// # Errors
/// Postgres can't be asked, or the tables aren't there.
pub async fn read_bookkeeping(config: &Config) -> Result<Bookkeeping, CommandError> {
    let client = open_bookkeeping(config).await?;
    let schema = &config.postgres.schema;
    let named = |failure| name_database(config, failure);
    Ok(Bookkeeping {
        partitions: list_partitions(&client, schema).await.map_err(named)?,
        waiting: list_waiting(&client, schema).await.map_err(named)?,
        letters: count_letters(&client, schema).await.map_err(named)?,
    })
}

impl Bookkeeping {
    /// The topics of which something was applied, in order, each once.
    pub fn list_topics(&self) -> Vec<String> {
        let topics = self.partitions.iter().map(|p| p.source.topic.to_string());
        let topics: BTreeSet<String> = topics.collect();
        topics.into_iter().collect()
    }
}
