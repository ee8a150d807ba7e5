//! What the bookkeeping holds, for the metrics: letters that wait for a decision, and how large its tables are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::ledger::Ledger;
use crate::ledger::forgotten_letters::letter_counts;
use crate::postgres::connection::connect;
use crate::postgres::settings::begin_unpinned;
use crate::verdict::Failure;
use crate::watch::metrics;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(15);
/// Where there are millions of letters they take seconds to count: no more than this part of the time goes into it.
const MOST_OF_THE_TIME: u32 = 50;
/// But so often at least: what took long was perhaps a server that didn't answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// While one of the statements sees the database as it is, nothing that is deleted meanwhile can be vacuumed away.
const LONGEST_LOOK: &str = "SET LOCAL statement_timeout = '30s'";

/// Measures without end, by a connection of its own: no lane waits for it. What can't be read now is read the next time.
pub async fn measure_regularly(questions: Pool, schema: String, ledger: Arc<Ledger>) {
    loop {
        let since = Instant::now();
        if let Err(error) = measure_once(&questions, &schema, &ledger).await {
            tracing::debug!(%error, "the bookkeeping can't be measured now");
        }
        let pause = (since.elapsed() * MOST_OF_THE_TIME).clamp(INTERVAL, LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
    }
}

async fn measure_once(questions: &Pool, schema: &str, ledger: &Ledger) -> Result<(), Failure> {
    let mut client = connect(questions).await?;
    measure_sizes(&mut client, schema).await?;
    measure_letters(&mut client, ledger.quoted_schema()).await
}

/// Asks in a transaction that ends with the answer.
async fn ask(
    client: &mut Object,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Failure> {
    let tx = begin_unpinned(client).await?;
    tx.batch_execute(LONGEST_LOOK).await?;
    let rows = tx.query_typed(sql, parameters).await?;
    tx.commit().await?;
    Ok(rows)
}

async fn measure_sizes(client: &mut Object, schema: &str) -> Result<(), Failure> {
    // of one that is dropped at this moment the size is null
    let sql = "SELECT c.relname, sum(pg_catalog.pg_total_relation_size(coalesce(t.relid, c.oid)))::bigint \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               LEFT JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) t ON true \
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY 1";
    for row in ask(client, sql, &[(&schema, Type::TEXT)]).await? {
        let bytes = row.get::<_, Option<i64>>(1).unwrap_or_default();
        metrics::set_ledger_size(row.get(0), u64::try_from(bytes).unwrap_or_default());
    }
    Ok(())
}

/// `schema`: quoted.
async fn measure_letters(client: &mut Object, schema: &str) -> Result<(), Failure> {
    let open = format!(
        "FROM {schema}.dead_letters WHERE state = 'parked' AND {}",
        letter_counts(schema, "dead_letters")
    );
    let kinds = format!(
        "SELECT coalesce(table_name, ''), reason, count(*), \
         extract(epoch FROM min(first_failed_at))::float8 {open} GROUP BY 1, 2"
    );
    let keys = format!("SELECT count(DISTINCT key_hash) {open}");
    let rows = ask(client, &kinds, &[]).await?;
    let parked_keys = ask(client, &keys, &[]).await?;
    let count = |row: &Row, column| u64::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    let oldest = rows.iter().map(|row| row.get::<_, f64>(3));
    let oldest = oldest.min_by(f64::total_cmp).unwrap_or_default();
    metrics::set_open_letters(
        rows.iter()
            .map(|row| (row.get(0), row.get(1), count(row, 2))),
    );
    let parked_keys = parked_keys.first().map(|row| count(row, 0));
    metrics::set_letters_read(oldest, parked_keys.unwrap_or_default());
    Ok(())
}
