//! Who takes OpenLineage's events over HTTP, as Marquez and others do, and keeps them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

use crate::support::serve::serve;

pub struct Receiver {
    pub url: String,
    kept: Arc<Mutex<Vec<Value>>>,
}

/// The token that it asks for.
pub const TOKEN: &str = "let-me-in";

impl Receiver {
    pub async fn start() -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new()
            .route("/api/v1/lineage", post(keep))
            .with_state(kept.clone());
        let url = serve(app).await;
        Self { url, kept }
    }

    /// In the order in which they came.
    pub fn events(&self) -> Vec<Value> {
        self.kept.lock().expect("no panic").clone()
    }
}

async fn keep(
    State(kept): State<Arc<Mutex<Vec<Value>>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED;
    }
    assert_eq!(header("content-type"), Some("application/json"));
    let event = serde_json::from_str(&body).expect("JSON");
    kept.lock().expect("no panic").push(event);
    StatusCode::CREATED
}
