//! HTTP to the registry: what its answers mean, and which of its URLs is asked.

use std::error::Error as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openssl::pkey::PKey;
use reqwest::header::ACCEPT;
use reqwest::{Certificate, Identity, StatusCode, Url, redirect};

use crate::config::{Login, RegistryConfig};
use crate::format::registry::answer::says_missing;
use crate::format::registry::error::RegistrySetupError;
use crate::format::registry::fetch::{Answer, Ask};
use crate::verdict::{Failure, Verdict};

/// The schema of a thousand columns has some 200 kB.
const MAX_ANSWER_BYTES: usize = 8 << 20;

const ACCEPTED_TYPES: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// Asks the registry's URLs for one path at a time.
pub struct Client {
    http: reqwest::Client,
    urls: Vec<Url>,
    login: Option<Login>,
    timeout: Duration,
    /// The URL that answered last is asked first.
    first: AtomicUsize,
}

impl Client {
    /// A client with the configured login and TLS files. No connection is opened yet.
    ///
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &RegistryConfig) -> Result<Self, RegistrySetupError> {
        let mut http = reqwest::Client::builder()
            .timeout(config.timeout)
            // a login goes where it is configured to go, and nowhere else
            .redirect(redirect::Policy::none())
            // like Kafka and Postgres, the registry is asked directly
            .no_proxy()
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &config.root_certificates {
            let told = unusable_file("format.registry.ca_file", path);
            let pem = std::fs::read(path).map_err(|e| told(e.to_string()))?;
            let trusted =
                Certificate::from_pem_bundle(&pem).map_err(|e| told(innermost_cause(&e)))?;
            if trusted.is_empty() {
                return Err(told("it holds no certificate".to_owned()));
            }
            http = http.tls_certs_only(trusted);
        }
        if let Some(client) = &config.client {
            let told_key = unusable_file("format.registry.key_file", &client.key);
            let told = unusable_file("format.registry.cert_file", &client.certificate);
            let certificate =
                std::fs::read(&client.certificate).map_err(|e| told(e.to_string()))?;
            let key = std::fs::read(&client.key).map_err(|e| told_key(e.to_string()))?;
            // Without the callback OpenSSL asks for an encrypted key's passphrase on the terminal.
            let key = PKey::private_key_from_pem_callback(&key, |_| Ok(0))
                .and_then(|key| key.private_key_to_pem_pkcs8())
                .map_err(|e| told_key(e.to_string()))?;
            let identity = Identity::from_pkcs8_pem(&certificate, &key)
                .map_err(|e| told(innermost_cause(&e)))?;
            http = http.identity(identity);
        }
        let http = http
            .build()
            .map_err(|e| RegistrySetupError::Connection(innermost_cause(&e)))?;
        Ok(Self {
            http,
            urls: config.urls.clone(),
            login: config.login.clone(),
            timeout: config.timeout,
            first: AtomicUsize::new(0),
        })
    }

    /// Asks each URL for something that every registry answers alike.
    pub async fn check_urls(&self) -> Vec<(String, Result<(), Failure>)> {
        let mut answers = Vec::new();
        for url in &self.urls {
            // no schema has this id, and every registry says so in the same way
            let asked = self.ask_url(url, &["schemas", "ids", "0"]).await;
            answers.push((url.to_string(), asked.map(drop)));
        }
        answers
    }

    async fn ask_url(&self, url: &Url, path: &[&str]) -> Result<Answer, Failure> {
        let (status, body) = self.send_request(url, path).await?;
        let said = |verdict, what: String| {
            Err(Failure::new(
                verdict,
                format!("the schema registry at {url} {what}"),
            ))
        };
        let number = status.as_u16();
        match number {
            200..=299 => Ok(match body {
                Some(body) => Answer::Found(body),
                None => Answer::Refused(format!("it has more than {} MiB", MAX_ANSWER_BYTES >> 20)),
            }),
            401 | 403 => {
                let what = format!(
                    "doesn't let us in ({status}): correct format.registry.username and format.registry.password"
                );
                said(Verdict::Systemic, what)
            }
            408 | 425 | 429 | 500.. => said(Verdict::Unavailable, format!("answers {status}")),
            400..=499 if body.is_some_and(|body| says_missing(&body)) => Ok(Answer::Missing),
            // whatever may answer like that: does a registry do so?
            400..=499 if self.is_registry(url).await? => Ok(Answer::Missing),
            400..=499 => {
                let what = format!(
                    "answers {status} as no registry would: format.registry.url may lack its path, such as /apis/ccompat/v7"
                );
                said(Verdict::Systemic, what)
            }
            _ => {
                let what =
                    format!("answers {status}: set format.registry.url to where it really is");
                said(Verdict::Systemic, what)
            }
        }
    }

    /// Whether the URL is that of a registry's API, which knows kinds of schemas.
    async fn is_registry(&self, url: &Url) -> Result<bool, Failure> {
        let (status, body) = self.send_request(url, &["schemas", "types"]).await?;
        let kinds = body.and_then(|body| serde_json::from_slice::<Vec<String>>(&body).ok());
        match status.as_u16() {
            408 | 425 | 429 | 500.. => Err(Failure::new(
                Verdict::Unavailable,
                format!("the schema registry at {url} answers {status}"),
            )),
            _ => Ok(status == StatusCode::OK && kinds.is_some()),
        }
    }

    /// The answer's status and its body; no body if it is too large.
    async fn send_request(
        &self,
        url: &Url,
        path: &[&str],
    ) -> Result<(StatusCode, Option<Vec<u8>>), Failure> {
        let mut asked = url.clone();
        if let Ok(mut segments) = asked.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.get(asked).header(ACCEPT, ACCEPTED_TYPES);
        if let Some(login) = &self.login {
            let password = login.password.as_ref().map(|p| p.expose());
            request = request.basic_auth(&login.username, password);
        }
        let failed = |error: reqwest::Error| self.failure_of(url, &error);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(more) = response.chunk().await.map_err(failed)? {
            if body.len() + more.len() > MAX_ANSWER_BYTES {
                return Ok((status, None));
            }
            body.extend_from_slice(&more);
        }
        Ok((status, Some(body)))
    }

    fn failure_of(&self, url: &Url, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            let what = format!(
                "the schema registry at {url} gave no answer within {:?}",
                self.timeout
            );
            return Failure::new(Verdict::Unavailable, what);
        }
        let what = innermost_cause(error);
        // a certificate that isn't trusted is not trusted later either
        let verdict = if what.contains("certificate verify failed") {
            Verdict::Systemic
        } else {
            Verdict::Unavailable
        };
        Failure::new(
            verdict,
            format!("the schema registry at {url} can't be asked: {what}"),
        )
    }
}

impl Ask for Client {
    /// Asks one URL after the other until one has it.
    async fn get(&self, path: &[&str]) -> Result<Answer, Failure> {
        let first = self.first.load(Ordering::Relaxed);
        let (mut refused, mut failures) = (None, Vec::new());
        for at in (0..self.urls.len()).map(|at| (first + at) % self.urls.len()) {
            let Some(url) = self.urls.get(at) else {
                continue;
            };
            match self.ask_url(url, path).await {
                Ok(Answer::Found(body)) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(Answer::Found(body));
                }
                Ok(other) => refused = refused.or(Some(other)),
                Err(failure) => failures.push(failure),
            }
        }
        match refused {
            Some(refused) => Ok(refused),
            None => Err(join_failures(failures)),
        }
    }
}

/// If one of them may come back by itself, that is waited for.
fn join_failures(failures: Vec<Failure>) -> Failure {
    let verdicts = failures.iter().map(|f| f.verdict);
    let waits = verdicts.clone().any(|v| v == Verdict::Unavailable);
    let told: Vec<&str> = failures.iter().map(|f| f.log_line.as_str()).collect();
    let verdict = if waits || failures.is_empty() {
        Verdict::Unavailable
    } else {
        Verdict::Systemic
    };
    Failure::new(verdict, told.join("; "))
}

fn unusable_file(key: &'static str, path: &Path) -> impl Fn(String) -> RegistrySetupError {
    move |reason| RegistrySetupError::File {
        key,
        path: path.to_owned(),
        reason,
    }
}

/// What went wrong, without what all of it was about.
fn innermost_cause(error: &reqwest::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}
