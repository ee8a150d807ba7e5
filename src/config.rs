//! The configuration: a TOML file, overridden by environment variables.
//!
//! Every key is described in `config/landfall.toml`. Reading reports all problems at once,
//! and no message, `Debug` or summary shows a secret.

mod apply;
mod connect_option;
mod dead_letter;
mod environment;
mod error;
mod format;
mod http;
mod idle_route;
mod kafka;
mod kafka_login;
mod kafka_property;
mod letter_topics;
mod lineage;
mod lines;
mod load;
mod log;
mod nearest;
mod open_lineage;
mod posix_regex;
mod postgres;
mod postgres_login;
mod postgres_url;
mod reader;
mod registry;
mod retry;
mod route;
mod route_reach;
mod route_writes;
mod row_shape;
mod schema_evolution;
mod schemaless;
mod secret;
mod secret_command;
mod secret_source;
mod service_url;
mod start_at;
mod summary;
mod table_template;
#[cfg(test)]
mod tests;
mod tls;
mod token_endpoint;
mod topic_format;
mod topic_pattern;
mod tracing;
mod trigger;
mod units;
mod unknown;
mod value;

pub use apply::{ApplyConfig, Idempotency};
pub use dead_letter::{BreakerConfig, DeadLetterConfig, LaterEvents};
pub use error::ConfigError;
pub use format::FormatConfig;
pub use http::HttpConfig;
pub use idle_route::{IdleRoute, written_pattern};
pub use kafka::KafkaConfig;
pub use kafka_login::{KafkaLogin, PASSWORD_PROPERTY};
pub use letter_topics::LetterTopic;
pub use lineage::{Fact, Lineage};
pub use log::{LogConfig, LogFormat};
pub use open_lineage::OpenLineageConfig;
pub use postgres::PostgresConfig;
pub use postgres_login::{LoginError, PostgresLogin};
pub use registry::{Login, RegistryConfig};
pub use retry::{RetryConfig, WhenUnavailable};
pub use route::{RouteConfig, may_meet_others};
pub use route_writes::{Deletes, WriteMode};
pub use row_shape::{FieldChoice, Mask, RowShape};
pub use schema_evolution::SchemaEvolution;
pub use schemaless::{BytesForm, DecimalForm, SchemalessColumns, SchemalessConfig, TimeUnit};
pub use secret::{Secret, read_secret_file};
pub use secret_source::{SecretError, SecretSource};
pub use start_at::StartAt;
pub use summary::Summary;
pub use table_template::TableTemplate;
pub use tls::{ClientCertificate, Tls, TlsMode};
pub use token_endpoint::TokenEndpoint;
pub use topic_format::{Encoding, Envelope, FormatOverride, TopicFormat};
pub use topic_pattern::TopicPattern;
pub use tracing::TracingConfig;
pub use trigger::{FlatFields, TriggerFields};

use crate::table_name::TableName;
use reader::Reader;

/// The file that is read unless another is given.
pub const DEFAULT_PATH: &str = "landfall.toml";

/// All settings, checked: a `Config` that exists can be run with.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[kafka]`: what is read.
    pub kafka: KafkaConfig,
    /// `[format]`: how records are written.
    pub format: FormatConfig,
    /// `[postgres]`: the destination.
    pub postgres: PostgresConfig,
    /// In the order of the file: the first whose pattern matches a topic decides.
    pub routes: Vec<RouteConfig>,
    /// `[apply]`: how events become transactions.
    pub apply: ApplyConfig,
    /// `[retry]`: how often and how long an attempt is repeated.
    pub retry: RetryConfig,
    /// `[dead_letter]`: what becomes of events that can't be applied.
    pub dead_letter: DeadLetterConfig,
    /// `[http]`: where health and metrics are served.
    pub http: HttpConfig,
    /// `[log]`: what is written to standard error.
    pub log: LogConfig,
    /// `[tracing]`: where spans are sent.
    pub tracing: TracingConfig,
    /// `[lineage]`: who is told what is read and written.
    pub lineage: OpenLineageConfig,
}

impl Config {
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

    /// What the records of this topic are.
    pub fn format_of(&self, topic: &str) -> TopicFormat {
        let route = self.route_for(topic).map(|(route, _)| route.format);
        route.unwrap_or_default().apply_over(self.format.all)
    }

    /// The registry, if any topic's records need it.
    pub fn registry_in_use(&self) -> Option<&RegistryConfig> {
        let needs = self.format.needs_registry(&self.routes);
        self.format.registry.as_ref().filter(|_| needs)
    }

    /// Whether any table is ever given what its events ask for.
    pub fn evolves_schemas(&self) -> bool {
        let of_routes = self
            .routes
            .iter()
            .filter_map(|route| route.schema_evolution);
        let mut all = of_routes.chain([self.apply.schema_evolution]);
        all.any(|policy| policy != SchemaEvolution::None)
    }

    /// What is done about tables and columns that the topic's events have and the destination hasn't.
    pub fn schema_evolution_of(&self, topic: &str) -> SchemaEvolution {
        let route = self.route_for(topic).map(|(route, _)| route);
        let own = route.and_then(|route| route.schema_evolution);
        own.unwrap_or(self.apply.schema_evolution)
    }

    /// Whether the topic's deletes are applied, be it that rows are only marked.
    pub fn applies_deletes(&self, topic: &str) -> bool {
        let default = self.apply.deletes;
        let route = self.route_for(topic);
        route.map_or(default, |(route, _)| route.shape.applies_deletes(default))
    }

    /// Whether the topic's events may remove rows of their table, one by one or all at once.
    pub fn removes_rows(&self, topic: &str) -> bool {
        let (deletes, truncates) = (self.apply.deletes, self.apply.truncates);
        self.route_for(topic)
            .map_or(deletes || truncates, |(route, _)| {
                let shape = &route.shape;
                shape.removes_rows(deletes) || truncates && shape.empties_tables()
            })
    }

    /// Whether each of the topic's changes is a row of its own.
    pub fn appends_rows(&self, topic: &str) -> bool {
        let route = self.route_for(topic);
        route.is_some_and(|(route, _)| route.shape.write == WriteMode::Append)
    }

    /// All settings without the secrets, for the line logged at start.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        self.kafka.summarize(&mut summary);
        self.format
            .summarize(self.registry_in_use().is_some(), &mut summary);
        self.postgres.summarize(&mut summary);
        for (index, route) in self.routes.iter().enumerate() {
            route.summarize(index, &mut summary);
        }
        self.apply.summarize(&mut summary);
        self.retry.summarize(&mut summary);
        self.dead_letter.summarize(&self.kafka.group, &mut summary);
        self.http.summarize(&mut summary);
        self.log.summarize(&mut summary);
        self.tracing.summarize(&mut summary);
        self.lineage.summarize(&mut summary);
        summary
    }

    /// Reads every part before giving up, so that each can note its problems.
    fn from_reader(reader: &mut Reader) -> Option<Self> {
        let kafka = KafkaConfig::from_reader(reader);
        let routes = route::read_all(reader);
        let format = FormatConfig::from_reader(reader, &routes);
        let postgres = PostgresConfig::from_reader(reader);
        let apply = ApplyConfig::from_reader(reader);
        route::refuse_unidentified(&routes, &apply, reader);
        let retry = RetryConfig::from_reader(reader);
        let dead_letter = DeadLetterConfig::from_reader(reader, kafka.as_ref(), &routes);
        let http = HttpConfig::from_reader(reader);
        let log = LogConfig::from_reader(reader);
        let tracing = TracingConfig::from_reader(reader);
        let lineage = OpenLineageConfig::from_reader(reader);
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
            tracing,
            lineage,
        })
    }
}
