//! A source that changes all the time, and its connector, which waits for Kafka as long as it takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::FutureExt as _;
use futures::stream::FuturesUnordered;
use rdkafka::config::ClientConfig;
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::JoinHandle;

use crate::support::Event;
use crate::support::events::broken;
use crate::support::source::{Chance, Source};

/// How often something is sent.
const TICK: Duration = Duration::from_millis(50);
/// Rows that nobody else knows.
const FIRST_BROKEN: i64 = 1_000_000;

/// What was sent, and what Kafka said of it.
#[derive(Default)]
pub struct Sent {
    /// By partition: the offset behind the last record that Kafka has taken.
    pub ends: Mutex<BTreeMap<i32, i64>>,
    /// Records that nobody can read.
    pub broken: AtomicU64,
    to_break: AtomicU64,
    ends_now: AtomicBool,
}

impl Sent {
    /// Has some records sent that nobody can read.
    pub fn send_broken(&self, records: u64) {
        self.to_break.fetch_add(records, Ordering::SeqCst);
    }

    fn note(&self, delivery: Delivery) {
        let mut ends = self.ends.lock().expect("no panic");
        let end = ends.entry(delivery.partition).or_default();
        *end = delivery.offset.max(*end - 1) + 1;
    }
}

pub struct Load {
    pub sent: Arc<Sent>,
    task: JoinHandle<Source>,
}

impl Load {
    /// So many changes a second, to this topic.
    pub fn start(brokers: &str, topic: &str, a_second: u64, seed: u64) -> Self {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "900000")
            .set("linger.ms", "5")
            .set("log_level", "0")
            .create()
            .expect("a producer");
        let sent = Arc::new(Sent::default());
        let sending = send_all(
            producer,
            topic.to_owned(),
            a_second,
            Chance::of_seed(seed),
            sent.clone(),
        );
        Self {
            sent,
            task: tokio::spawn(sending),
        }
    }

    /// Sends no more, waits until all of it is safe, and gives what the source has by then.
    pub async fn end(self) -> Source {
        self.sent.ends_now.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic")
    }
}

async fn send_all(
    producer: FutureProducer,
    topic: String,
    a_second: u64,
    mut chance: Chance,
    sent: Arc<Sent>,
) -> Source {
    let (mut source, mut deliveries) = (Source::default(), FuturesUnordered::new());
    let ticks = 1_000 / TICK.as_millis() as u64;
    while !sent.ends_now.load(Ordering::SeqCst) {
        for _ in 0..(a_second / ticks).max(1) {
            source.change(&mut chance);
        }
        // a source's memory is its rows
        let mut events: Vec<Event> = source.history.drain(..).collect();
        for _ in 0..sent.to_break.swap(0, Ordering::SeqCst) {
            let number = sent.broken.fetch_add(1, Ordering::SeqCst);
            events.push(broken(FIRST_BROKEN + number as i64));
        }
        for event in &events {
            let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic);
            record.key = event.key.as_deref();
            record.payload = event.value.as_deref();
            loop {
                match producer.send_result(record) {
                    Ok(delivery) => break deliveries.push(delivery),
                    Err((_, again)) => record = again, // its queue is full, as Kafka is away
                }
                tokio::time::sleep(TICK).await;
            }
        }
        while let Some(Some(delivery)) = deliveries.next().now_or_never() {
            sent.note(
                delivery
                    .expect("the producer lives")
                    .expect("Kafka takes it"),
            );
        }
        tokio::time::sleep(TICK).await;
    }
    while let Some(delivery) = deliveries.next().await {
        sent.note(
            delivery
                .expect("the producer lives")
                .expect("Kafka takes it"),
        );
    }
    source
}
