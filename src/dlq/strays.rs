//! Letters that lie in the dead letter topic and have no row: published in `dead_letter` mode while
//! Postgres was away, or by an attempt that came to nothing. Found by reading the topic.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::Object;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Config;
use crate::dlq::candidate::Candidate;
use crate::dlq::reader::Reader;
use crate::dlq::select::{Chosen, LetterId};
use crate::letter::{Place, Posted};
use crate::message::Record;
use crate::postgres::failure;
use crate::statement::quote;

/// In the order of their partitions and offsets; the latest copy of each. `progress` is told of each
/// record that was read.
///
/// # Errors
/// Kafka or Postgres can't be asked.
pub async fn find(
    config: &Config,
    client: &Object,
    reader: &mut Reader,
    chosen: &Chosen,
    progress: impl Fn(),
) -> Result<Vec<Candidate>, String> {
    let topic = config.dead_letter_topic();
    let mut found: BTreeMap<Uuid, Candidate> = BTreeMap::new();
    // reading blocks its thread, and nothing else is to be done meanwhile
    tokio::task::block_in_place(|| {
        reader.scan(&topic, |record| {
            progress();
            if let Some(letter) = candidate(&record, &config.kafka.group, chosen) {
                found.insert(letter.event_id, letter);
            }
            true
        })
    })?;
    let ids: Vec<Uuid> = found.keys().copied().collect();
    let known = with_rows(client, &config.postgres.schema, &ids).await?;
    let strays = found.into_values().filter(|l| !known.contains(&l.event_id));
    let mut strays: Vec<Candidate> = strays.collect();
    strays.sort_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
    Ok(strays)
}

/// A letter of this group that the filters let through.
fn candidate(record: &Record, group: &str, chosen: &Chosen) -> Option<Candidate> {
    let posted = Posted::read(record).filter(|posted| posted.group == group)?;
    let place = Place {
        topic: record.source.topic.clone(),
        partition: record.source.partition,
        offset: record.offset,
        left_out: posted.left_out,
    };
    let letter = Candidate::of_topic(posted, place);
    chooses(chosen, &letter).then_some(letter)
}

/// The filters of the table, on a letter that isn't there.
fn chooses(chosen: &Chosen, letter: &Candidate) -> bool {
    let among =
        |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|w| w == found);
    let filters = &chosen.filters;
    let by_id = |id: &LetterId| matches!(id, LetterId::Event(event) if *event == letter.event_id);
    (chosen.id.is_empty() || chosen.id.iter().any(by_id))
        && among(&filters.topic, &letter.source.topic)
        && among(&filters.table, letter.table.as_deref().unwrap_or_default())
        && among(&filters.reason, &letter.reason)
        && filters
            .since
            .is_none_or(|since| letter.last_failed_at >= since)
}

async fn with_rows(client: &Object, schema: &str, ids: &[Uuid]) -> Result<HashSet<Uuid>, String> {
    let sql = format!(
        "SELECT event_id FROM {}.dead_letters WHERE event_id = ANY($1)",
        quote(schema)
    );
    let rows = client
        .query_typed(&sql, &[(&ids, Type::UUID_ARRAY)])
        .await
        .map_err(|e| failure(&e).to_string())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
