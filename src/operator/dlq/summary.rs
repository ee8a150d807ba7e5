//! `landfall dlq list --summary`: how many letters, by table, reason and state.

use std::time::SystemTime;

use deadpool_postgres::Object;
use serde::Serialize;
use tokio_postgres::Row;

use crate::cli::List;
use crate::operator::dlq::filter::Selection;
use crate::operator::dlq::row::iso;
use crate::operator::terminal;
use crate::rows::sql::quote;
use crate::verdict::Failure;

#[derive(Serialize)]
struct Group {
    table_name: Option<String>,
    reason: String,
    state: String,
    count: i64,
    /// When the first of them failed first, and the last of them last.
    #[serde(serialize_with = "iso")]
    first_failed_at: SystemTime,
    #[serde(serialize_with = "iso")]
    last_failed_at: SystemTime,
}

/// # Errors
/// As Postgres says.
pub async fn summarize(client: &Object, schema: &str, list: &List) -> Result<(), Failure> {
    let selection = Selection::new(&list.filters, &list.states());
    let sql = format!(
        "SELECT table_name, reason, state, count(*), min(first_failed_at), max(last_failed_at) \
         FROM {}.dead_letters WHERE {} GROUP BY 1, 2, 3 ORDER BY 1 NULLS FIRST, 2, 3",
        quote(schema),
        selection.condition()
    );
    let rows = client.query(&sql, &selection.parameters()).await?;
    let groups: Vec<Group> = rows.iter().map(Group::of).collect::<Result<_, _>>()?;
    if list.json {
        groups.iter().all(terminal::print_json);
    } else if groups.is_empty() {
        terminal::print("no such dead letters\n");
    } else {
        let header = [
            "table",
            "reason",
            "state",
            "count",
            "first failed",
            "last failed",
        ];
        terminal::print(&terminal::table(header, groups.into_iter().map(cells), &[]));
    }
    Ok(())
}

impl Group {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            table_name: row.try_get(0)?,
            reason: row.try_get(1)?,
            state: row.try_get(2)?,
            count: row.try_get(3)?,
            first_failed_at: row.try_get(4)?,
            last_failed_at: row.try_get(5)?,
        })
    }
}

fn cells(group: Group) -> [String; 6] {
    let shown = |time| humantime::format_rfc3339_seconds(time).to_string();
    [
        group.table_name.unwrap_or_else(|| "?".to_owned()),
        group.reason,
        group.state,
        group.count.to_string(),
        shown(group.first_failed_at),
        shown(group.last_failed_at),
    ]
}
