//! Takes connections, within bounds: whatever somebody sends, or doesn't, the worker's work goes on.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// So many at the same time; others wait to be taken.
const MOST_CONNECTIONS: usize = 64;

/// How long a request's headers may take to come, and the next request of a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);

/// A browser sends a dozen, of less than a kilobyte together.
const MOST_HEADERS: usize = 64;
const MOST_HEADER_BYTES: usize = 16 * 1024;

/// How long an answer may take to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection may be kept, and then have to end: somebody may never read what was asked for.
const KEPT_FOR: Duration = Duration::from_secs(300);
const ENDING_GRACE: Duration = Duration::from_secs(10);

/// After an error, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves without end.
pub(super) async fn serve_connections(listener: TcpListener, router: Router) {
    let router = router.layer(from_fn(within_time));
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // it is never closed
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, router).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "can't take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::time::timeout(KEPT_FOR, connection.as_mut()).await;
    let served = match served {
        Ok(served) => served,
        Err(_) => {
            connection.as_mut().graceful_shutdown();
            let ended = tokio::time::timeout(ENDING_GRACE, connection).await;
            ended.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to http.listen broke off");
    }
}

async fn within_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
}
