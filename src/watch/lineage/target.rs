//! Where events are posted. `OPENLINEAGE_…` variables mean what OpenLineage's own clients make of them, and go before the
//! configuration.

use std::env::VarError;
use std::time::Duration;

use reqwest::redirect;
use serde_json::Value;
use url::Url;

use crate::config::{OpenLineageConfig, Secret, SecretSource};

/// How long an event may take to be taken.
const POST_TIMEOUT: Duration = Duration::from_secs(5);

const API_KEY: &str = "OPENLINEAGE_API_KEY";

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum LineageTargetError {
    #[error(
        "environment variable OPENLINEAGE_URL: allowed: the URL of what takes OpenLineage's events, without a user or a password (OPENLINEAGE_API_KEY)"
    )]
    Url,
    #[error("lineage events can't be posted: {0}")]
    Client(#[source] reqwest::Error),
}

/// What takes events.
#[derive(Debug)]
pub struct LineageTarget {
    http: reqwest::Client,
    url: Url,
    token: Option<SecretSource>,
    /// What a variable calls the job's namespace.
    pub(super) namespace: Option<String>,
}

type Read<'r> = &'r dyn Fn(&str) -> Result<String, VarError>;

impl LineageTarget {
    /// `None`, if nothing says where events are to be posted, or something says that they aren't.
    ///
    /// # Errors
    /// A variable of OpenLineage's says what can't be done.
    pub fn from_config(config: &OpenLineageConfig) -> Result<Option<Self>, LineageTargetError> {
        Self::read(config, &|name| std::env::var(name))
    }

    fn read(
        config: &OpenLineageConfig,
        read: Read<'_>,
    ) -> Result<Option<Self>, LineageTargetError> {
        let set = |name| read(name).ok().filter(|value| !value.is_empty());
        if set("OPENLINEAGE_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let url = match set("OPENLINEAGE_URL") {
            Some(text) => OpenLineageConfig::parse_url(&text).ok_or(LineageTargetError::Url)?,
            None => match &config.url {
                Some(url) => url.clone(),
                None => return Ok(None),
            },
        };
        let path = set("OPENLINEAGE_ENDPOINT").unwrap_or_else(|| "api/v1/lineage".to_owned());
        let http = reqwest::Client::builder()
            .timeout(POST_TIMEOUT)
            // a token goes where it is configured to go, and nowhere else
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")));
        Ok(Some(Self {
            http: http.build().map_err(LineageTargetError::Client)?,
            url: below(url, &path),
            token: set(API_KEY)
                .map(|key| SecretSource::written(API_KEY, Secret::new(key)))
                .or_else(|| config.token.clone()),
            namespace: set("OPENLINEAGE_NAMESPACE"),
        }))
    }

    /// Posts an event.
    ///
    /// # Errors
    /// Why it wasn't taken, in words for the log.
    pub(super) async fn post(&self, event: &Value) -> Result<(), String> {
        let mut request = self.http.post(self.url.clone());
        if let Some(token) = &self.token {
            let token = token.read().await.map_err(|error| error.to_string())?;
            request = request.bearer_auth(token.expose());
        }
        let json = ("content-type", "application/json");
        let sent = request.header(json.0, json.1).body(event.to_string());
        let answer = sent.send().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answers {status}")),
        }
    }
}

fn below(mut url: Url, path: &str) -> Url {
    if let Ok(mut segments) = url.path_segments_mut() {
        let parts = path.split('/').filter(|part| !part.is_empty());
        segments.pop_if_empty().extend(parts);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(set: &[(&str, &str)], url: Option<&str>) -> Result<Option<LineageTarget>, String> {
        let config = OpenLineageConfig {
            url: url.and_then(OpenLineageConfig::parse_url),
            ..OpenLineageConfig::default()
        };
        let read = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        };
        LineageTarget::read(&config, &read).map_err(|error| error.to_string())
    }

    fn url(set: &[(&str, &str)], url: Option<&str>) -> Option<String> {
        read(set, url).unwrap().map(|target| target.url.to_string())
    }

    #[test]
    fn the_variables_of_openlineage_go_before_the_configuration() {
        let own = Some("http://own:5000/base/");
        assert_eq!(url(&[], None), None);
        let expected = "http://own:5000/base/api/v1/lineage";
        assert_eq!(url(&[], own).as_deref(), Some(expected));
        let set = [
            ("OPENLINEAGE_URL", "https://other"),
            ("OPENLINEAGE_ENDPOINT", "events"),
            ("OPENLINEAGE_API_KEY", "key"),
            ("OPENLINEAGE_NAMESPACE", "shop"),
        ];
        let target = read(&set, own).unwrap().unwrap();
        assert_eq!(target.url.as_str(), "https://other/events");
        let token = target.token.unwrap().read_blocking().unwrap();
        assert_eq!(token.expose(), "key");
        assert_eq!(target.namespace.as_deref(), Some("shop"));
        assert_eq!(url(&[("OPENLINEAGE_DISABLED", "true")], own), None);
    }

    #[test]
    fn a_url_that_a_variable_names_in_vain_is_refused_without_being_shown() {
        let set = [("OPENLINEAGE_URL", "http://user:secret@host")];
        let said = read(&set, None).unwrap_err();
        assert!(said.contains("OPENLINEAGE_URL") && !said.contains("secret"));
    }

    #[tokio::test]
    async fn a_token_in_a_file_is_read_anew_and_one_that_is_gone_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one").unwrap();
        let text = format!(
            "[lineage]\nurl = 'http://127.0.0.1:1'\ntoken_file = {:?}",
            file.path()
        );
        let minimal =
            "[kafka]\nbrokers = 'k:9092'\ntopics = ['t']\n[postgres]\nurl = 'postgres://a@b/c'";
        let config = Config::parse(&format!("{minimal}\n{text}")).unwrap();
        let none = |_: &str| Err(VarError::NotPresent);
        let target = LineageTarget::read(&config.lineage, &none);
        let target = target.unwrap().unwrap();
        let token = target.token.as_ref().unwrap();
        for now in ["one", "two"] {
            std::fs::write(file.path(), now).unwrap();
            assert_eq!(token.read().await.unwrap().expose(), now);
        }
        drop(file);
        let said = target.post(&Value::Null).await.unwrap_err();
        assert!(said.contains("lineage.token_file"), "{said}");
    }
}
