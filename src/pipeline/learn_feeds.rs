//! Learning which topics lead to which tables, before a batch that brings something new of it is landed: rows that
//! can come through several partitions have their positions kept from their first change on.
//!
//! Why: `docs/decisions/21`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use crate::config::{Config, may_meet_others};
use crate::format::merged_tables::{Evidence, Feed, MergedTables, Unlearned};
use crate::format::topic_decoder::topic_name_as_table;
use crate::kafka::topics::Topics;
use crate::ledger::Ledger;
use crate::locked::Locked;
use crate::pipeline::ask_kafka::list_partitions;
use crate::pipeline::batch::Batch;
use crate::postgres::connection::connect;
use crate::verdict::Failure;

/// How long what another process has entered may stay unseen.
const REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// How long a topic that is gone may be taken to be there.
const TOPICS_INTERVAL: Duration = Duration::from_secs(5);

/// Learns for all lanes of a worker.
pub struct FeedLearner {
    merged: Arc<MergedTables>,
    config: Arc<Config>,
    topics: Topics,
    pool: Pool,
    ledger: Arc<Ledger>,
    read: Locked<ReadSoFar>,
    /// When it may be asked again which topics there are.
    topics_due: Locked<Instant>,
}

/// How far the ledger was read.
struct ReadSoFar {
    number: i64,
    due: Instant,
}

impl FeedLearner {
    /// Knows nothing yet. `topics` tells which topics there are, `ledger` where they have led.
    pub fn new(config: &Config, topics: Topics, pool: Pool, ledger: Arc<Ledger>) -> Self {
        Self {
            merged: Arc::default(),
            config: Arc::new(config.clone()),
            topics,
            pool,
            ledger,
            read: Locked::new(ReadSoFar {
                number: 0,
                due: Instant::now(),
            }),
            topics_due: Locked::new(Instant::now()),
        }
    }

    /// What is known so far, which grows.
    pub fn merged_tables(&self) -> &Arc<MergedTables> {
        &self.merged
    }

    /// Looks at what decoding has met and nobody has looked at yet. Returns whether the batch is to be decoded again, by
    /// what is known now of its topics.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked now.
    pub async fn learn_new(&self, batch: &Batch<'_>) -> Result<bool, Failure> {
        if let Some(unlearned) = self.merged.unlearned() {
            self.learn_unlearned(unlearned).await?;
        } else if self.read.lock().due <= Instant::now() {
            self.read_feeds(&connect(&self.pool).await?).await?;
        }
        Ok(self.is_outdated(batch))
    }

    /// Looks at the batch's tables. Returns whether it is to be decoded again, as the keys of a table turn out to be such
    /// that one row's records can be in several partitions.
    pub fn learn_tables(&self, batch: &Batch<'_>) -> bool {
        for table in &batch.tables {
            let columns = table.respelled_columns();
            self.merged.learn_respelled(&table.name, columns);
        }
        self.is_outdated(batch)
    }

    /// Whether the batch was decoded by what isn't so any more.
    pub fn is_outdated(&self, batch: &Batch<'_>) -> bool {
        let topics = batch.advances.iter().map(|advance| &advance.source.topic);
        self.merged.is_outdated(batch.merged_version, topics)
    }

    async fn learn_unlearned(&self, unlearned: Unlearned) -> Result<(), Failure> {
        let mut new_topics = unlearned.feeds.iter().map(|(_, topic)| topic);
        if new_topics.any(|topic| !self.merged.knows_partitions(topic)) {
            self.learn_topics().await?;
        }
        let client = connect(&self.pool).await?;
        let Unlearned {
            feeds,
            sources,
            unplaced,
        } = &unlearned;
        for table in unplaced {
            tracing::warn!(
                table = table.to_string(),
                "keys of this table may change their spelling alone, and its events tell no position at their source: such a row may be lost if its partitions are landed out of order"
            );
        }
        self.ledger
            .feeds
            .enter_feeds(&client, feeds, sources)
            .await?;
        self.read_feeds(&client).await?;
        self.merged.note_learned(unlearned);
        Ok(())
    }

    /// Asks which topics there are, and where they are expected to lead.
    async fn learn_topics(&self) -> Result<(), Failure> {
        let mut partitions: HashMap<Arc<str>, i32> = HashMap::new();
        for source in list_partitions(&self.topics, &self.config).await? {
            *partitions.entry(source.topic).or_default() += 1;
        }
        let topics: Vec<Arc<str>> = partitions.keys().cloned().collect();
        let expected = topics.iter().filter_map(|topic| self.expect_feed(topic));
        self.merged.learn_topics(partitions, expected);
        Ok(())
    }

    /// Asks once more which topics there are, but not all the time.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn list_topics_again(&self) -> Result<(), Failure> {
        if *self.topics_due.lock() > Instant::now() {
            return Ok(());
        }
        let there = list_partitions(&self.topics, &self.config).await?;
        let there = there.into_iter().map(|source| source.topic);
        self.merged.note_topics(there);
        *self.topics_due.lock() = Instant::now() + TOPICS_INTERVAL;
        Ok(())
    }

    /// Where a topic leads by its route, or else by its name.
    fn expect_feed(&self, topic: &Arc<str>) -> Option<(Feed, Evidence)> {
        let (table, evidence) = match self.config.route_for(topic) {
            Some((_, table)) => (table, Evidence::Certain),
            None => (topic_name_as_table(topic)?, Evidence::Name),
        };
        Some(((table, topic.clone()), evidence))
    }

    /// Whether the topic's route has positions kept whatever is known of its table.
    fn keeps_positions(&self, topic: &str) -> bool {
        let route = self.config.route_for(topic);
        route.is_some_and(|(route, _)| route.version.is_some())
            || may_meet_others(&self.config.routes, topic)
    }

    /// Reads what others have entered.
    async fn read_feeds(&self, client: &deadpool_postgres::Object) -> Result<(), Failure> {
        let number = self.read.lock().number;
        let (feeds, number) = self.ledger.feeds.read_feeds_since(client, number).await?;
        for table in self.merged.learn_feeds(feeds.into_iter()) {
            let topics = self.merged.list_topics(&table);
            if topics.iter().all(|topic| self.keeps_positions(topic)) {
                continue; // from its first row on
            }
            tracing::warn!(
                table = table.to_string(),
                topics = topics.join(", "),
                "several topics lead to this table, which wasn't known before: rows landed until now count as older than any event; if one of the topics holds older events, `landfall forget` each of them, and all are put in order"
            );
        }
        let mut read = self.read.lock();
        read.number = number.max(read.number);
        read.due = Instant::now() + REFRESH_INTERVAL;
        Ok(())
    }
}
