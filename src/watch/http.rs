//! `/healthz`, `/readyz` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::watch::health::Health;
use crate::watch::metrics::Series;
use crate::watch::sampled::Sampled;

/// `http.listen` names an address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("http.listen: can't listen on {address}: {error}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    error: std::io::Error,
}

/// Serves until the process ends.
///
/// # Errors
/// The address can't be listened on.
pub async fn serve_endpoints(
    listen: SocketAddr,
    health: Arc<Health>,
    metrics: Series,
    sampled: Arc<Sampled>,
) -> Result<SocketAddr, ListenError> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| ListenError {
            address: listen,
            error,
        })?;
    let address = listener.local_addr().map_err(|error| ListenError {
        address: listen,
        error,
    })?;
    let values = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            values.take_values_in();
        }
    });
    let ready = move || {
        let health = health.clone();
        async move {
            match health.check_ready() {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons + "\n"),
            }
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(move || async move {
                sampled.measure();
                (
                    [("content-type", "text/plain; version=0.0.4")],
                    metrics.render(),
                )
            }),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
