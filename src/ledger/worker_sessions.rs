//! `worker_sessions`: which of Postgres' sessions are workers'. A worker that vanished with its machine, or that is
//! frozen, leaves sessions behind that hold its partitions' rows.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::record::TopicPartition;
use crate::rows::sql::{quote, quote_text};
use crate::verdict::Failure;

/// How long a worker that has to give up a partition may have its last batch in hand.
const PATIENCE: &str = "interval '3 s'";

/// The table `worker_sessions`.
pub struct WorkerSessions {
    /// Quoted.
    schema: String,
    group: String,
}

impl WorkerSessions {
    /// Those of the consumer group's workers.
    pub fn new(schema: &str, group: &str) -> Self {
        Self {
            schema: quote(schema),
            group: group.to_owned(),
        }
    }

    /// The statements by which a session enters itself. Nothing rests on them: without, what a dead worker holds is
    /// waited for as long as its timeouts say.
    pub fn enter_sql(&self) -> String {
        let Self { schema, group } = self;
        let group = quote_text(group);
        format!(
            "DELETE FROM {schema}.worker_sessions s WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a \
             WHERE a.pid = s.pid AND coalesce(a.backend_start, s.backend_start) = s.backend_start); \
             INSERT INTO {schema}.worker_sessions (pid, backend_start, consumer_group) \
             SELECT pid, backend_start, {group} FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() \
             ON CONFLICT DO NOTHING"
        )
    }

    /// Ends sessions of the group's other workers that hold watermarks which sessions of ours, by their numbers, wait for,
    /// if these are of partitions that the group gives us (`held`): whoever holds their rows doesn't have them any more,
    /// and nothing that it does there would last. Returns the numbers of those that were ended.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn end_fenced_sessions(
        &self,
        client: &Client,
        ours: &[i32],
        held: &[TopicPartition],
    ) -> Result<Vec<i32>, Failure> {
        // whoever waits for another transaction's row has it locked meanwhile, as a tuple
        let sql = format!(
            "SELECT s.pid, pg_catalog.pg_terminate_backend(s.pid) FROM {schema}.worker_sessions s \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid AND a.backend_start = s.backend_start \
             WHERE s.consumer_group = $2 AND a.usename = current_user AND NOT s.pid = ANY ($1) AND s.pid IN \
             (SELECT pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) FROM pg_catalog.pg_stat_activity w \
              JOIN pg_catalog.pg_locks l ON l.pid = w.pid AND l.locktype = 'tuple' \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
               AND l.relation = {partitions}::pg_catalog.regclass \
              JOIN {schema}.partitions p ON p.ctid = pg_catalog.format('(%s,%s)', l.page, l.tuple)::pg_catalog.tid \
              JOIN ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS h (topic, number) \
               ON h.topic = p.topic AND h.number = p.partition \
              WHERE w.pid = ANY ($1) AND w.wait_event_type = 'Lock' AND w.query_start < pg_catalog.now() - {PATIENCE} \
              AND w.query LIKE 'UPDATE %.partitions p SET next_offset%')",
            schema = self.schema,
            partitions = quote_text(&format!("{}.partitions", self.schema)),
        );
        let topics: Vec<&str> = held.iter().map(|source| &*source.topic).collect();
        let numbers: Vec<i32> = held.iter().map(|source| source.partition).collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&ours, Type::INT4_ARRAY),
            (&self.group, Type::TEXT),
            (&topics, Type::TEXT_ARRAY),
            (&numbers, Type::INT4_ARRAY),
        ];
        let rows = client.query_typed(&sql, &parameters).await?;
        Ok(rows
            .iter()
            .filter(|row| row.get(1))
            .map(|row| row.get(0))
            .collect())
    }
}
