//! `http.token_file`: who may see what names tables, topics and hosts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use crate::config::read_secret_file;
use crate::locked::Locked;

/// A browser asks its user for it: any name, and the token as the password.
const CHALLENGE: &str = "Basic realm=\"Landfall\", charset=\"UTF-8\"";

/// The file that holds the token. It is read with each request, so that a new token holds from the next one on.
pub(super) struct TokenFile {
    path: PathBuf,
    last: Locked<LastRead>,
}

/// What the file held when it could be read last.
#[derive(Default)]
struct LastRead {
    /// `None`: it never could.
    token: Option<[u8; 32]>,
    is_failing: bool,
}

impl TokenFile {
    pub(super) fn new(path: &Path) -> Self {
        let file = Self {
            path: path.to_owned(),
            last: Locked::default(),
        };
        file.read();
        file
    }

    /// Whether these headers bring the token.
    pub(super) async fn is_given(self: &Arc<Self>, headers: &HeaderMap) -> bool {
        let Some(given) = given_token(headers) else {
            return false;
        };
        let file = self.clone();
        let wanted = tokio::task::spawn_blocking(move || file.read()).await;
        let wanted = wanted.ok().flatten();
        // of the same length, and compared in constant time: how long it takes tells nothing of the token
        wanted.is_some_and(|wanted| openssl::memcmp::eq(&wanted, &hash(given.as_bytes())))
    }

    /// The hash of the token: as it was before, if the file can't be read now.
    fn read(&self) -> Option<[u8; 32]> {
        let read = read_secret_file(&self.path);
        let mut last = self.last.lock();
        match read {
            Ok(token) => {
                last.token = Some(hash(token.expose().as_bytes()));
                last.is_failing = false;
            }
            Err(error) => {
                if !last.is_failing {
                    tracing::warn!(%error, "http.token_file can't be read: the token before holds on");
                }
                last.is_failing = true;
            }
        }
        last.token
    }
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The token, by either scheme.
fn given_token(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = given.trim().split_once(' ')?;
    let credentials = credentials.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(credentials.to_owned()),
        "basic" => {
            let decoded = BASE64_STANDARD.decode(credentials).ok()?;
            let decoded = String::from_utf8(decoded).ok()?;
            let (_, password) = decoded.split_once(':')?;
            Some(password.to_owned())
        }
        _ => None,
    }
}

/// Lets nobody through who doesn't bring the token.
pub(super) async fn require_token(
    State(token): State<Arc<TokenFile>>,
    request: Request,
    next: Next,
) -> Response {
    if token.is_given(request.headers()).await {
        return next.run(request).await;
    }
    let why = "the token of http.token_file is needed: as a bearer token, or as the password of any user\n";
    (
        StatusCode::UNAUTHORIZED,
        [(WWW_AUTHENTICATE, CHALLENGE)],
        why,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let value = authorization.parse().unwrap();
        [(AUTHORIZATION, value)].into_iter().collect()
    }

    fn basic(user_and_password: &str) -> HeaderMap {
        headers(&format!(
            "Basic {}",
            BASE64_STANDARD.encode(user_and_password)
        ))
    }

    #[tokio::test]
    async fn the_token_is_taken_by_either_scheme_and_nothing_else_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "se:cret\n").unwrap();
        let token = Arc::new(TokenFile::new(file.path()));
        for good in [
            headers("Bearer se:cret"),
            headers("bearer  se:cret"),
            basic("anybody:se:cret"),
            basic(":se:cret"),
        ] {
            assert!(token.is_given(&good).await, "{good:?}");
        }
        for bad in [
            HeaderMap::new(),
            headers("Bearer"),
            headers("Bearer "),
            headers("Bearer se:cret2"),
            headers("Bearer se:cre"),
            headers("Basic se:cret"),
            headers("Digest se:cret"),
            basic("se:cret"),
            basic("anybody:"),
        ] {
            assert!(!token.is_given(&bad).await, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_new_token_holds_at_once_and_a_file_that_is_gone_takes_none_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "old").unwrap();
        let token = Arc::new(TokenFile::new(file.path()));
        assert!(token.is_given(&headers("Bearer old")).await);
        std::fs::write(file.path(), "new").unwrap();
        assert!(!token.is_given(&headers("Bearer old")).await);
        assert!(token.is_given(&headers("Bearer new")).await);
        std::fs::write(file.path(), "").unwrap();
        assert!(token.is_given(&headers("Bearer new")).await);
        assert!(!token.is_given(&headers("Bearer")).await);
    }
}
