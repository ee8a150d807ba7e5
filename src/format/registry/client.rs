//! HTTP to the registry: what its answers mean, and which of its URLs is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{StatusCode, Url};

use crate::causes::{all_causes, innermost_cause};
use crate::config::{RegistryConfig, SecretError};
use crate::format::registry::answer::says_missing;
use crate::format::registry::connection::{Connection, Ready};
use crate::format::registry::error::RegistrySetupError;
use crate::format::registry::fetch::{Answer, Ask};
use crate::format::registry::handshake::explain_handshake;
use crate::format::registry::login::{Age, LoginNow};
use crate::verdict::{Failure, Verdict};

/// The schema of a thousand columns has some 200 kB.
const MAX_ANSWER_BYTES: usize = 8 << 20;

const ACCEPTED_TYPES: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// Asks the registry's URLs for one path at a time.
pub struct Client {
    connection: Arc<Connection>,
    login: LoginNow,
    urls: Vec<Url>,
    timeout: Duration,
    /// The URL that answered last is asked first.
    first: AtomicUsize,
}

/// A status, and a body; no body if it is too large.
type Said = (StatusCode, Option<Vec<u8>>);

impl Client {
    /// A client with the configured login and TLS files. No connection is opened yet.
    ///
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &RegistryConfig) -> Result<Self, RegistrySetupError> {
        Ok(Self {
            connection: Arc::new(Connection::new(config)?),
            login: LoginNow::new(config.login.clone()),
            urls: config.urls.clone(),
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
            401 => said(
                Verdict::Systemic,
                format!(
                    "doesn't let us in ({status}): {}",
                    self.login.advise_unknown()
                ),
            ),
            403 => said(
                Verdict::Systemic,
                format!("forbids it ({status}): {}", self.login.advise_forbidden()),
            ),
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

    async fn send_request(&self, url: &Url, path: &[&str]) -> Result<Said, Failure> {
        let said = self.send_with(url, path, Age::Kept).await?;
        // the login may have been replaced since it was read
        match said.0 {
            StatusCode::UNAUTHORIZED if self.login.may_change() => {
                self.send_with(url, path, Age::Anew).await
            }
            _ => Ok(said),
        }
    }

    async fn send_with(&self, url: &Url, path: &[&str], age: Age) -> Result<Said, Failure> {
        let mut asked = url.clone();
        if let Ok(mut segments) = asked.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let Ready { client, outdated } = self.ready_client().await?;
        let request = client.get(asked).header(ACCEPT, ACCEPTED_TYPES);
        let request = self.login.show(request, age).await;
        let request = request.map_err(|error| no_secret(&error))?;
        let failed = |error: reqwest::Error| self.failure_of(url, &error, outdated.as_ref());
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

    async fn ready_client(&self) -> Result<Ready, Failure> {
        let connection = self.connection.clone();
        let read = tokio::task::spawn_blocking(move || connection.client_now());
        // they may lie on a network's disk that hangs
        let read = tokio::time::timeout(self.timeout, read).await;
        read.ok().and_then(Result::ok).ok_or_else(|| {
            let what = "the files of format.registry can't be read now";
            Failure::new(Verdict::Unavailable, what)
        })
    }

    fn failure_of(
        &self,
        url: &Url,
        error: &reqwest::Error,
        outdated: Option<&RegistrySetupError>,
    ) -> Failure {
        if error.is_timeout() {
            let what = format!(
                "the schema registry at {url} gave no answer within {:?}",
                self.timeout
            );
            return Failure::new(Verdict::Unavailable, what);
        }
        let mut what = format!(
            "the schema registry at {url} can't be asked: {}",
            innermost_cause(error)
        );
        let explained = explain_handshake(&all_causes(error));
        if let Some(explained) = explained {
            what = format!("{what}; {explained}");
        }
        // a certificate that isn't trusted is not trusted later either; but what is being renewed may be
        let verdict = match explained.is_some() && outdated.is_none() {
            true => Verdict::Systemic,
            false => Verdict::Unavailable,
        };
        if let Some(outdated) = outdated {
            what = format!(
                "{what}; what the files of format.registry held before is used: {outdated}"
            );
        }
        Failure::new(verdict, what)
    }
}

/// A program may succeed the next time; else whoever gives the secret has to mend it.
fn no_secret(error: &SecretError) -> Failure {
    let what = format!("the schema registry can't be asked without its login: {error}");
    let verdict = match error.is_of_command() {
        true => Verdict::Unavailable,
        false => Verdict::Systemic,
    };
    Failure::new(verdict, what)
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
