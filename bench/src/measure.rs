//! One measurement: a sink lands a topic in an empty destination, which must then equal the source.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use postgres::Client;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::database::Database;
use crate::distance::far_from;
use crate::equality;
use crate::process::{Process, Usage};
use crate::servers::{ServerUsage, Servers};
use crate::sink::{Sink, Task};
use crate::workload::{FIRST_SENTINEL, SENTINELS, TABLE, Topic};

/// A sink that lands less than this is given up.
const SLOWEST: u64 = 500;
/// How long a sink that isn't quite through is waited for.
const FLUSHING: Duration = Duration::from_secs(20);
const STARTING: Duration = Duration::from_secs(90);

/// What a sink did, from the moment when its consumers had their partitions to when the last row was seen.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub records: u64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_rss: u64,
    /// CPU seconds of the destination's Postgres meanwhile; 0 where it isn't measured.
    #[serde(default)]
    pub postgres_seconds: f64,
    /// CPU seconds of Kafka meanwhile.
    #[serde(default)]
    pub kafka_seconds: f64,
}

/// How a measurement differs from the usual.
pub struct Setting<'a> {
    pub topics: String,
    /// Of the destination.
    pub tables: Vec<String>,
    /// How far away the destination is.
    pub round_trip: Option<Duration>,
    /// What is done to the destination before the sink starts.
    pub prepare: &'a dyn Fn(&Bench, &Database) -> Result<()>,
    /// What is done in the middle.
    pub meanwhile: &'a dyn Fn(&Bench) -> Result<()>,
}

impl Setting<'_> {
    pub fn usual(topic: Topic) -> Self {
        Setting {
            topics: topic.full_name(),
            tables: vec![TABLE.to_owned()],
            round_trip: None,
            prepare: &|_, _| Ok(()),
            meanwhile: &|_| Ok(()),
        }
    }
}

impl Bench {
    /// # Errors
    /// If the sink fails, takes too long, or leaves a destination that isn't equal.
    pub fn measure(&self, topic: Topic, sink: &Sink, setting: &Setting<'_>) -> Result<Measured> {
        let records = self.made(topic.source)?.records;
        self.stack.stop_connect()?;
        let destination = Database::destination(&self.stack, "bench")?;
        let mut client = destination.recreate()?;
        for table in &setting.tables {
            client.batch_execute(&topic.source.table().create(table))?;
        }
        (setting.prepare)(self, &destination)?;
        let name = format!(
            "bench-{}",
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis()
        );
        let seen = match setting.round_trip {
            Some(round_trip) => far_from(&destination, round_trip)?,
            None => destination.clone(),
        };
        let task = Task {
            name: &name,
            topics: &setting.topics,
            encoding: topic.encoding,
            destination: &seen,
        };
        let mut process = self.start_warm(topic, sink, &task, &setting.tables)?;
        let watched = self.watch(&mut process, sink, &task, setting, &destination, records);
        let (seconds, usage, servers) = watched.with_context(|| process.end_of_log())?;
        let source = Database::source(&self.stack, &topic.source.database())?;
        if sink.deletes_last() {
            equality::await_equal(&source, &destination, &setting.tables, FLUSHING);
        }
        process.kill();
        equality::check(&source, &destination, &setting.tables)?;
        Ok(Measured {
            records,
            seconds: seconds.as_secs_f64(),
            cpu_seconds: usage.cpu_seconds,
            peak_rss: usage.peak_rss,
            postgres_seconds: servers.postgres,
            kafka_seconds: servers.kafka,
        })
    }

    fn watch(
        &self,
        process: &mut Process,
        sink: &Sink,
        task: &Task<'_>,
        setting: &Setting<'_>,
        destination: &Database,
        records: u64,
    ) -> Result<(Duration, Usage, ServerUsage)> {
        let patience = Duration::from_secs(60 + records / SLOWEST);
        let mut look = Look::new(destination, &setting.tables)?;
        let started = Instant::now();
        while !sink.is_reading(self, task, process)? && !look.any()? {
            process.is_well()?;
            ensure!(
                started.elapsed() < STARTING,
                "it has no partitions after {} s",
                STARTING.as_secs()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let servers = Servers::find(&self.stack)?;
        let servers_before = servers.usage()?;
        let (clock, before) = (Instant::now(), process.usage()?);
        (setting.meanwhile)(self)?;
        let mut checked = Instant::now();
        while look.sentinels(destination)? < SENTINELS {
            if checked.elapsed() > Duration::from_secs(1) {
                process.is_well()?;
                checked = Instant::now();
            }
            if clock.elapsed() > patience {
                bail!("not everything is there after {} s", patience.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let (seconds, after) = (clock.elapsed(), process.usage()?);
        let servers = servers.usage().map(|after| after.since(servers_before));
        let usage = Usage {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            peak_rss: after.peak_rss,
        };
        // a Postgres that was stopped meanwhile is another one now
        Ok((seconds, usage, servers.unwrap_or_default()))
    }
}

/// A table that has just been filled has no statistics: left to itself Postgres counts by reading all of
/// it, with parallel workers, at a fifth of the machine.
const BY_THE_KEY: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off";

/// How the bench looks into the destination: by the key, at the price of some microseconds. Of many
/// tables only into the first, until that has everything: planning a look into 300 takes a core.
pub struct Look {
    client: Client,
    any: String,
    of_first: String,
    of_all: String,
    /// That the first has at its end.
    share: u64,
}

impl Look {
    pub fn new(destination: &Database, tables: &[String]) -> Result<Self> {
        let first = tables.first().map_or(TABLE, String::as_str);
        let count = |t: &str| format!("(SELECT count(*) FROM {t} WHERE id >= {FIRST_SENTINEL})");
        let all: Vec<String> = tables.iter().map(|t| count(t)).collect();
        Ok(Self {
            client: Self::connect(destination)?,
            any: format!("SELECT EXISTS (SELECT FROM {first})"),
            of_first: format!("SELECT {}", count(first)),
            of_all: format!("SELECT ({})::bigint", all.join(" + ")),
            share: SENTINELS / tables.len().max(1) as u64,
        })
    }

    fn connect(destination: &Database) -> Result<Client> {
        let mut client = destination.connect()?;
        client.batch_execute(BY_THE_KEY)?;
        Ok(client)
    }

    pub fn any(&mut self) -> Result<bool> {
        Ok(self.client.query_one(&self.any, &[])?.get(0))
    }

    pub fn sentinels(&mut self, destination: &Database) -> Result<u64> {
        match self.count(destination, |look| &look.of_first)? {
            few if few < self.share => Ok(few),
            _ => self.count(destination, |look| &look.of_all),
        }
    }

    /// A destination that was stopped meanwhile shows none.
    fn count(&mut self, destination: &Database, sql: fn(&Self) -> &str) -> Result<u64> {
        let sql = sql(self).to_owned();
        match self.client.query_one(&sql, &[]) {
            Ok(row) => Ok(u64::try_from(row.get::<_, i64>(0))?),
            Err(error) if error.is_closed() || error.as_db_error().is_some() => {
                if let Ok(client) = Self::connect(destination) {
                    self.client = client;
                }
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }
}
