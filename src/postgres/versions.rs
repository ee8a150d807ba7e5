//! Versions of rows (`route.version`): Postgres compares them, by the column's type, with each other and with what
//! the destination holds.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::postgres::write::bind_columns;
use crate::rows::recorded_change::RecordedChange;
use crate::rows::row_change::Text;
use crate::rows::source_order::SourceOrder;
use crate::rows::source_order::versions::{CurrentVersion, VersionedChanges};
use crate::rows::statement::{ask_column, ask_ranks};
use crate::verdict::{Failure, Verdict};

/// Has Postgres compare the versions of the changes with each other, and with those of their rows: the destination's,
/// or the one that is `recorded` of a row that is gone; the greater one of a row that is there all the same, marked as
/// deleted. The rows are claimed.
///
/// # Errors
/// As Postgres says.
pub async fn compare_versions(
    tx: &Transaction<'_>,
    order: &mut SourceOrder<'_>,
    recorded: &HashMap<Uuid, RecordedChange>,
) -> Result<(), Failure> {
    let (mut ranks, mut current) = (Vec::new(), HashMap::new());
    for group in order.versioned_changes() {
        let table = &group.layout.table.name;
        let there = read_versions(tx, &group).await;
        let there = there.map_err(|failure| failure.about_table(table))?;
        let gone = |row: &Uuid| recorded.get(row).filter(|r| r.gone)?.version.clone();
        let mut texts: Vec<String> = Vec::new();
        let mut add_text = |text: Option<String>| {
            text.map(|text| {
                texts.push(text);
                texts.len() - 1
            })
        };
        let mut before = Vec::new();
        for change in &group.changes {
            if current.contains_key(&change.row) {
                continue;
            }
            current.insert(change.row, CurrentVersion::default());
            let texts = [there.get(&change.row).cloned().flatten(), gone(&change.row)];
            let is_there = there.contains_key(&change.row);
            before.push((change.row, is_there, texts.map(&mut add_text)));
        }
        let of_changes: Vec<(usize, Option<usize>)> = group
            .changes
            .iter()
            .map(|change| (change.at, add_text(change.text.map(str::to_owned))))
            .collect();
        let places = rank_texts(tx, &group, &texts).await?;
        let place = |text: Option<usize>| places.get(text?).copied().flatten();
        for (row, is_there, texts) in before {
            let rank = texts.into_iter().filter_map(place).max();
            current.insert(row, CurrentVersion { is_there, rank });
        }
        let told = of_changes.into_iter();
        ranks.extend(told.filter_map(|(at, text)| Some((at, place(text)?))));
    }
    order.note_versions(&ranks, current);
    Ok(())
}

/// What the rows that are there have in the column.
async fn read_versions(
    tx: &Transaction<'_>,
    group: &VersionedChanges<'_, '_>,
) -> Result<HashMap<Uuid, Option<String>>, Failure> {
    let keys: Vec<&[Text<'_>]> = group.changes.iter().map(|change| change.key).collect();
    let question = ask_column(group.layout, &keys, group.column);
    let rows = tx
        .query_typed(&question.sql, &bind_columns(&question.columns))
        .await?;
    let found = rows.iter().filter_map(|row| {
        let place = usize::try_from(row.get::<_, i32>(0)).ok()?;
        let change = group.changes.get(place.checked_sub(1)?)?;
        Some((change.row, row.get(1)))
    });
    Ok(found.collect())
}

/// The places of the texts among each other; `None` for a text that the column's type doesn't take, which the row's
/// own statement will tell.
async fn rank_texts(
    tx: &Transaction<'_>,
    group: &VersionedChanges<'_, '_>,
    texts: &[String],
) -> Result<Vec<Option<i64>>, Failure> {
    let mut is_taken = vec![true; texts.len()];
    loop {
        let chosen = texts.iter().zip(&is_taken).filter(|(_, taken)| **taken);
        let chosen: Vec<&str> = chosen.map(|(text, _)| text.as_str()).collect();
        match try_ranks(tx, group, &chosen).await? {
            Some(ranks) => {
                let mut ranks = ranks.into_iter();
                let rank = |taken: &bool| taken.then(|| ranks.next()).flatten();
                return Ok(is_taken.iter().map(rank).collect());
            }
            None if chosen.is_empty() => return Ok(vec![None; texts.len()]),
            None => {
                for (text, taken) in texts.iter().zip(&mut is_taken) {
                    *taken = try_ranks(tx, group, &[text]).await?.is_some();
                }
            }
        }
    }
}

/// `None`: there is a text among them that the column's type doesn't take.
async fn try_ranks(
    tx: &Transaction<'_>,
    group: &VersionedChanges<'_, '_>,
    texts: &[&str],
) -> Result<Option<Vec<i64>>, Failure> {
    let sql = ask_ranks(&group.layout.table, group.column);
    tx.batch_execute("SAVEPOINT versions").await?;
    let asked = tx.query_typed(&sql, &[(&texts, Type::TEXT_ARRAY)]).await;
    match asked.map_err(Failure::from) {
        Ok(rows) => {
            tx.batch_execute("RELEASE SAVEPOINT versions").await?;
            Ok(Some(rows.iter().map(|row| row.get(0)).collect()))
        }
        Err(failure) if matches!(failure.verdict, Verdict::Reject(_)) => {
            tx.batch_execute("ROLLBACK TO SAVEPOINT versions; RELEASE SAVEPOINT versions")
                .await?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}
