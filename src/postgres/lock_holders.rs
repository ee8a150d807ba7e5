//! Who holds locks on tables, to be told to people: an error that comes of a lock says nothing of whose it is.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::table_name::TableName;
use crate::verdict::Failure;

/// A session that holds a lock, or waits for one before us.
#[derive(Clone, Debug)]
pub struct LockHolder {
    /// What it has locked.
    pub table: TableName,
    /// Whether all of the table is locked for writers; else maybe some of its rows.
    pub whole_table: bool,
    /// The partition of the table that is locked for writers, if only that is.
    pub leaf: Option<String>,
    /// For people: the session, and what is known of it.
    pub session: String,
}

/// Locks that no writer gets along with; and those of sessions that have written or locked rows, and haven't ended
/// their transaction for longer than a batch takes. Whoever may not see what others do sees their numbers.
const HOLDERS: &str = "\
    SELECT t.schema, t.name, l.mode = ANY ($3) AS whole, l.pid, l.mode, a.application_name, a.usename::text, \
           a.state, pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
           CASE WHEN t.oid <> c.oid THEN c.relname::text END \
    FROM pg_catalog.pg_locks l \
    JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database() \
    JOIN pg_catalog.pg_class c ON c.oid = l.relation \
    JOIN (SELECT o.oid, a.schema, a.name \
          FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS a(schema, name) \
          JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema \
          JOIN pg_catalog.pg_class o ON o.relnamespace = n.oid AND o.relname = a.name) t \
      ON t.oid = c.oid OR c.relispartition AND t.oid = pg_catalog.pg_partition_root(c.oid) \
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
    WHERE l.locktype = 'relation' AND l.pid <> pg_catalog.pg_backend_pid() \
    AND (l.mode = ANY ($3) OR l.granted AND l.mode IN ('RowShareLock', 'RowExclusiveLock') \
         AND coalesce(a.xact_start < pg_catalog.now() - interval '1 s', a.state IS NULL)) \
    ORDER BY 3 DESC, l.granted DESC, a.xact_start, l.pid";

/// The modes that stop a writer.
const WHOLE_TABLE: &[&str] = &[
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Finds the sessions that may keep us from writing to these tables, the likeliest first.
///
/// # Errors
/// As Postgres says.
pub async fn find_lock_holders(
    client: &tokio_postgres::Client,
    tables: &[TableName],
) -> Result<Vec<LockHolder>, Failure> {
    let schemas: Vec<&str> = tables.iter().map(|table| &*table.schema).collect();
    let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
    let rows = client
        .query_typed(
            HOLDERS,
            &[
                (&schemas, Type::TEXT_ARRAY),
                (&names, Type::TEXT_ARRAY),
                (&WHOLE_TABLE, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(rows.iter().map(read_holder).collect())
}

fn read_holder(row: &Row) -> LockHolder {
    let text = |at: usize| {
        row.get::<_, Option<String>>(at)
            .filter(|text| !text.is_empty())
    };
    let (pid, mode): (i32, String) = (row.get(3), row.get(4));
    let known = [
        text(6).map(|user| format!("user {user}")),
        text(5).map(|application| format!("application {application}")),
        text(7),
        text(8).map(|since| format!("transaction since {since}")),
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    let (whole, leaf): (bool, Option<String>) = (row.get(2), row.get(9));
    LockHolder {
        table: TableName::new(row.get::<_, String>(0), row.get::<_, String>(1)),
        whole_table: whole && leaf.is_none(),
        leaf: leaf.filter(|_| whole),
        session: format!("session {pid} ({}) with {mode}", known.join(", ")),
    }
}
