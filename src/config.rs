//! The configuration: a TOML file, overridden by environment variables.
//!
//! Every key is described in `config/landfall.toml`. Reading reports all problems at once,
//! and no message, `Debug` or summary shows a secret.

mod apply;
mod dead_letter;
mod environment;
mod error;
mod format;
mod http;
mod kafka;
mod lines;
mod load;
mod log;
mod nearest;
mod postgres;
mod postgres_url;
mod reader;
mod registry;
mod retry;
mod route;
mod secret;
mod summary;
mod table_template;
#[cfg(test)]
mod tests;
mod tls;
mod topic_pattern;
mod units;
mod unknown;
mod value;

pub use apply::{ApplyConfig, Idempotency};
pub use dead_letter::{BreakerConfig, DeadLetterConfig, LaterEvents};
pub use error::ConfigError;
pub use format::{Encoding, Envelope, FormatConfig};
pub use http::HttpConfig;
pub use kafka::KafkaConfig;
pub use log::{LogConfig, LogFormat};
pub use postgres::PostgresConfig;
pub use registry::{Login, RegistryConfig};
pub use retry::{RetryConfig, WhenUnavailable};
pub use route::RouteConfig;
pub use secret::Secret;
pub use summary::Summary;
pub use table_template::TableTemplate;
pub use tls::{ClientCertificate, Tls, TlsMode};
pub use topic_pattern::TopicPattern;

use crate::table_name::TableName;
use reader::Reader;

/// The file that is read unless another is given.
pub const DEFAULT_PATH: &str = "landfall.toml";

#[derive(Debug, Clone)]
pub struct Config {
    pub kafka: KafkaConfig,
    pub format: FormatConfig,
    pub postgres: PostgresConfig,
    /// In the order of the file: the first whose pattern matches a topic decides.
    pub routes: Vec<RouteConfig>,
    pub apply: ApplyConfig,
    pub retry: RetryConfig,
    pub dead_letter: DeadLetterConfig,
    pub http: HttpConfig,
    pub log: LogConfig,
}

impl Config {
    /// The topic that dead letters go to: `<group>.dlq` unless configured.
    pub fn dead_letter_topic(&self) -> String {
        self.dead_letter.topic_for(&self.kafka.group)
    }

    /// Whether `kafka.topics` asks for this topic, by name or by a pattern.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        self.kafka.subscribes_to(topic)
    }

    /// The first route for this topic, with the table that it leads to. `None` means that
    /// no route matches and the event's own schema and table decide.
    pub fn route_for(&self, topic: &str) -> Option<(&RouteConfig, TableName)> {
        self.routes
            .iter()
            .find_map(|route| Some((route, route.table_for(topic)?)))
    }

    /// All settings without the secrets, for the line logged at start.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// Reads every part before giving up, so that each can note its problems.
    fn from_reader(reader: &mut Reader) -> Option<Self> {
        let kafka = KafkaConfig::from_reader(reader);
        let format = FormatConfig::from_reader(reader);
        let postgres = PostgresConfig::from_reader(reader);
        let routes = route::read_all(reader);
        let apply = ApplyConfig::from_reader(reader);
        let retry = RetryConfig::from_reader(reader);
        let dead_letter = DeadLetterConfig::from_reader(reader, kafka.as_ref());
        let http = HttpConfig::from_reader(reader);
        let log = LogConfig::from_reader(reader);
        Some(Self {
            kafka: kafka?,
            format,
            postgres: postgres?,
            routes,
            apply,
            retry,
            dead_letter,
            http,
            log,
        })
    }
}
