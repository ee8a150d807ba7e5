//! Events that come all the time, and how long each partition stood still meanwhile: the longest time in which nothing of it
//! was applied, as its watermark tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::events::{insert, update};
use super::kafka::Kafka;
use super::world::connect;
use super::{Event, World};

/// Rows that no other events are of: one for each partition.
pub const FIRST_ROW: i64 = 1_000_000;

/// How often each partition is given an event, and how often it is looked at.
const TICK: Duration = Duration::from_millis(50);

pub struct Trickle {
    end: CancellationToken,
    sending: JoinHandle<i64>,
    looking: JoinHandle<()>,
    stood: Stood,
}

/// How long each partition stood still at the most.
type Stood = Arc<Mutex<BTreeMap<i32, Duration>>>;

impl Trickle {
    /// Begins with all partitions of the world's topic, which are to be in the bookkeeping already.
    pub async fn start(world: &World, partitions: i32) -> Self {
        let end = CancellationToken::new();
        let topic = world.topic.clone();
        let kafka = Kafka::at(world.kafka.brokers());
        let db = connect(&world.database_url).await;
        let stood = Stood::default();
        Self {
            sending: tokio::spawn(send(kafka, topic, partitions, end.clone())),
            looking: tokio::spawn(look(db, stood.clone(), end.clone())),
            stood,
            end,
        }
    }

    /// How long each partition stood still at the most since the beginning, or since this was asked before.
    pub fn stood(&self) -> BTreeMap<i32, Duration> {
        std::mem::take(&mut self.stood.lock().expect("no panic"))
    }

    /// How many events were sent, and how long each partition stood still at the most, as [`Self::stood`] has it.
    pub async fn end(mut self) -> (i64, BTreeMap<i32, Duration>) {
        self.end.cancel();
        let sent = (&mut self.sending).await.expect("no panic");
        (&mut self.looking).await.expect("no panic");
        (sent, self.stood())
    }
}

async fn send(kafka: Kafka, topic: String, partitions: i32, end: CancellationToken) -> i64 {
    let mut ticks = tokio::time::interval(TICK);
    let mut version = 0;
    while !end.is_cancelled() {
        ticks.tick().await;
        version += 1;
        let event = |partition: i32| -> Event {
            let (id, lsn) = (FIRST_ROW + i64::from(partition), 1_000_000_000 + version);
            match version {
                1 => insert(lsn, id, version).on(partition),
                _ => update(lsn, id, version).on(partition),
            }
        };
        let events: Vec<Event> = (0..partitions).map(event).collect();
        kafka.produce(&topic, &events).await;
    }
    version * i64::from(partitions)
}

async fn look(db: tokio_postgres::Client, longest: Stood, end: CancellationToken) {
    let mut seen: BTreeMap<i32, (i64, Instant)> = BTreeMap::new();
    let mut ticks = tokio::time::interval(TICK);
    while !end.is_cancelled() {
        ticks.tick().await;
        let sql = "SELECT partition, next_offset FROM landfall.partitions";
        for row in db.query(sql, &[]).await.expect("the bookkeeping") {
            let (partition, offset) = (row.get(0), row.get(1));
            let last = seen.entry(partition).or_insert((offset, Instant::now()));
            let stood = last.1.elapsed();
            let mut longest = longest.lock().expect("no panic");
            let most = longest.entry(partition).or_default();
            *most = stood.max(*most);
            if last.0 != offset {
                *last = (offset, Instant::now());
            }
        }
    }
}
