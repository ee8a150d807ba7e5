//! What a worker knows by itself, whether Kafka and Postgres answer or not.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::clock::utc_text;
use crate::config::Config;
use crate::record::TopicPartition;
use crate::verdict::Verdict;
use crate::watch::health::{Health, Waiter};
use crate::watch::metrics::TOTALS;
use crate::watch::page::history::{History, INTERVAL, Series, sum_throughputs};
use crate::watch::progress::{Progress, Reading, Refusals};
use crate::watch::recent_ddl::{DdlRun, list_recent_ddl};
use crate::watch::standing::Stop;

/// What a worker knows.
#[derive(Debug, Serialize)]
pub struct WorkerView {
    /// The consumer group.
    pub group: String,
    /// When the process started, in UTC as RFC 3339 has it.
    pub started_at: String,
    /// As `/readyz` says.
    pub ready: bool,
    /// Why it isn't, but for the partitions that stand still.
    pub reasons: Vec<String>,
    /// Between two values of a history, in seconds; the latest is the last one.
    pub history_step_seconds: u64,
    pub lanes: Vec<LaneView>,
    /// Those that are assigned to it.
    pub partitions: Vec<PartitionView>,
    pub breaker: BreakerView,
    pub rate: RateView,
    pub events: EventTotals,
    /// What `apply.schema_evolution` ran, the latest first.
    pub recent_ddl: Vec<DdlRun>,
}

#[derive(Debug, Serialize)]
pub struct LaneView {
    pub lane: usize,
    /// How many partitions it has.
    pub partitions: usize,
    /// How late the latest of them is.
    pub lag_seconds: Option<f64>,
    /// `None`: it doesn't wait.
    pub waits: Option<WaitView>,
    pub records_per_second_history: Vec<f64>,
}

/// What a lane, or the process before it has lanes, waits for.
#[derive(Debug, Serialize)]
pub struct WaitView {
    pub since: String,
    pub verdict: &'static str,
    pub text: String,
}

#[derive(Debug, Serialize)]
pub struct PartitionView {
    pub topic: String,
    pub partition: i32,
    pub lane: Option<usize>,
    pub applied: Option<i64>,
    pub end: Option<i64>,
    pub lag: Option<i64>,
    pub lag_seconds: Option<f64>,
    /// Why it stands still, if it does.
    pub stands_still: Option<Stop>,
    pub refusals: Refusals,
    pub lag_seconds_history: Vec<Option<f64>>,
    pub records_per_second_history: Vec<f64>,
}

/// `[dead_letter.breaker]`. It is open for the partitions that stand still as `systemic`.
#[derive(Debug, Serialize)]
pub struct BreakerView {
    pub ratio: f64,
    pub window: usize,
    pub open_seconds: f64,
    /// How many partitions it is open for.
    pub open_partitions: usize,
}

/// `apply.rate`.
#[derive(Debug, Serialize)]
pub struct RateView {
    /// `None`: there is no limit.
    pub rows_per_second: Option<u32>,
    /// Since when each batch has had to wait for it; `None`: they go on as they come.
    pub holds_back_since: Option<String>,
}

/// What became of the events since the process started.
#[derive(Debug, Serialize)]
pub struct EventTotals {
    pub applied: u64,
    pub duplicates: u64,
    pub skipped: u64,
    pub dead_lettered: u64,
    pub stale: u64,
}

/// Where the views are made from.
pub struct Sources<'s> {
    pub config: &'s Config,
    pub health: &'s Health,
    pub progress: &'s Progress,
    pub history: &'s History,
    pub started_at: SystemTime,
}

impl Sources<'_> {
    /// How everything is at this moment.
    pub fn view_worker(&self) -> WorkerView {
        let reasons = self.health.list_reasons();
        let (readings, series) = (self.progress.list_readings(), self.history.series());
        let stops = self.health.list_stops();
        let open = stops
            .values()
            .filter(|stop| stop.reason == Verdict::Systemic.name());
        let breaker = &self.config.dead_letter.breaker;
        let held_back = self.progress.held_back.since();
        WorkerView {
            group: self.config.kafka.group.clone(),
            started_at: utc_text(self.started_at),
            ready: reasons.is_empty() && stops.is_empty(),
            reasons,
            history_step_seconds: INTERVAL.as_secs(),
            lanes: self.view_lanes(&readings, &series),
            breaker: BreakerView {
                ratio: breaker.ratio,
                window: breaker.window,
                open_seconds: breaker.open.as_secs_f64(),
                open_partitions: open.count(),
            },
            rate: RateView {
                rows_per_second: self.config.apply.rate,
                holds_back_since: held_back.map(|since| utc_text(moment_of(since))),
            },
            partitions: view_partitions(readings, &series, stops),
            events: EventTotals::read(),
            recent_ddl: list_recent_ddl(),
        }
    }

    fn view_lanes(
        &self,
        readings: &BTreeMap<TopicPartition, Reading>,
        series: &BTreeMap<TopicPartition, Series>,
    ) -> Vec<LaneView> {
        let waits = self.health.waits();
        let lane = |lane: usize| {
            let own = readings.iter().filter(|(_, r)| r.lane == Some(lane));
            let lags = own.clone().filter_map(|(_, reading)| reading.lag_seconds);
            let seen = own.clone().filter_map(|(source, _)| series.get(source));
            let wait = waits.get(&Waiter::Lane(lane));
            LaneView {
                lane,
                partitions: own.count(),
                lag_seconds: lags.max_by(f64::total_cmp),
                waits: wait.map(|wait| WaitView {
                    since: utc_text(moment_of(wait.since)),
                    verdict: wait.verdict.name(),
                    text: wait.why.clone(),
                }),
                records_per_second_history: sum_throughputs(seen.map(|s| &s.records_per_second)),
            }
        };
        (0..self.config.apply.lanes).map(lane).collect()
    }
}

fn view_partitions(
    readings: BTreeMap<TopicPartition, Reading>,
    series: &BTreeMap<TopicPartition, Series>,
    mut stops: BTreeMap<TopicPartition, Stop>,
) -> Vec<PartitionView> {
    let view = |(source, reading): (TopicPartition, Reading)| {
        let seen = series.get(&source).cloned().unwrap_or_default();
        PartitionView {
            stands_still: stops.remove(&source),
            topic: source.topic.to_string(),
            partition: source.partition,
            lane: reading.lane,
            applied: reading.applied,
            end: reading.end,
            lag: reading.lag,
            lag_seconds: reading.lag_seconds,
            refusals: reading.refusals,
            lag_seconds_history: seen.lag_seconds.into(),
            records_per_second_history: seen.records_per_second.into(),
        }
    };
    readings.into_iter().map(view).collect()
}

impl EventTotals {
    fn read() -> Self {
        Self {
            applied: TOTALS.applied.load(Relaxed),
            duplicates: TOTALS.duplicates.load(Relaxed),
            skipped: TOTALS.skipped.load(Relaxed),
            dead_lettered: TOTALS.dead_lettered.load(Relaxed),
            stale: TOTALS.stale.load(Relaxed),
        }
    }
}

/// What a clock on the wall showed then.
fn moment_of(then: Instant) -> SystemTime {
    let now = SystemTime::now();
    now.checked_sub(then.elapsed()).unwrap_or(now)
}
