//! What Postgres says that sessions of ours do.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::verdict::Failure;

/// What a session does, as Postgres sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The number of the server's process.
    pub process_id: i32,
    /// It is at a statement; else it waits for one.
    pub is_active: bool,
    /// How long.
    pub since: Duration,
    /// It waits for a lock, and who has it: for people.
    pub blocked_by: Option<String>,
}

const ACTIVITY_QUERY: &str = "\
    SELECT a.pid, a.state = 'active' OR a.state LIKE 'fastpath%', \
           pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.state_change), \
           CASE WHEN a.wait_event_type = 'Lock' THEN (SELECT pg_catalog.string_agg(pg_catalog.format('pid %s (%s, %s)', \
             b.pid, coalesce(nullif(b.application_name, ''), b.usename), b.state), ', ') \
             FROM pg_catalog.pg_stat_activity b WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(a.pid))) END \
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY ($1) AND a.state IS NOT NULL";

/// Asks what these sessions do; those that aren't there any more are left out.
///
/// # Errors
/// As Postgres says.
pub async fn read_activity(client: &Client, process_ids: &[i32]) -> Result<Vec<Activity>, Failure> {
    let rows = client
        .query_typed(ACTIVITY_QUERY, &[(&process_ids, Type::INT4_ARRAY)])
        .await?;
    let activity = rows.iter().map(|row| Activity {
        process_id: row.get(0),
        is_active: row.get(1),
        since: Duration::try_from_secs_f64(row.get(2)).unwrap_or_default(),
        blocked_by: row.get(3),
    });
    Ok(activity.collect())
}
