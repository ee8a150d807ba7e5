//! Letters that lie in the dead letter topic and have no row: published in `dead_letter` mode while
//! Postgres was away, or by an attempt that came to nothing. Found by reading the topic.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Object;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Config;
use crate::kafka::reader::Reader;
use crate::letter::{Place, Posted};
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::filter::{Chosen, LetterId};
use crate::record::Record;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// All of the group's that aren't in, in the order of their partitions and offsets; the latest copy of each. Those
/// that the filters don't let through are there too, not chosen. `progress` is told of each record
/// that was read.
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
            if let Some(mut letter) = candidate(&record, &config.kafka.group) {
                letter.chosen = chooses(chosen, &letter);
                found.insert(letter.event_id, letter);
            }
            true
        })
    })?;
    let ids: Vec<Uuid> = found.keys().copied().collect();
    let known = known(client, &config.postgres.schema, &ids).await?;
    let mut strays: Vec<Candidate> = found.into_values().collect();
    strays.retain(|letter| match known.get(&letter.event_id) {
        Some(Known::Row) => false,
        // of no interest, and there may be very many; but who asks for one is told
        Some(Known::Applied) => chosen.id.iter().any(|id| names(id, letter)),
        None => true,
    });
    strays.sort_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
    Ok(strays)
}

/// A letter of this group.
fn candidate(record: &Record, group: &str) -> Option<Candidate> {
    let posted = Posted::read(record).filter(|posted| posted.group == group)?;
    let place = Place {
        topic: record.source.topic.clone(),
        partition: record.source.partition,
        offset: record.offset,
        left_out: posted.left_out,
    };
    Some(Candidate::of_topic(posted, place))
}

/// The filters of the table, on a letter that isn't there.
fn chooses(chosen: &Chosen, letter: &Candidate) -> bool {
    let among =
        |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|w| w == found);
    let filters = &chosen.filters;
    (chosen.id.is_empty() || chosen.id.iter().any(|id| names(id, letter)))
        && among(&filters.topic, &letter.source.topic)
        && among(&filters.table, letter.table.as_deref().unwrap_or_default())
        && among(&filters.reason, &letter.reason)
        && filters
            .since
            .is_none_or(|since| letter.last_failed_at >= since)
}

fn names(id: &LetterId, letter: &Candidate) -> bool {
    matches!(id, LetterId::Event(event) if *event == letter.event_id)
}

/// What Postgres has of an event.
enum Known {
    /// In `dead_letters`.
    Row,
    Applied,
}

async fn known(
    client: &Object,
    schema: &str,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Known>, String> {
    let sql = format!(
        "SELECT u.id, EXISTS (SELECT FROM {0}.dead_letters WHERE event_id = u.id) FROM unnest($1::uuid[]) AS u(id) \
         WHERE EXISTS (SELECT FROM {0}.dead_letters WHERE event_id = u.id) \
         OR EXISTS (SELECT FROM {0}.processed_events p WHERE p.id = u.id)",
        quote(schema)
    );
    let rows = client
        .query_typed(&sql, &[(&ids, Type::UUID_ARRAY)])
        .await
        .map_err(|e| Failure::from(e).to_string())?;
    let known = rows.iter().map(|row| match row.get(1) {
        true => (row.get(0), Known::Row),
        false => (row.get(0), Known::Applied),
    });
    Ok(known.collect())
}
