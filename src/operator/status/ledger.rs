//! What the bookkeeping tables say: watermarks, and counts of dead letters.

use serde::Serialize;
use uuid::Uuid;

use crate::config::Config;
use crate::operator::bookkeeping::{name_database, open_bookkeeping};
use crate::operator::command_error::CommandError;
use crate::record::TopicPartition;
use crate::rows::sql::quote;
use crate::verdict::Failure;

pub struct Ledger {
    pub partitions: Vec<Applied>,
    pub letters: Vec<Letters>,
}

pub struct Applied {
    pub source: TopicPartition,
    pub next_offset: i64,
    pub topic_id: Option<Uuid>,
}

/// How many letters of a table were put aside for a reason.
#[derive(Debug, Serialize)]
pub struct Letters {
    pub table_name: Option<String>,
    pub reason: String,
    pub parked: i64,
    /// Replayed, superseded or discarded.
    pub done_with: i64,
}

/// # Errors
/// Postgres can't be asked, or the tables aren't there.
pub async fn look(config: &Config) -> Result<Ledger, CommandError> {
    let client = open_bookkeeping(config).await?;
    let schema = quote(&config.postgres.schema);
    let named = |e| name_database(config, Failure::from(e));
    let sql = format!("SELECT topic, partition, next_offset, topic_id FROM {schema}.partitions");
    let rows = client.query(&sql, &[]).await.map_err(named)?;
    let partitions = rows
        .iter()
        .map(|row| Applied {
            source: TopicPartition {
                topic: row.get::<_, &str>(0).into(),
                partition: row.get(1),
            },
            next_offset: row.get(2),
            topic_id: row.get(3),
        })
        .collect();
    let sql = format!(
        "SELECT table_name, reason, count(*) FILTER (WHERE state = 'parked'), count(*) FILTER (WHERE state <> 'parked') \
         FROM {schema}.dead_letters GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2"
    );
    let rows = client.query(&sql, &[]).await.map_err(named)?;
    let letters = rows
        .iter()
        .map(|row| Letters {
            table_name: row.get(0),
            reason: row.get(1),
            parked: row.get(2),
            done_with: row.get(3),
        })
        .collect();
    Ok(Ledger {
        partitions,
        letters,
    })
}

impl Ledger {
    /// In order, each once.
    pub fn topics(&self) -> Vec<String> {
        let topics = self.partitions.iter().map(|p| p.source.topic.to_string());
        let topics: std::collections::BTreeSet<String> = topics.collect();
        topics.into_iter().collect()
    }
}

impl Letters {
    pub fn cells(&self) -> [String; 4] {
        [
            self.table_name.clone().unwrap_or_else(|| "?".to_owned()),
            self.reason.clone(),
            self.parked.to_string(),
            self.done_with.to_string(),
        ]
    }
}
