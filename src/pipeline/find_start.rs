//! Whether a partition may be begun, by what has been entered of it: only once those are drained that go before it.
//!
//! Why: `docs/decisions/19`.

use deadpool_postgres::Object;
use uuid::Uuid;

use crate::ledger::partition_starts::{PartitionStart, Undrained};
use crate::pipeline::ask_kafka::{ask_kafka, wait_for_turn};
use crate::pipeline::destination::Destination;
use crate::pipeline::positioning::Positions;
use crate::record::TopicPartition;
use crate::table_name::TableName;
use crate::verdict::Failure;
use crate::watch::standing::Standing;

/// Whether others go before a partition.
pub(super) enum Start {
    /// None, or they are drained.
    Free,
    /// Its first record tells.
    Undecided,
    /// They are to be drained first, or can't be.
    StandsStill(Standing),
}

impl Positions {
    /// Whether others go before a partition of the topic with this id, which has this watermark, if it has one.
    ///
    /// # Errors
    /// As Postgres says.
    pub(super) async fn find_start(
        &self,
        destination: &Destination,
        client: &Object,
        source: &TopicPartition,
        topic_id: Option<Uuid>,
        watermark: Option<i64>,
    ) -> Result<Start, Failure> {
        if source.partition == 0 {
            return Ok(Start::Free); // those that are added have higher numbers
        }
        let starts = &destination.ledger.partition_starts;
        let Some(start) = starts.read_start(client, source, topic_id).await? else {
            // what was told held for what was entered then
            self.awaited_ends.forget_partition(source);
            return Ok(Start::Undecided);
        };
        if start.has_begun(watermark) {
            return Ok(Start::Free);
        }
        let wait = self.find_wait(destination, client, source, &start, topic_id);
        Ok(wait.await?.map_or(Start::Free, Start::StandsStill))
    }

    /// What the partition has to wait for, if that isn't drained yet. What was only guessed is given up where a lane
    /// waits for a row of a table that the partition's topic leads to: it may be the one that brings the row. What is known
    /// is given up where an event of the same topic waits, which may be among those that go first.
    ///
    /// # Errors
    /// As Postgres says.
    async fn find_wait(
        &self,
        destination: &Destination,
        client: &Object,
        source: &TopicPartition,
        start: &PartitionStart,
        topic_id: Option<Uuid>,
    ) -> Result<Option<Standing>, Failure> {
        let starts = &destination.ledger.partition_starts;
        if start.others.is_empty() {
            // also if it was cleared by a process that was stopped before anybody was told
            self.merged_tables().note_gave_way(&source.topic);
            starts.overtake_others(client, source, topic_id).await?;
            return Ok(None);
        }
        let numbers: Vec<i32> = start.others.keys().copied().collect();
        let watermarks = starts.read_watermarks(client, &source.topic, topic_id, &numbers);
        let undrained = start.find_undrained(&watermarks.await?);
        let [first, others @ ..] = &undrained[..] else {
            return Ok(None);
        };
        // also where Kafka has lost the ends of their logs, and they are drained to where these end now
        let Some(awaited) = self.find_awaited(source, &undrained) else {
            return Ok(None);
        };
        let standing = describe_wait(first, others, awaited);
        let (health, merged) = (&self.consumer().group().health, self.merged_tables());
        let awaited = health.find_awaited(|table, topic| {
            // one that was added waits for what may wait for it in turn
            let may_give_way = start.is_guessed || topic == &*source.topic;
            may_give_way && merged.may_lead_to(&source.topic, table)
        });
        let Some(table) = awaited else {
            return Ok(Some(standing));
        };
        starts.clear_others(client, source).await?;
        // first here, then to others: who is told neither way has locked its partition's row before, and is waited for
        self.tell_gave_way(source, &table);
        starts.overtake_others(client, source, topic_id).await?;
        Ok(None)
    }

    /// Which of these the partition is known to wait for. `None`: all are drained after all, as their logs end before where they
    /// ended once.
    fn find_awaited(&self, source: &TopicPartition, undrained: &[Undrained]) -> Option<Vec<i32>> {
        let topics = self.topics().clone();
        let ask = move |other: TopicPartition| {
            let topics = topics.clone();
            async move {
                let _turn = wait_for_turn().await;
                ask_kafka(move || topics.whole_log_end(&other)).await
            }
        };
        self.awaited_ends.find_awaited(source, undrained, ask)
    }

    /// From here on the topic's changes are put in order by their source.
    fn tell_gave_way(&self, source: &TopicPartition, table: &TableName) {
        self.merged_tables().note_gave_way(&source.topic);
        tracing::warn!(
            partition = %source,
            table = table.to_string(),
            "a partition is begun before others that may have earlier events of its rows: a row of this table is waited for, which it may bring; changes are put in order by their positions at the source, where they tell any"
        );
    }
}

/// What people are told of what a partition waits for, of which those with these numbers are known for certain.
fn describe_wait(first: &Undrained, others: &[Undrained], known: Vec<i32>) -> Standing {
    let is_at = match first.watermark {
        Some(watermark) => format!("is at offset {watermark}"),
        None => "wasn't taken up yet".to_owned(),
    };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let text = format!(
        "partition {} of its topic goes first, up to offset {}, and {is_at}{more}: it may have earlier events of the same rows",
        first.number, first.needed,
    );
    let missing = |it: &Undrained| it.needed - it.watermark.unwrap_or_default();
    Standing::Waits {
        text,
        behind: known,
        offsets: missing(first) + others.iter().map(missing).sum::<i64>(),
    }
}
