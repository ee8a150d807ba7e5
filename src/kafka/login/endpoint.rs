//! Asks a token endpoint: the client credentials grant (RFC 6749, section 4.4).

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use reqwest::blocking::Client;
use reqwest::{Certificate, redirect};
use serde_json::Value;
use url::form_urlencoded;

use crate::causes::innermost_cause;
use crate::config::{Secret, TokenEndpoint};
use crate::kafka::login::proof::{Claims, ProofError, Token, UNTOLD_LIFETIME};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is said to live for ever is asked for anew within a day.
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);

/// More than the longest token.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// So much is shown of what an endpoint says why it refuses.
const SHOWN_CHARACTERS: usize = 200;

pub(super) struct EndpointClient<'c> {
    http: Client,
    endpoint: &'c TokenEndpoint,
}

impl<'c> EndpointClient<'c> {
    pub(super) fn new(endpoint: &'c TokenEndpoint) -> Result<Self, ProofError> {
        let mut http = Client::builder()
            .timeout(ANSWER_TIMEOUT)
            // a secret goes where it is configured to go, and nowhere else
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &endpoint.root_certificates {
            let told =
                |why: String| ProofError::RootCertificates(format!("{}: {why}", path.display()));
            let pem = std::fs::read(path).map_err(|error| told(error.to_string()))?;
            let trusted = Certificate::from_pem_bundle(&pem);
            let trusted = trusted.map_err(|error| told(innermost_cause(&error)))?;
            if trusted.is_empty() {
                return Err(told("it holds no certificate".to_owned()));
            }
            http = http.tls_certs_only(trusted);
        }
        let http = http.build().map_err(|error| ProofError::Unreachable {
            url: endpoint.url.clone(),
            why: innermost_cause(&error),
        })?;
        Ok(Self { http, endpoint })
    }

    /// Blocks its thread, for ten seconds at most.
    pub(super) fn ask_for_token(&self) -> Result<Token, ProofError> {
        let endpoint = self.endpoint;
        let url = || endpoint.url.clone();
        let secret = endpoint.client_secret.read_blocking()?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &endpoint.scope {
            form.append_pair("scope", scope);
        }
        let unreachable = |error: reqwest::Error| ProofError::Unreachable {
            url: url(),
            why: match error.is_timeout() {
                true => format!("no answer within {ANSWER_TIMEOUT:?}"),
                false => innermost_cause(&error),
            },
        };
        let asked = self
            .http
            .post(url())
            .basic_auth(&endpoint.client_id, Some(secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.finish())
            .send()
            .map_err(unreachable)?;
        let status = asked.status();
        let mut body = Vec::new();
        let read = asked.take(MAX_ANSWER_BYTES).read_to_end(&mut body);
        read.map_err(|error| ProofError::Unreachable {
            url: url(),
            why: error.to_string(),
        })?;
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_server_error() {
            let why = format!("it answers {status}");
            return Err(ProofError::Unreachable { url: url(), why });
        }
        if !status.is_success() {
            let said = explain_refusal(answer.as_ref());
            let said = format!("{status}{said}");
            return Err(ProofError::Refused { url: url(), said });
        }
        answer
            .and_then(|answer| self.read_token(&answer))
            .ok_or(ProofError::NoToken { url: url() })
    }

    fn read_token(&self, answer: &Value) -> Option<Token> {
        let value = answer.get("access_token")?.as_str()?;
        let claims = Claims::of_token(value);
        let lifetime = answer.get("expires_in").and_then(Value::as_f64);
        let lifetime = lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let lifetime = lifetime.unwrap_or(UNTOLD_LIFETIME).min(LONGEST_LIFETIME);
        let expires_at = claims.as_ref().and_then(|claims| claims.expires_at);
        Some(Token {
            value: Secret::new(value),
            principal: claims
                .and_then(|claims| claims.subject)
                .unwrap_or_else(|| self.endpoint.client_id.clone()),
            expires_at: expires_at.unwrap_or_else(|| SystemTime::now() + lifetime),
            extensions: self.endpoint.extensions.clone(),
        })
    }
}

/// The endpoint's own words (RFC 6749, section 5.2), if it has some.
fn explain_refusal(answer: Option<&Value>) -> String {
    let words = ["error", "error_description"]
        .iter()
        .filter_map(|name| answer?.get(name)?.as_str());
    let words = words.map(|word| format!(": {word}")).collect::<String>();
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_CHARACTERS)
        .collect()
}
