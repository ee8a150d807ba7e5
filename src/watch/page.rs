//! The page of a worker, and what is behind it: what `landfall status` says, and what the worker knows by itself. It shows, and
//! changes nothing; it has no row values.

mod cells;
mod command_line;
mod headers;
pub mod history;
mod html;
pub mod keeper;
mod letters;
mod partitions;
mod sparkline;
mod standstills;
mod table;
mod worker_view;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::clock::utc_text;
use crate::config::Config;
use crate::status::{LetterCount, PartitionLine, Problem, Versions};
use crate::watch::health::Health;
use crate::watch::page::headers::PageHeaders;
use crate::watch::page::history::History;
use crate::watch::page::html::render_page;
use crate::watch::page::keeper::{Kept, SideState, StatusKeeper};
use crate::watch::page::worker_view::{Sources, WorkerView};
use crate::watch::progress::Progress;

/// How many may look at the same moment; more of them wait.
const CONCURRENT_LOOKS: usize = 4;

/// How long these wait at most.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// The page of a worker.
pub struct Page {
    config: Config,
    health: Arc<Health>,
    progress: Arc<Progress>,
    /// What Kafka and Postgres say; somebody has to keep it asking.
    pub keeper: StatusKeeper,
    history: History,
    looks: Semaphore,
    headers: PageHeaders,
    started_at: SystemTime,
}

/// What `/status.json` answers: `docs/status.schema.json`.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    /// When this was answered, in UTC as RFC 3339 has it.
    pub at: String,
    /// When Kafka and Postgres were asked; `None`: they haven't answered yet.
    pub asked_at: Option<String>,
    pub kafka: SideState,
    pub postgres: SideState,
    pub partitions: Vec<PartitionLine>,
    /// As Postgres told last; `None`: it hasn't yet.
    pub dead_letters: Option<Vec<LetterCount>>,
    pub versions: Versions,
    pub problems: Vec<Problem>,
    pub worker: WorkerView,
}

/// How the page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    /// `off`: it stays as it is.
    refresh: String,
}

impl Page {
    pub fn new(config: &Config, health: Arc<Health>, progress: Arc<Progress>) -> Self {
        Self {
            config: config.clone(),
            health,
            progress,
            keeper: StatusKeeper::default(),
            history: History::default(),
            looks: Semaphore::new(CONCURRENT_LOOKS),
            headers: PageHeaders::new(),
            started_at: SystemTime::now(),
        }
    }

    /// Remembers how the last minutes were, without end.
    pub async fn keep_history(&self) {
        let mut looks = tokio::time::interval(history::INTERVAL);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            looks.tick().await;
            self.history.note_look(&self.progress.list_readings());
        }
    }

    /// How everything is; `None`: too many ask at the same moment.
    async fn look(&self) -> Option<StatusDocument> {
        let allowed = tokio::time::timeout(LOOK_TIMEOUT, self.looks.acquire()).await;
        let _allowed = allowed.ok()?.ok()?;
        let kept = self.keeper.look().await;
        let worker = Sources {
            config: &self.config,
            health: &self.health,
            progress: &self.progress,
            history: &self.history,
            started_at: self.started_at,
        };
        Some(StatusDocument::new(kept, worker.view_worker()))
    }
}

impl StatusDocument {
    fn new(kept: Option<Kept>, worker: WorkerView) -> Self {
        let asked_at = kept.as_ref().map(|kept| utc_text(kept.at));
        let (status, kafka, postgres) = match kept {
            Some(kept) => (kept.status, kept.kafka, kept.postgres),
            None => Default::default(),
        };
        Self {
            at: utc_text(SystemTime::now()),
            asked_at,
            kafka,
            postgres,
            partitions: status.partitions,
            dead_letters: status.dead_letters,
            versions: status.versions,
            problems: status.problems,
            worker,
        }
    }
}

/// `GET /`
pub async fn show_page(State(page): State<Arc<Page>>, Query(query): Query<PageQuery>) -> Response {
    match page.look().await {
        Some(document) => {
            let refreshes = query.refresh != "off";
            let html = render_page(&document, refreshes);
            (page.headers.of_page(refreshes), html.into_string()).into_response()
        }
        None => too_many(),
    }
}

/// `GET /status.json`
pub async fn show_status(State(page): State<Arc<Page>>) -> Response {
    match page.look().await {
        Some(document) => (page.headers.of_data(), Json(document)).into_response(),
        None => too_many(),
    }
}

fn too_many() -> Response {
    let why = "too many look at the same moment; try again\n";
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}
