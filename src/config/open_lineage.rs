//! `[lineage]`: where OpenLineage events are posted, and what they call the job.

use url::Url;

use super::reader::Reader;
use super::secret_source::{SecretSource, read_source};
use super::service_url::ServiceUrl;
use super::summary::Summary;
use super::value::parse_string;

const URL: ServiceUrl = ServiceUrl {
    allowed: "the URL of what takes OpenLineage's events, such as \"http://127.0.0.1:5000\"",
    login: "lineage.token",
};

/// `[lineage]`: what the run reads and writes, in OpenLineage's events over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenLineageConfig {
    /// Below it, `/api/v1/lineage` takes events. `None`: what `OPENLINEAGE_URL` says, or nothing is posted.
    pub url: Option<Url>,
    /// Whose job it is: jobs of one namespace have names of their own.
    pub namespace: String,
    /// The job's name. `None`: the consumer group's.
    pub job: Option<String>,
    /// Sent as a bearer token, read anew with each event.
    pub token: Option<SecretSource>,
}

impl Default for OpenLineageConfig {
    fn default() -> Self {
        Self {
            url: None,
            namespace: "landfall".to_owned(),
            job: None,
            token: None,
        }
    }
}

impl OpenLineageConfig {
    /// A URL that something else than the configuration names; `None` if events can't be posted there.
    pub fn parse_url(text: &str) -> Option<Url> {
        URL.parse(text).ok()
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        if let Some(url) = &self.url {
            summary.add("lineage.url", url);
            summary.add("lineage.namespace", &self.namespace);
            if let Some(job) = &self.job {
                summary.add("lineage.job", job);
            }
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        // a password may stand in it, which is refused without being shown
        let url = reader.read_hidden("lineage.url", |found| URL.parse(&parse_string(found)?));
        let namespace = Self::default().namespace;
        Self {
            url,
            namespace: reader.read_or("lineage.namespace", namespace, parse_string),
            job: reader.read("lineage.job", parse_string),
            token: read_source(reader, "lineage.token"),
        }
    }
}
