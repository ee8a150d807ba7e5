//! What a browser is told beside the page: to load nothing, to run nothing, to keep nothing.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, REFRESH,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use crate::watch::page::html::STYLE;

/// A header rather than a `meta` element: it is left out for whoever wants the page to stand still.
const REFRESH_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What goes with the page's answers.
pub struct PageHeaders {
    policy: HeaderValue,
}

impl PageHeaders {
    /// The one style that is allowed is known by its hash.
    pub fn new() -> Self {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        // base64 has no character that a header hasn't
        let policy = HeaderValue::try_from(policy);
        let nothing = HeaderValue::from_static("default-src 'none'");
        Self {
            policy: policy.unwrap_or(nothing),
        }
    }

    /// Of the page.
    pub fn of_page(&self, refreshes: bool) -> HeaderMap {
        let mut headers = self.of_data();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(CONTENT_TYPE, html);
        if refreshes {
            headers.insert(REFRESH, REFRESH_AFTER);
        }
        headers
    }

    /// Of whatever else tells about the worker.
    pub fn of_data(&self) -> HeaderMap {
        let told = [
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        told.into_iter().collect()
    }
}
