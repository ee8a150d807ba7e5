//! What the bookkeeping holds, for the metrics: letters that wait for a decision, and how large its tables are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use tokio_postgres::types::Type;

use crate::ledger::Ledger;
use crate::ledger::forgotten_letters::letter_counts;
use crate::postgres::connection::connect;
use crate::verdict::Failure;
use crate::watch::metrics;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(15);
/// Where there are millions of letters they take seconds to count: no more than this part of the time goes into it.
const MOST_OF_THE_TIME: u32 = 50;

/// Table and reason.
type LetterKind = (String, String);

/// Measures without end. What can't be read now is read the next time.
pub async fn measure_regularly(pool: Pool, schema: String, ledger: Arc<Ledger>) {
    let mut told = HashSet::new();
    loop {
        let since = Instant::now();
        if let Err(error) = measure_once(&pool, &schema, &ledger, &mut told).await {
            tracing::debug!(%error, "the bookkeeping can't be measured now");
        }
        tokio::time::sleep(INTERVAL.max(since.elapsed() * MOST_OF_THE_TIME)).await;
    }
}

async fn measure_once(
    pool: &Pool,
    schema: &str,
    ledger: &Ledger,
    told: &mut HashSet<LetterKind>,
) -> Result<(), Failure> {
    let client = connect(pool).await?;
    measure_sizes(&client, schema).await?;
    measure_letters(&client, ledger.quoted_schema(), told).await
}

async fn measure_sizes(client: &Object, schema: &str) -> Result<(), Failure> {
    // of one that is dropped at this moment the size is null
    let sql = "SELECT c.relname, sum(pg_catalog.pg_total_relation_size(coalesce(t.relid, c.oid)))::bigint \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               LEFT JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) t ON true \
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY 1";
    let asked: &tokio_postgres::Client = client;
    for row in asked.query_typed(sql, &[(&schema, Type::TEXT)]).await? {
        let bytes = row.get::<_, Option<i64>>(1).unwrap_or_default();
        metrics::set_ledger_size(row.get(0), u64::try_from(bytes).unwrap_or_default());
    }
    Ok(())
}

/// `schema`: quoted. `told`: what was told the last time, of which there may be none any more.
async fn measure_letters(
    client: &Object,
    schema: &str,
    told: &mut HashSet<LetterKind>,
) -> Result<(), Failure> {
    let open = format!(
        "FROM {schema}.dead_letters WHERE state = 'parked' AND {}",
        letter_counts(schema, "dead_letters")
    );
    let kinds = format!(
        "SELECT coalesce(table_name, ''), reason, count(*), \
         extract(epoch FROM min(first_failed_at))::float8 {open} GROUP BY 1, 2"
    );
    let keys = format!("SELECT count(DISTINCT key_hash) {open}");
    let asked: &tokio_postgres::Client = client;
    let rows = asked.query_typed(&kinds, &[]).await?;
    let parked_keys: i64 = asked.query_typed_one(&keys, &[]).await?.get(0);
    let mut counts: HashMap<LetterKind, u64> = told.drain().map(|kind| (kind, 0)).collect();
    let mut oldest: Option<f64> = None;
    for row in rows {
        let kind: LetterKind = (row.get(0), row.get(1));
        let letters = u64::try_from(row.get::<_, i64>(2)).unwrap_or_default();
        counts.insert(kind.clone(), letters);
        told.insert(kind);
        let first: f64 = row.get(3);
        oldest = Some(oldest.map_or(first, |oldest| oldest.min(first)));
    }
    metrics::set_open_letters(counts.iter().map(|((t, reason), n)| (&**t, &**reason, *n)));
    let parked_keys = u64::try_from(parked_keys).unwrap_or_default();
    metrics::set_letters_read(oldest.unwrap_or_default(), parked_keys);
    Ok(())
}
