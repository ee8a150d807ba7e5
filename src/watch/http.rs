//! The worker's own port: the page, `/status.json`, `/metrics`, `/healthz` and `/readyz`. It takes nothing but questions.

mod connections;
mod host;
mod places;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::config::HttpConfig;
use crate::watch::health::Health;
use crate::watch::http::connections::{BOUNDS, serve_connections};
use crate::watch::http::host::{HostNames, require_host};
use crate::watch::http::token::{TokenFile, require_token};
use crate::watch::metrics::Series;
use crate::watch::page::{self, Page};
use crate::watch::sampled::Sampled;

/// How often histograms take in what was recorded.
const TAKING_IN_INTERVAL: Duration = Duration::from_secs(1);

/// `http.listen` names an address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("http.listen: can't listen on {address}: {error}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    error: std::io::Error,
}

/// What there is to be told.
pub struct Told {
    pub health: Arc<Health>,
    pub metrics: Series,
    pub sampled: Arc<Sampled>,
    pub page: Arc<Page>,
}

/// Serves until the process ends.
///
/// # Errors
/// The address can't be listened on.
pub async fn serve_endpoints(config: &HttpConfig, told: Told) -> Result<SocketAddr, ListenError> {
    let failed = |error| ListenError {
        address: config.listen,
        error,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let token = config.token_file.as_ref();
    let token = token.map(|path| Arc::new(TokenFile::new(path)));
    let values = told.metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TAKING_IN_INTERVAL).await;
            values.take_values_in();
        }
    });
    let mut router = build_router(told, token);
    if let Some(names) = HostNames::wanted(address, &config.hosts) {
        router = router.layer(from_fn_with_state(names, require_host));
    }
    tokio::spawn(serve_connections(listener, router, BOUNDS));
    Ok(address)
}

fn build_router(told: Told, token: Option<Arc<TokenFile>>) -> Router {
    let Told {
        health,
        metrics,
        sampled,
        page,
    } = told;
    let render_metrics = move || async move {
        sampled.measure();
        (
            [("content-type", "text/plain; version=0.0.4")],
            metrics.render(),
        )
    };
    let mut guarded = Router::new()
        .route("/", get(page::show_page))
        .route("/status.json", get(page::show_status))
        .with_state(page)
        .route("/metrics", get(render_metrics));
    if let Some(token) = &token {
        guarded = guarded.layer(from_fn_with_state(token.clone(), require_token));
    }
    // whoever restarts what isn't alive has no token
    let open = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(tell_ready))
        .with_state(Readiness { health, token });
    open.merge(guarded)
}

#[derive(Clone)]
struct Readiness {
    health: Arc<Health>,
    token: Option<Arc<TokenFile>>,
}

/// The reasons name topics, tables and hosts: they are for those who may see the page.
async fn tell_ready(State(state): State<Readiness>, request: Request) -> impl IntoResponse {
    let Err(reasons) = state.health.check_ready() else {
        return (StatusCode::OK, "ready\n".to_owned());
    };
    let may_know = match &state.token {
        Some(token) => token.is_given(request.headers()).await,
        None => true,
    };
    let told = if may_know {
        reasons
    } else {
        "not ready".to_owned()
    };
    (StatusCode::SERVICE_UNAVAILABLE, told + "\n")
}
