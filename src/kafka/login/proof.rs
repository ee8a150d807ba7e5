//! What a client shows to a broker: a token, and what it says of itself, or a password.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use crate::config::{Secret, SecretError};

/// A token whose end nobody tells is taken to live so long.
pub(super) const UNTOLD_LIFETIME: Duration = Duration::from_secs(300);

/// What a client shows to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Password { user: String, password: Secret },
    Token(Token),
}

/// What is shown for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub value: Secret,
    /// Whom it is for; librdkafka wants to know.
    pub principal: String,
    pub expires_at: SystemTime,
    /// What brokers want to be told beside it.
    pub extensions: Vec<(String, String)>,
}

impl Token {
    /// As a file holds it, or a command prints it.
    pub(super) fn of_text(value: Secret) -> Self {
        let claims = Claims::of_token(value.expose());
        let expires_at = claims.as_ref().and_then(|claims| claims.expires_at);
        Self {
            principal: claims
                .and_then(|claims| claims.subject)
                .unwrap_or_else(|| "landfall".to_owned()),
            expires_at: expires_at.unwrap_or_else(|| SystemTime::now() + UNTOLD_LIFETIME),
            extensions: Vec::new(),
            value,
        }
    }

    /// # Errors
    /// Its life is over already.
    pub(super) fn unless_expired(self, from: &str) -> Result<Self, ProofError> {
        if self.lifetime_left().is_zero() {
            let from = from.to_owned();
            return Err(ProofError::Expired { from });
        }
        Ok(self)
    }

    pub(super) fn lifetime_left(&self) -> Duration {
        let left = self.expires_at.duration_since(SystemTime::now());
        left.unwrap_or_default()
    }
}

/// Why there is nothing to log in with. The text quotes neither a token nor a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProofError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(
        "the token that {from} gives has expired: see whether it is renewed there, and that the clocks agree"
    )]
    Expired { from: String },
    #[error("https.ca.location: {0}")]
    RootCertificates(String),
    #[error(
        "the token endpoint {url} can't be asked: {why}; see that sasl.oauthbearer.token.endpoint.url is right, and https.ca.location for its certificate"
    )]
    Unreachable { url: Url, why: String },
    #[error(
        "the token endpoint {url} gives no token ({said}): correct sasl.oauthbearer.client.id, sasl.oauthbearer.client.secret and sasl.oauthbearer.scope"
    )]
    Refused { url: Url, said: String },
    #[error(
        "the token endpoint {url} answers without a token: set sasl.oauthbearer.token.endpoint.url to where it really is"
    )]
    NoToken { url: Url },
}

/// The claims of a JSON Web Token; `None`: it is none, which is for the brokers alone to read.
pub(super) struct Claims {
    pub subject: Option<String>,
    pub expires_at: Option<SystemTime>,
}

impl Claims {
    /// Reads them without verifying anything: that is for the brokers.
    pub(super) fn of_token(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        let expires_at = claims.get("exp").and_then(Value::as_f64);
        Some(Self {
            subject: claims.get("sub").and_then(Value::as_str).map(str::to_owned),
            expires_at: expires_at
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_and_until_when() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"landfall","exp":1700000000.5}"#);
        let claims = Claims::of_token(&format!("e30.{payload}.signature")).unwrap();
        assert_eq!(claims.subject.as_deref(), Some("landfall"));
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        assert_eq!(claims.expires_at, Some(until));
    }

    #[test]
    fn what_is_no_web_token_says_nothing() {
        for token in ["", "aHR0cHM6Ly9rYWZrYQ", "a.b.c", "a.!.c"] {
            assert!(Claims::of_token(token).is_none(), "{token}");
        }
    }
}
