//! Who asks, as it is told with each request.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use tokio::sync::Mutex;

use crate::config::{Login, Secret, SecretError, SecretSource};

/// So long a secret is used before it is read anew; at once if it is refused. Hundreds of schemas are asked for at a
/// start, and a command that gets a token takes its time.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// What is shown with requests, and the secret in it as it was read last.
pub(super) struct LoginNow {
    login: Option<Login>,
    /// Whoever comes while it is read waits for it.
    kept: Mutex<Option<(Instant, Secret)>>,
}

/// Which secret will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// One that was read a moment ago.
    Kept,
    /// One that is read now.
    Anew,
}

impl LoginNow {
    pub fn new(login: Option<Login>) -> Self {
        Self {
            login,
            kept: Mutex::default(),
        }
    }

    /// Whether another secret may be had than the one that was used last.
    pub fn may_change(&self) -> bool {
        self.source().is_some_and(SecretSource::may_change)
    }

    /// Puts the login into a request.
    ///
    /// # Errors
    /// The file or the command gives no secret.
    pub async fn show(
        &self,
        request: RequestBuilder,
        age: Age,
    ) -> Result<RequestBuilder, SecretError> {
        let secret = match self.source() {
            Some(source) => Some(self.read(source, age).await?),
            None => None,
        };
        let secret = secret.as_ref().map(Secret::expose);
        Ok(match (&self.login, secret) {
            (Some(Login::Basic { username, .. }), password) => {
                request.basic_auth(username, password)
            }
            (Some(Login::Bearer(_)), Some(token)) => request.bearer_auth(token),
            (Some(Login::Bearer(_)) | None, _) => request,
        })
    }

    fn source(&self) -> Option<&SecretSource> {
        match self.login.as_ref()? {
            Login::Basic { password, .. } => password.as_ref(),
            Login::Bearer(token) => Some(token),
        }
    }

    async fn read(&self, source: &SecretSource, age: Age) -> Result<Secret, SecretError> {
        let mut kept = self.kept.lock().await;
        match &*kept {
            Some((since, secret)) if age == Age::Kept && since.elapsed() < KEPT_FOR => {
                Ok(secret.clone())
            }
            _ => {
                let secret = source.read().await?;
                *kept = Some((Instant::now(), secret.clone()));
                Ok(secret)
            }
        }
    }

    /// What to do about an answer that says that the login isn't taken.
    pub fn advise_unknown(&self) -> String {
        match &self.login {
            None => "it asks for a login: set format.registry.username and format.registry.password, or format.registry.token".to_owned(),
            Some(Login::Basic { password, .. }) => {
                let key = password.as_ref().map_or("format.registry.password", SecretSource::key);
                format!("correct format.registry.username and {key}")
            }
            Some(Login::Bearer(token)) => {
                format!("correct {}: the token is wrong, or has expired", token.key())
            }
        }
    }

    /// What to do about an answer that says that whoever asks may not.
    pub fn advise_forbidden(&self) -> String {
        let who = match &self.login {
            None => "whoever asks without a login".to_owned(),
            Some(Login::Basic { username, .. }) => {
                format!("the user {username:?} of format.registry.username")
            }
            Some(Login::Bearer(token)) => format!("the owner of the token of {}", token.key()),
        };
        format!("have the registry let {who} read its schemas and subjects")
    }
}
