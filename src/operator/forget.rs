//! `landfall forget`: a topic's partitions as if nothing of them had ever been applied.

use deadpool_postgres::Object;

use crate::cli::Forget;
use crate::config::Config;
use crate::ledger::forget_partitions::{forget_partitions, list_added_behind};
use crate::ledger::overview::{AppliedPartition, list_partitions};
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::command_error::CommandError;
use crate::operator::terminal;
use crate::verdict::{Failure, sqlstate};

/// How many names are shown: more tell nothing new.
const SHOWN_NAMES: usize = 20;

/// Forgets what was applied of a topic, and prints what that was.
///
/// # Errors
/// Postgres can't be asked; or nothing is known of the topic or the partition, with what is.
pub async fn forget_topic(config: &Config, asked: &Forget) -> Result<(), CommandError> {
    let schema = &config.postgres.schema;
    let mut client = open_bookkeeping(config).await?;
    let guessed = refuse_added_behind(&client, schema, asked).await?;
    let is_read = config.subscribes_to(&asked.topic);
    let forgotten = forget_partitions(&mut client, schema, &asked.topic, asked.partition, is_read);
    let forgotten = forgotten.await.map_err(explain_failure)?;
    if forgotten.partitions.is_empty() {
        let known = list_partitions(&client, schema).await;
        let known = known.map_err(explain_failure)?;
        return Err(CommandError::Refused(describe_known(asked, &known)));
    }
    let header = ["partition", "applied below", "dead letters"];
    let rows = forgotten.partitions.iter().map(|partition| {
        [
            partition.number.to_string(),
            partition.next_offset.to_string(),
            partition.letters.to_string(),
        ]
    });
    terminal::print(&format!(
        "forgotten of {}:\n{}Kafka's records are read again from the first one that is left\n",
        terminal::printable(&asked.topic),
        terminal::format_table(header, rows, &[])
    ));
    if let Some(failure) = &forgotten.letters_left {
        terminal::print(&format!(
            "rows of dead letters are left, which don't count any more ({failure}): `landfall run` or `landfall prune` deletes them\n"
        ));
    }
    if !guessed.is_empty() {
        terminal::print(&format!(
            "if the topic had fewer partitions once, partitions {} have later events of the same rows: then forget the whole topic\n",
            list_names(&guessed)
        ));
    }
    Ok(())
}

/// Reading a partition again takes rows back whose later events came through a partition that was added behind it,
/// for those aren't read again. Returns the partitions that may have been added, but nobody saw it.
async fn refuse_added_behind(
    client: &Object,
    schema: &str,
    asked: &Forget,
) -> Result<Vec<String>, CommandError> {
    let Some(number) = asked.partition else {
        return Ok(Vec::new());
    };
    let behind = list_added_behind(client, schema, &asked.topic, number).await;
    let behind = behind.map_err(explain_failure)?;
    let name = |is_guessed| {
        let some = behind.iter().filter(move |b| b.is_guessed == is_guessed);
        some.map(|b| b.number.to_string()).collect::<Vec<String>>()
    };
    let seen = name(false);
    if seen.is_empty() {
        return Ok(name(true));
    }
    Err(CommandError::Refused(format!(
        "partitions {} of {} were added later, and have later events of the rows of partition {number}: read by itself, it \
         would take these rows back; forget the whole topic",
        list_names(&seen),
        terminal::printable(&asked.topic)
    )))
}

/// What is known, for those who named something else.
fn describe_known(asked: &Forget, known: &[AppliedPartition]) -> String {
    let topic = terminal::printable(&asked.topic);
    let sources = known.iter().map(|partition| &partition.source);
    let of_topic = sources
        .clone()
        .filter(|source| *source.topic == *asked.topic);
    let partitions: Vec<String> = of_topic
        .map(|source| source.partition.to_string())
        .collect();
    let mut topics: Vec<String> = sources.map(|source| source.topic.to_string()).collect();
    topics.dedup();
    match (asked.partition, partitions.as_slice(), topics.as_slice()) {
        (_, _, []) => "nothing was ever applied here: there is nothing to forget".to_owned(),
        (Some(partition), [_, ..], _) => format!(
            "topic {topic}: nothing of partition {partition} was ever applied here; known are {}",
            list_names(&partitions)
        ),
        _ => format!(
            "topic {topic}: nothing of it was ever applied here; known are {}",
            list_names(&topics)
        ),
    }
}

fn list_names(names: &[String]) -> String {
    let more = match names.len().saturating_sub(SHOWN_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = names
        .iter()
        .take(SHOWN_NAMES)
        .map(|n| terminal::printable(n))
        .collect();
    format!("{}{more}", names.join(", "))
}

/// A worker's role need not be allowed what only this command does.
fn explain_failure(failure: Failure) -> CommandError {
    match failure.sqlstate.as_deref() {
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => CommandError::Refused(format!(
            "{failure}: forget needs SELECT, UPDATE and DELETE on partitions, SELECT and DELETE on partition_starts, dead_letters, row_positions, \
             row_identities, table_topics, destination_tables and made_columns, and SELECT, INSERT and UPDATE on forgotten_partitions; run it as their owner"
        )),
        _ => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicPartition;

    #[test]
    fn who_names_something_unknown_is_told_what_is_known() {
        let forget = |topic: &str, partition| Forget {
            topic: topic.to_owned(),
            partition,
        };
        let partition = |n: i32| AppliedPartition {
            source: TopicPartition {
                topic: format!("t{n:02}").into(),
                partition: n % 2,
            },
            next_offset: 0,
            topic_id: None,
            standstill: None,
        };
        let known: Vec<AppliedPartition> = (0..25).map(partition).collect();
        let told = describe_known(&forget("t", None), &known);
        assert!(told.ends_with("known are t00, t01, t02, t03, t04, t05, t06, t07, t08, t09, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19 and 5 more"), "{told}");
        let told = describe_known(&forget("t03", Some(7)), &known);
        assert!(
            told.contains("partition 7") && told.ends_with("known are 1"),
            "{told}"
        );
        assert!(describe_known(&forget("t", Some(0)), &[]).contains("nothing to forget"));
    }
}
