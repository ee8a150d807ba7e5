//! Lag in seconds: how old the oldest change is that isn't in, whatever moves or stands still.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::own_postgres::OwnPostgres;
use crate::support::worker::Worker;
use crate::support::{Event, World, events, eventually};

/// How far it may be off, in seconds.
const TOLERANCE: f64 = 1.0;

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as i64
}

/// The row with this number, made at this time.
fn made_at(ms: i64, id: i64) -> Event {
    events::insert(id, id, 1).at(ms).on(0)
}

/// What a connector writes when its source is quiet.
fn heartbeat(ms: i64) -> Event {
    let value = format!(r#"{{"ts_ms":{ms}}}"#);
    Event::raw(r#"{"serverName":"test"}"#, &value).on(0)
}

/// As exported; `None`: nothing is known yet.
async fn lag_of(worker: &Worker, topic: &str, partition: i32) -> Option<f64> {
    let sample = format!("landfall_lag_seconds{{topic=\"{topic}\",partition=\"{partition}\"}} ");
    let (_, metrics) = worker.get("/metrics").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&sample));
    line.map(|value| value.parse().unwrap())
}

/// Waits until it is what it has to be; how it changes meanwhile doesn't matter.
async fn until_lag_is(worker: &Worker, topic: &str, partition: i32, right: impl Fn(f64) -> bool) {
    eventually("the lag is right", async || {
        lag_of(worker, topic, partition)
            .await
            .filter(|lag| right(*lag))
    })
    .await;
}

/// What was seen at each look. A machine that stands still for a moment shows what was right before, so that some looks may
/// be wrong; most of them can't be.
#[derive(Default)]
struct Looks {
    right: usize,
    wrong: Vec<String>,
}

impl Looks {
    fn note(&mut self, is_right: bool, seen: impl Fn() -> String) {
        match is_right {
            true => self.right += 1,
            false => self.wrong.push(seen()),
        }
    }

    fn judge(&self) {
        let (right, wrong) = (self.right, &self.wrong);
        assert!(right > 3 * wrong.len(), "{right} were right, and {wrong:?}");
    }
}

/// Each of `times` is when the change was made that comes next; they are applied in that order.
struct Judge<'w> {
    world: &'w World,
    worker: &'w Worker,
    times: Vec<i64>,
    /// How many were in at the last looks.
    seen: Vec<i64>,
    looks: Looks,
}

impl<'w> Judge<'w> {
    fn new(world: &'w World, worker: &'w Worker, times: Vec<i64>) -> Self {
        Self {
            world,
            worker,
            times,
            seen: vec![0],
            looks: Looks::default(),
        }
    }

    fn age_of_oldest(&self, applied: i64) -> f64 {
        let oldest = self.times.get(applied as usize);
        oldest.map_or(0.0, |made| (now_ms() - made) as f64 / 1_000.0)
    }

    /// What is exported is the age of the oldest event that isn't in, as the destination's rows show. It may have been any
    /// of those that were looked at last: the worker hears of its COMMIT after others see it.
    async fn look(&mut self) -> f64 {
        let lag = lag_of(self.worker, &self.world.topic, 0).await.unwrap();
        self.seen
            .push(self.world.count("SELECT count(*) FROM t").await);
        let last = self.seen.iter().rev().take(3);
        let ages: Vec<f64> = last.map(|applied| self.age_of_oldest(*applied)).collect();
        let (least, most) = ages.iter().fold((f64::MAX, 0.0f64), |(least, most), age| {
            (least.min(*age), most.max(*age))
        });
        let right = least - TOLERANCE..=most + TOLERANCE;
        self.looks.note(right.contains(&lag), || {
            format!("{lag} isn't within {right:?}")
        });
        lag
    }
}

#[tokio::test]
async fn lag_is_right_in_steady_traffic_and_nothing_while_nothing_comes_with_and_without_heartbeats()
 {
    let world = World::new("lag_steady", 1).await;
    let worker = world.run();
    until_lag_is(&worker, &world.topic, 0, |lag| lag == 0.0).await;
    let mut judge = Judge::new(&world, &worker, Vec::new());
    for id in 0..40 {
        let made = now_ms();
        world
            .kafka
            .produce(&world.topic, &[made_at(made, id)])
            .await;
        judge.times.push(made);
        judge.look().await;
    }
    judge.looks.judge();
    world.until_count("SELECT count(*) FROM t", 40).await;
    // longer than what was heard of the log's end holds
    let quiet_until = now_ms() + 7_000;
    until_lag_is(&worker, &world.topic, 0, |lag| lag == 0.0).await;
    let mut quiet = Looks::default();
    eventually("it has been quiet for long", async || {
        let lag = lag_of(&worker, &world.topic, 0).await;
        quiet.note(lag == Some(0.0), || format!("{lag:?}"));
        (now_ms() > quiet_until).then_some(())
    })
    .await;
    for _ in 0..20 {
        world
            .kafka
            .produce(&world.topic, &[heartbeat(now_ms())])
            .await;
        let lag = lag_of(&worker, &world.topic, 0).await.unwrap();
        quiet.note(lag < TOLERANCE, || lag.to_string());
    }
    quiet.judge();
}

#[tokio::test]
async fn lag_is_that_of_what_is_applied_next_while_two_hours_are_caught_up() {
    let mut world = World::new("lag_catching_up", 1).await;
    world.set("apply", "batch_rows = 50");
    let (rows, now) = (6_000, now_ms());
    // the last one was made ten seconds ago
    let times: Vec<i64> = (0..rows)
        .map(|id| now - 10_000 - (rows - 1 - id) * 1_200)
        .collect();
    let all: Vec<Event> = (0..)
        .zip(&times)
        .map(|(id, made)| made_at(*made, id))
        .collect();
    world.kafka.produce(&world.topic, &all).await;
    let worker = world.run();
    until_lag_is(&worker, &world.topic, 0, |_| true).await;
    let mut judge = Judge::new(&world, &worker, times);
    let mut seen = Vec::new();
    eventually("everything is in", async || {
        seen.push(judge.look().await);
        (*seen.last().unwrap() == 0.0).then_some(())
    })
    .await;
    judge.looks.judge();
    assert_eq!(world.count("SELECT count(*) FROM t").await, rows);
    let on_the_way = seen.iter().filter(|lag| (20.0..7_000.0).contains(*lag));
    assert!(
        on_the_way.count() > 0,
        "it was looked at meanwhile: {seen:?}"
    );
}

#[tokio::test]
async fn lag_is_right_while_postgres_is_stopped_also_of_partitions_that_are_paused() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on("lag_stopped", 2, &postgres.url()).await;
    world.set("apply", "batch_rows = 20");
    // one lane has both, so that the one that is full has the other one paused
    world
        .settings
        .get_mut("apply")
        .unwrap()
        .retain(|line| !line.starts_with("lanes"));
    world.set("apply", "lanes = 1");
    let worker = world.run();
    let first = now_ms();
    let topic = world.topic.clone();
    world.kafka.produce(&topic, &[made_at(first, 0)]).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    until_lag_is(&worker, &topic, 0, |lag| lag == 0.0).await;
    until_lag_is(&worker, &topic, 1, |lag| lag == 0.0).await;

    postgres.stop();
    let made = now_ms();
    let many: Vec<Event> = (1..500).map(|id| made_at(made, id)).collect();
    world.kafka.produce(&topic, &many).await;
    // however long the other one is paused already, and nothing has come
    let mut looks = Looks::default();
    eventually("it has been away for long", async || {
        let lags = (
            lag_of(&worker, &topic, 0).await?,
            lag_of(&worker, &topic, 1).await?,
        );
        let age = (now_ms() - made) as f64 / 1_000.0;
        let is_right = age < TOLERANCE || (age - lags.0).abs() < TOLERANCE;
        looks.note(is_right, || format!("{} of {age}", lags.0));
        looks.note(lags.1 < TOLERANCE, || {
            format!("nothing has come: {}", lags.1)
        });
        (age > 8.0).then_some(())
    })
    .await;
    looks.judge();
    let made = now_ms();
    world
        .kafka
        .produce(&topic, &[events::insert(1_000, 1_000, 1).at(made).on(1)])
        .await;
    let mut looks = Looks::default();
    eventually("something has come for long", async || {
        let lag = lag_of(&worker, &topic, 1).await?;
        let age = (now_ms() - made) as f64 / 1_000.0;
        looks.note((age - lag).abs() < 2.0 * TOLERANCE, || {
            format!("{lag} of {age}")
        });
        (age > 4.0).then_some(())
    })
    .await;
    looks.judge();
    postgres.restart();
    for partition in 0..2 {
        until_lag_is(&worker, &topic, partition, |lag| lag == 0.0).await;
    }
}

#[tokio::test]
async fn lag_is_right_of_a_table_that_stands_still_and_of_those_that_move_beside_it() {
    let mut world = World::new("lag_standing", 1).await;
    let moving = world.topic.clone();
    let stopped = format!("{}.public.missing", world.name);
    world.kafka.create_topic(&stopped, 1).await;
    world.topics.push(stopped.clone());
    let worker = world.run();
    let first = now_ms();
    let event = events::insert_into("missing", 1, 1).at(first);
    world.kafka.produce(&stopped, &[event]).await;
    worker.says(&["missing does not exist"]).await;
    let mut judge = Judge::new(&world, &worker, Vec::new());
    until_lag_is(&worker, &moving, 0, |lag| lag == 0.0).await;
    let mut standing = Looks::default();
    for id in 0.. {
        let made = now_ms();
        world.kafka.produce(&moving, &[made_at(made, id)]).await;
        judge.times.push(made);
        judge.look().await;
        let lag = lag_of(&worker, &stopped, 0).await.unwrap();
        let age = (now_ms() - first) as f64 / 1_000.0;
        standing.note((age - lag).abs() < TOLERANCE, || format!("{lag} of {age}"));
        let since = "landfall_standing_since_timestamp_seconds";
        let since = worker.metric(since, &["why=\"systemic\""]).await;
        assert!(since >= (first / 1_000) as f64, "{since}");
        if age > 7.0 {
            break;
        }
    }
    standing.judge();
    judge.looks.judge();
}

#[tokio::test]
async fn lag_is_nothing_behind_transaction_markers_and_behind_an_open_transaction() {
    let postgres = OwnPostgres::start(&[]);
    let world = World::on("lag_transactions", 1, &postgres.url()).await;
    let worker = world.run();
    let topic = &world.topic;
    world
        .kafka
        .produce_in_transaction(topic, &[made_at(now_ms() - 60_000, 1)])
        .await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    world
        .kafka
        .produce_and_abort(topic, &[made_at(now_ms() - 60_000, 2)])
        .await;
    until_lag_is(&worker, topic, 0, |lag| lag == 0.0).await;
    let open = world
        .kafka
        .open_transaction(topic, &[made_at(now_ms() - 60_000, 3)])
        .await;
    eventually("its records are there and can't be read", async || {
        let behind = worker.metric("landfall_lag_events", &[]).await;
        let lag = lag_of(&worker, topic, 0).await;
        (behind > 0.0 && lag == Some(0.0)).then_some(())
    })
    .await;
    // the watermark stays before what is no record, and that is no lag
    postgres.stop();
    open.abort().await;
    let aborted = now_ms();
    let mut looks = Looks::default();
    eventually("it has been away for long", async || {
        let lag = lag_of(&worker, topic, 0).await?;
        looks.note(lag < TOLERANCE, || lag.to_string());
        (now_ms() - aborted > 4_000).then_some(())
    })
    .await;
    looks.judge();
}
