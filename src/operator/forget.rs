//! `landfall forget`: a topic's partitions as if nothing of them had ever been applied.
//!
//! The partitions' rows go, locked first as a batch locks them: a batch that is being written is
//! waited for, the next one finds no row, is fenced, and its lane takes the partition up from its
//! beginning.

use std::collections::HashMap;

use deadpool_postgres::{Object, Transaction};

use crate::cli::Forget;
use crate::config::Config;
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::command_error::CommandError;
use crate::operator::terminal;
use crate::rows::sql::quote;
use crate::verdict::{Failure, sqlstate};

/// Ids are looked for in all of the ledger, which takes its time; and a batch that holds a row ends
/// at the latest when its session times out, after 30 s.
const SESSION: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'";

/// More names than this tell nothing new.
const ENOUGH: usize = 20;

struct Partition {
    id: i32,
    number: i32,
    next_offset: i64,
}

/// # Errors
/// Postgres can't be asked; or nothing is known of the topic or the partition, with what is.
pub async fn forget(config: &Config, what: &Forget) -> Result<(), CommandError> {
    let schema = quote(&config.postgres.schema);
    let mut client = open_bookkeeping(config).await?;
    let forgotten = forget_all(&mut client, &schema, what).await;
    match forgotten.map_err(explain)? {
        rows if rows.is_empty() => {
            let known = known(&client, &schema).await.map_err(explain)?;
            Err(CommandError::Refused(unknown(what, &known)))
        }
        rows => {
            let header = ["partition", "applied below", "event ids", "dead letters"];
            terminal::print(&format!(
                "forgotten of {}:\n{}Kafka's records are read again from the first one that is left\n",
                terminal::printable(&what.topic),
                terminal::table(header, rows, &[])
            ));
            Ok(())
        }
    }
}

/// All or nothing; a line for each partition.
async fn forget_all(
    client: &mut Object,
    schema: &str,
    what: &Forget,
) -> Result<Vec<[String; 4]>, Failure> {
    let tx = client.transaction().await?;
    tx.batch_execute(SESSION).await?;
    let partitions = lock(&tx, schema, what).await?;
    let ids: Vec<i32> = partitions.iter().map(|p| p.id).collect();
    let numbers: Vec<i32> = partitions.iter().map(|p| p.number).collect();
    // letters first: a replay holds one while it enters its id
    let letters = format!(
        "WITH gone AS (DELETE FROM {schema}.dead_letters WHERE topic = $1 AND partition = ANY($2) RETURNING partition) \
         SELECT partition, count(*) FROM gone GROUP BY 1"
    );
    let rows = tx.query(&letters, &[&what.topic, &numbers]).await?;
    let letters: HashMap<i32, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let events = format!(
        "WITH gone AS (DELETE FROM {schema}.processed_events WHERE partition_id = ANY($1) RETURNING partition_id) \
         SELECT partition_id, count(*) FROM gone GROUP BY 1"
    );
    let rows = tx.query(&events, &[&ids]).await?;
    let events: HashMap<i32, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    // not set to 0: Kafka may have deleted what is there, and that would be a gap
    let rows = format!("DELETE FROM {schema}.partitions WHERE partition_id = ANY($1)");
    tx.execute(&rows, &[&ids]).await?;
    tx.commit().await?;
    let line = |p: &Partition| {
        let count = |counts: &HashMap<i32, i64>, of| counts.get(of).copied().unwrap_or(0);
        [
            p.number.to_string(),
            p.next_offset.to_string(),
            count(&events, &p.id).to_string(),
            count(&letters, &p.number).to_string(),
        ]
    };
    Ok(partitions.iter().map(line).collect())
}

async fn lock(
    tx: &Transaction<'_>,
    schema: &str,
    what: &Forget,
) -> Result<Vec<Partition>, Failure> {
    let sql = format!(
        "SELECT partition_id, partition, next_offset FROM {schema}.partitions \
         WHERE topic = $1 AND ($2::int IS NULL OR partition = $2) ORDER BY partition_id FOR UPDATE"
    );
    let rows = tx.query(&sql, &[&what.topic, &what.partition]).await?;
    let mut partitions: Vec<Partition> = rows
        .iter()
        .map(|row| Partition {
            id: row.get(0),
            number: row.get(1),
            next_offset: row.get(2),
        })
        .collect();
    partitions.sort_unstable_by_key(|p| p.number);
    Ok(partitions)
}

/// Every partition of which something was applied, in order.
async fn known(client: &Object, schema: &str) -> Result<Vec<(String, i32)>, Failure> {
    let sql = format!("SELECT topic, partition FROM {schema}.partitions ORDER BY topic, partition");
    let rows = client.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What is known, for who named something else.
fn unknown(what: &Forget, known: &[(String, i32)]) -> String {
    let topic = terminal::printable(&what.topic);
    let of_topic = known.iter().filter(|(topic, _)| *topic == what.topic);
    let partitions: Vec<String> = of_topic.map(|(_, number)| number.to_string()).collect();
    let mut topics: Vec<String> = known.iter().map(|(topic, _)| topic.clone()).collect();
    topics.dedup();
    match (what.partition, partitions.as_slice(), topics.as_slice()) {
        (_, _, []) => "nothing was ever applied here: there is nothing to forget".to_owned(),
        (Some(partition), [_, ..], _) => format!(
            "topic {topic}: nothing of partition {partition} was ever applied here; known are {}",
            listed(&partitions)
        ),
        _ => format!(
            "topic {topic}: nothing of it was ever applied here; known are {}",
            listed(&topics)
        ),
    }
}

fn listed(names: &[String]) -> String {
    let more = match names.len().saturating_sub(ENOUGH) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = names
        .iter()
        .take(ENOUGH)
        .map(|n| terminal::printable(n))
        .collect();
    format!("{}{more}", names.join(", "))
}

/// A worker's role need not be allowed what only this command does.
fn explain(failure: Failure) -> CommandError {
    match failure.sqlstate.as_deref() {
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => CommandError::Refused(format!(
            "{failure}: forget needs SELECT, UPDATE and DELETE on partitions, processed_events and dead_letters; run it as their owner"
        )),
        _ => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_something_unknown_is_told_what_is_known() {
        let forget = |topic: &str, partition| Forget {
            topic: topic.to_owned(),
            partition,
        };
        let known: Vec<(String, i32)> = (0..25).map(|n| (format!("t{n:02}"), n % 2)).collect();
        let told = unknown(&forget("t", None), &known);
        assert!(told.ends_with("known are t00, t01, t02, t03, t04, t05, t06, t07, t08, t09, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19 and 5 more"), "{told}");
        let told = unknown(&forget("t03", Some(7)), &known);
        assert!(
            told.contains("partition 7") && told.ends_with("known are 1"),
            "{told}"
        );
        assert!(unknown(&forget("t", Some(0)), &[]).contains("nothing to forget"));
    }
}
