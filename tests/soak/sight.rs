//! What somebody who watches would see: partitions that get no further though there is more to read, and whether the
//! workers say so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use crate::load::Sent;

const LOOK: Duration = Duration::from_millis(250);
/// What takes longer is a stand-still: a session of six seconds has ended by then, and its partitions have moved.
const STILL: Duration = Duration::from_secs(12);
/// What is said a moment before or after is of it.
const SLACK: Duration = Duration::from_secs(2);

/// A partition got no further for that long.
pub struct Still {
    partition: i32,
    from: SystemTime,
    to: SystemTime,
}

#[derive(Default)]
pub struct Seen {
    pub stills: Vec<Still>,
    /// When a worker said that it isn't ready.
    unready: Vec<SystemTime>,
}

impl Seen {
    /// Those of which nobody was told: neither by `/readyz` nor by a warning.
    pub fn untold(&self, warned: &[SystemTime]) -> Vec<String> {
        let told = |still: &&Still| {
            let within = |at: &SystemTime| *at >= still.from - SLACK && *at <= still.to + SLACK;
            self.unready.iter().any(within) || warned.iter().any(within)
        };
        let untold = self.stills.iter().filter(|still| !told(still));
        let name = |still: &Still| {
            let (from, to) = (still.from, still.to);
            let [from, to] = [from, to].map(humantime::format_rfc3339_seconds);
            format!("partition {} from {from} to {to}", still.partition)
        };
        untold.map(name).collect()
    }
}

pub struct Watcher {
    ends: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

impl Watcher {
    pub fn start(database: &str, addresses: &[String], sent: Arc<Sent>) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (database, addresses) = (database.to_owned(), addresses.to_vec());
        let task = tokio::spawn(watch(database, addresses, sent, ends.clone()));
        Self { ends, task }
    }

    pub async fn end(self) -> Seen {
        self.ends.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic")
    }
}

async fn watch(
    database: String,
    addresses: Vec<String>,
    sent: Arc<Sent>,
    ends: Arc<AtomicBool>,
) -> Seen {
    let mut seen = Seen::default();
    // where each partition was, and since when
    let mut still: BTreeMap<i32, (i64, SystemTime, Instant)> = BTreeMap::new();
    while !ends.load(Ordering::SeqCst) {
        let (applied, ready) = tokio::join!(read_applied(&database), ask_all(&addresses));
        let now = SystemTime::now();
        if ready.contains(&Some(false)) {
            seen.unready.push(now);
        }
        let sent = sent.ends.lock().expect("no panic").clone();
        for (partition, end) in sent {
            // where Postgres is away nothing moves
            let at = match &applied {
                Some(applied) => applied.get(&partition).copied().unwrap_or_default(),
                None => still.get(&partition).map_or(0, |(at, ..)| *at),
            };
            let (was, from, since) = *still.entry(partition).or_insert((at, now, Instant::now()));
            if at == was && at < end {
                continue;
            }
            if since.elapsed() > STILL && was < end && at != was {
                seen.stills.push(Still {
                    partition,
                    from,
                    to: now,
                });
            }
            still.insert(partition, (at, now, Instant::now()));
        }
        tokio::time::sleep(LOOK).await;
    }
    seen
}

/// How far each partition is; `None` if Postgres can't be asked.
async fn read_applied(database: &str) -> Option<BTreeMap<i32, i64>> {
    let asking = async {
        let (client, connection) = tokio_postgres::connect(database, NoTls).await.ok()?;
        tokio::spawn(connection);
        let sql = "SELECT partition, next_offset FROM landfall.partitions";
        let rows = client.query(sql, &[]).await.ok()?;
        Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    };
    tokio::time::timeout(Duration::from_secs(2), asking)
        .await
        .ok()?
}

/// Whether each worker says that it is ready; `None` if nobody answers.
async fn ask_all(addresses: &[String]) -> Vec<Option<bool>> {
    let asked = addresses.iter().cloned().map(|address| {
        tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(1)))
                .build()
                .new_agent();
            let answer = agent.get(format!("http://{address}/readyz")).call();
            Some(answer.ok()?.status().as_u16() == 200)
        })
    });
    let answers = futures::future::join_all(asked).await;
    answers.into_iter().map(|a| a.expect("no panic")).collect()
}
