//! Why no configuration can be written. No text quotes an option's value but a class or a kind of database.

use crate::operator::import_connector::connector::sink_classes;

/// Why no configuration can be written: what was given is no sink's configuration, or several that don't go together.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{file}: cannot be read: {error}")]
    Unreadable { file: String, error: std::io::Error },
    #[error("{file}: larger than {} MiB; allowed: a connector's configuration", limit >> 20)]
    TooLarge { file: String, limit: u64 },
    #[error(
        "{file}: not UTF-8 text (byte {at}); allowed: a connector's configuration in JSON or as .properties"
    )]
    NoText { file: String, at: usize },
    #[error(
        "{file}: not JSON: {error} (properties are recognised by a name that ends in .properties)"
    )]
    NoJson {
        file: String,
        error: serde_json::Error,
    },
    #[error("{file}: not properties: {error}")]
    NoProperties { file: String, error: String },
    #[error(
        "{file}: connector.class: missing; found {found}; allowed: a connector's options, by themselves or under \
         \"config\", a list of such, or what Connect answers to GET /connectors?expand=info"
    )]
    NoConnector { file: String, found: String },
    #[error("{file}: {option}: found {found}; allowed: text, a number, true or false")]
    NoScalar {
        file: String,
        option: String,
        found: &'static str,
    },
    #[error(
        "{file}: connector.class: found {found:?}; allowed: {}, and the sources that feed them",
        sink_classes()
    )]
    OtherClass { file: String, found: String },
    #[error("{files}: no sink among what was found; allowed: {}", sink_classes())]
    NoSink { files: String },
    #[error("{file}: topics: missing; allowed: topics or topics.regex")]
    NoTopics { file: String },
    #[error(
        "{file}: connection.url: found {found}; allowed: jdbc:postgresql://…, as Landfall writes to Postgres only"
    )]
    OtherDatabase { file: String, found: String },
    #[error(
        "{one} and {other}: connection.url: found two databases; allowed: one, as a Landfall writes into one: import \
         each by itself"
    )]
    TwoDatabases { one: String, other: String },
}
