//! A ledger that holds ids already, of the day of the topic's own events, which is the harder case: ids
//! of other days lie in other partitions. Knows the ledger's table, see `migrations/`.

use anyhow::Result;
use postgres::Client;

use crate::bench::Bench;
use crate::database::Database;
use crate::records::read;
use crate::sink;
use crate::workload::Topic;

const DAY_MS: u64 = 86_400_000;
/// Inserted at a time.
const CHUNK: u64 = 2_000_000;

/// Fills the ledger of an empty destination.
///
/// # Errors
/// What Landfall or Postgres say.
pub fn fill(bench: &Bench, destination: &Database, topic: Topic, millions: u64) -> Result<()> {
    let ids = millions * 1_000_000;
    sink::landfall::prepare(bench, destination, topic)?;
    let made_at = bench.made(topic.source)?.made_at;
    let day = made_at / DAY_MS * DAY_MS;
    let mut client = destination.connect()?;
    create_day(&mut client, day)?;
    let mut first = 0;
    while first < ids {
        bench.show.now(&format!(
            "ledger: {} of {millions} million ids",
            first / 1_000_000
        ));
        let next = (first + CHUNK).min(ids);
        // in the order of their time, as they would have come
        let sql = format!(
            "INSERT INTO landfall.processed_events (id, partition_id)
             SELECT (lpad(to_hex({day} + i * {} / {ids}), 12, '0') || substr(md5(i::text), 1, 20))::uuid, 1
             FROM generate_series({first}::bigint, {next} - 1) i",
            made_at - day
        );
        client.batch_execute(&sql)?;
        first = next;
    }
    // what autovacuum would otherwise do in the middle of the measurement
    client.batch_execute("VACUUM (FREEZE, ANALYZE) landfall.processed_events")?;
    client.batch_execute("CHECKPOINT")?;
    // that many ids have pushed the topic out of the page cache, and the broker would read it from disk
    read(bench, &topic.full_name(), |_, _| Ok(()))
}

/// That of the topic's events, as Landfall would have at the first of them. Landfall prepares today and
/// tomorrow; the ids of another day would lie in the default partition, all of which is read for what is
/// old, and before that day is created.
fn create_day(client: &mut Client, day: u64) -> Result<()> {
    let name = "SELECT 'processed_events_' || to_char(timestamp 'epoch' + $1::bigint * interval '1 ms', 'YYYYMMDD')";
    let name: String = client.query_one(name, &[&i64::try_from(day)?])?.get(0);
    let bound = |ms: u64| format!("{ms:012x}{:020}", 0);
    client.batch_execute(&format!(
        "CREATE TABLE IF NOT EXISTS landfall.{name} PARTITION OF landfall.processed_events FOR VALUES FROM ('{}') TO ('{}')",
        bound(day),
        bound(day + DAY_MS)
    ))?;
    Ok(())
}
