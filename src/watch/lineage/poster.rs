//! Posting events beside the work: one when the run starts, one when it ends, and between them whenever something is new,
//! and every five minutes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::watch::lineage::FLOWS;
use crate::watch::lineage::event::{PERIOD, State, event};
use crate::watch::lineage::flows::{Flows, Known};
use crate::watch::lineage::job::{Job, JobKind};
use crate::watch::lineage::target::LineageTarget;
use crate::watch::metrics::{DroppedTelemetry, count_dropped_telemetry};

/// What becomes known soon after the first of it goes along.
const GATHER: Duration = Duration::from_secs(1);

/// When the same is told again, if nobody took it.
const AGAIN: Duration = Duration::from_secs(15);

/// A run that is told of.
pub struct LineageRun {
    teller: Arc<Teller>,
    telling: JoinHandle<()>,
}

struct Teller {
    target: LineageTarget,
    job: Job,
    flows: &'static Flows,
    /// Nobody took the last event, and it has been said.
    fails: AtomicBool,
}

impl LineageRun {
    /// The run starts. From now on landing notes what it does.
    pub fn start(target: LineageTarget, config: &Config, kind: JobKind) -> Self {
        let flows = FLOWS.get_or_init(Flows::default);
        flows.note_topics(config.kafka.topic_names());
        let job = Job::new(config, target.namespace.clone(), kind);
        let teller = Arc::new(Teller {
            target,
            job,
            flows,
            fails: AtomicBool::new(false),
        });
        let telling = tokio::spawn(tell_news(teller.clone()));
        Self { teller, telling }
    }

    /// The run has ended: so many seconds at most are spent on saying so as posting an event may take.
    pub async fn end(self, outcome: Result<(), &(dyn Error + 'static)>) {
        self.telling.abort();
        _ = self.telling.await;
        let error = outcome.err().map(ToString::to_string);
        let state = error.as_deref().map_or(State::Complete, State::Fail);
        self.teller.tell(state).await;
    }
}

async fn tell_news(teller: Arc<Teller>) {
    while !teller.tell(State::Start).await {
        sleep(AGAIN).await;
    }
    loop {
        let news = teller.flows.news.notified();
        if timeout(Duration::from_secs(PERIOD), news).await.is_ok() {
            sleep(GATHER).await;
        }
        while !teller.tell(State::Running).await {
            sleep(AGAIN).await;
        }
    }
}

impl Teller {
    /// Returns whether it was taken. What it told of stays news otherwise.
    async fn tell(&self, state: State<'_>) -> bool {
        let told = self.flows.read(|known| {
            let told = event(&self.job, state, known);
            known.mark_told();
            told
        });
        let taken = self.post(&told).await;
        if !taken {
            self.flows.read(Known::mark_untold);
        }
        taken
    }

    /// Says once that events aren't taken, and once that they are again.
    async fn post(&self, event: &Value) -> bool {
        let posted = self.target.post(event).await;
        let failed = posted.is_err();
        match (posted, self.fails.swap(failed, Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(%error, "lineage events can't be posted: they are dropped until they are taken again");
            }
            (Ok(()), true) => tracing::info!("lineage events are taken again"),
            _ => {}
        }
        if failed {
            count_dropped_telemetry(DroppedTelemetry::LineageEvents, 1);
        }
        !failed
    }
}
