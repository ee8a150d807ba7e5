//! What topics' configurations say of how long topics keep events.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier,
};

use crate::config::Config;
use crate::kafka::client::client_properties;
use crate::kafka::complaints::Complaints;
use crate::kafka::error::ClientError;
use crate::kafka::login::LiveClient;

/// How long Kafka may take to answer.
const SETTINGS_QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// A topic's settings as the broker writes them; `None`: not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// `cleanup.policy`: `delete`, `compact` or both, with a comma.
    pub cleanup_policy: Option<String>,
    /// `retention.ms`: milliseconds, or -1 for ever.
    pub retention_ms: Option<String>,
}

/// The settings of these topics, by name. Topics that the user may not ask about are left out.
///
/// # Errors
/// A property that librdkafka refuses, in librdkafka's words.
pub async fn read_topic_settings(
    config: &Config,
    names: &[&str],
) -> Result<BTreeMap<String, TopicSettings>, ClientError> {
    let complaints = Complaints::new(&config.kafka); // nobody wants to see them
    let admin: LiveClient<AdminClient<Complaints>> =
        client_properties(config).create(complaints)?;
    let topics: Vec<_> = names
        .iter()
        .map(|name| ResourceSpecifier::Topic(name))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(SETTINGS_QUERY_TIMEOUT));
    let answers = admin.describe_configs(&topics, &options).await;
    let settings = answers
        .unwrap_or_default()
        .into_iter()
        .filter_map(|answer| {
            let resource = answer.ok()?;
            let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
                return None;
            };
            Some((name.clone(), settings_of(&resource)))
        });
    Ok(settings.collect())
}

fn settings_of(resource: &ConfigResource) -> TopicSettings {
    let value = |name| resource.get(name).and_then(|entry| entry.value.clone());
    TopicSettings {
        cleanup_policy: value("cleanup.policy"),
        retention_ms: value("retention.ms"),
    }
}
