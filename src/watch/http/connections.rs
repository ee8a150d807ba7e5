//! Takes connections, within bounds: whatever somebody sends, or doesn't, the worker's work goes on, and whoever asks whether
//! it is alive gets an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::watch::http::places::{Place, Places};

/// What one may ask for.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// At the same time. One more takes the place of another.
    pub connections: usize,
    /// How long a request's headers may take to come, and the next request of a connection.
    pub header_time: Duration,
    /// A browser sends a dozen, of less than a kilobyte together.
    pub headers: usize,
    /// Of a request's first line and its headers, together.
    pub header_bytes: usize,
    /// How long a connection may be kept: somebody may never read what was asked for.
    pub kept_for: Duration,
}

pub(super) const BOUNDS: Bounds = Bounds {
    connections: 64,
    header_time: Duration::from_secs(20),
    headers: 64,
    header_bytes: 16 * 1024,
    kept_for: Duration::from_secs(300),
};

/// How long an answer may take to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection that was kept long enough has to end.
const ENDING_GRACE: Duration = Duration::from_secs(10);

/// After an error, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves without end.
pub(super) async fn serve_connections(listener: TcpListener, router: Router, bounds: Bounds) {
    let router = router.layer(from_fn(within_time));
    let places = Places::new(bounds.connections);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (place, router) = (places.take(), router.clone());
                tokio::spawn(serve_connection(stream, router, place, bounds));
            }
            Err(error) => {
                tracing::debug!(%error, "can't take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router, place: Place, bounds: Bounds) {
    let place = Arc::new(place);
    let router = TowerToHyperService::new(router);
    let answered = place.clone();
    let service = service_fn(move |request| {
        let (answering, answer) = (answered.begin_answer(), router.call(request));
        async move {
            let answer = answer.await;
            drop(answering);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_time)
        .max_headers(bounds.headers)
        .max_buf_size(bounds.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        () = place.given_away() => return,
        served = connection.as_mut() => served,
        () = tokio::time::sleep(bounds.kept_for) => {
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

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
