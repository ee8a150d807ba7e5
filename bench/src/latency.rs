//! How long a row takes from its source to where it can be read: a thousand a second through live
//! Debezium. Both ends are told by Postgres, on one clock: the source's in the row itself, the
//! destination's by its commit timestamps. Where the sink's own share begins, Kafka says by the time
//! at which it had the record.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use postgres::Client;

use crate::bench::Bench;
use crate::connector::{Connectors, drop_slot};
use crate::database::Database;
use crate::figures::Latency;
use crate::process::Process;
use crate::records::{id_of, read};
use crate::sink::{Sink, Task};
use crate::wait;
use crate::workload::{Encoding, TABLE};

const PREFIX: &str = "latency";
const CREATE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer, note text, amount numeric(12,2), paid boolean, committed_at timestamptz)";
/// Rows a transaction, and how often there is one: 1,000 rows a second.
const ROWS: i64 = 10;
const EVERY: Duration = Duration::from_millis(10);
/// Transactions until everything is warm, whose rows don't count, and those that do.
const WARMING: i64 = 2000;
const COUNTED: i64 = 3000;
const PATIENCE: Duration = Duration::from_secs(120);

/// `poll_interval` is how often the connector looks at what it has read, in milliseconds.
///
/// # Errors
/// What fails, or that not all rows arrive.
pub fn measure(bench: &Bench, sink: &Sink, poll_interval: u64) -> Result<Latency> {
    bench.stack.start_connect()?;
    let connectors = Connectors::new(&bench.stack)?;
    let topic = format!("{PREFIX}.public.{TABLE}");
    let source = Database::source(&bench.stack, "bench_latency")?;
    drop_slot(&source, PREFIX)?;
    bench.kafka.delete(std::slice::from_ref(&topic))?;
    let mut client = source.recreate()?;
    client.batch_execute(CREATE)?;
    client.batch_execute(&format!("CREATE PUBLICATION bench FOR TABLE {TABLE}"))?;
    insert(&mut client, 0)?;
    let more = [
        ("poll.interval.ms", &*poll_interval.to_string()),
        (
            "topic.creation.default.message.timestamp.type",
            "LogAppendTime",
        ),
    ];
    connectors.put(&source.name, PREFIX, Encoding::Json, &more)?;
    let measured = run(bench, sink, &topic, &mut client);
    drop(connectors);
    drop_slot(&source, PREFIX)?;
    measured
}

fn run(bench: &Bench, sink: &Sink, topic: &str, source: &mut Client) -> Result<Latency> {
    wait::until("the topic is there", PATIENCE, || {
        Ok((bench.kafka.records(topic)? > 0).then_some(()))
    })?;
    let destination = Database::destination(&bench.stack, "bench")?;
    let mut client = destination.recreate()?;
    client.batch_execute(CREATE)?;
    let name = format!(
        "bench-{}",
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis()
    );
    let task = Task {
        name: &name,
        topics: topic,
        encoding: Encoding::Json,
        destination: &destination,
    };
    let mut process = sink.start(bench, &task)?;
    arrived(&mut client, &mut process, ROWS)?;
    let begun = Instant::now();
    for transaction in 1..=WARMING + COUNTED {
        insert(source, transaction)?;
        if transaction % 100 == 0 {
            bench.show.now(&format!(
                "latency: {} of {} rows",
                transaction * ROWS,
                (WARMING + COUNTED) * ROWS
            ));
        }
        let next = EVERY * u32::try_from(transaction)?;
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    arrived(&mut client, &mut process, (WARMING + COUNTED + 1) * ROWS)?;
    process.kill();
    percentiles(bench, topic, &mut client)
}

/// The n-th transaction.
fn insert(client: &mut Client, n: i64) -> Result<()> {
    let sql = "INSERT INTO orders SELECT i, i % 1000, md5(i::text), i % 100000 / 100.0, i % 2 = 0, clock_timestamp() FROM generate_series($1::bigint, $2::bigint) i";
    client.execute(sql, &[&(n * ROWS), &(n * ROWS + ROWS - 1)])?;
    Ok(())
}

fn arrived(client: &mut Client, process: &mut Process, rows: i64) -> Result<()> {
    wait::until("all rows have arrived", PATIENCE, || {
        process.is_well()?;
        let seen: i64 = client.query_one("SELECT count(*) FROM orders", &[])?.get(0);
        Ok((seen >= rows).then_some(()))
    })
}

fn percentiles(bench: &Bench, topic: &str, client: &mut Client) -> Result<Latency> {
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    read(bench, topic, |record, _| {
        ids.push(i64::try_from(id_of(&record)?)?);
        times.push(record.timestamp as f64 / 1000.0);
        Ok(())
    })?;
    let sql = "
        WITH counted AS (
            SELECT extract(epoch FROM pg_xact_commit_timestamp(o.xmin) - o.committed_at)::float8 * 1000 AS whole,
                   extract(epoch FROM pg_xact_commit_timestamp(o.xmin) - to_timestamp(r.at))::float8 * 1000 AS own
            FROM orders o JOIN unnest($1::bigint[], $2::float8[]) AS r(id, at) USING (id)
            WHERE o.id >= $3)
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY whole), percentile_cont(0.99) WITHIN GROUP (ORDER BY whole),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY own), percentile_cont(0.99) WITHIN GROUP (ORDER BY own)
        FROM counted";
    let row = client.query_one(sql, &[&ids, &times, &((WARMING + 1) * ROWS)])?;
    Ok(Latency {
        p50: row.get(0),
        p99: row.get(1),
        own_p50: row.get(2),
        own_p99: row.get(3),
    })
}
