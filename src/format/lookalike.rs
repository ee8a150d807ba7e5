//! What a record looks like that isn't of its topic's envelope or encoding, told without its values, and the settings
//! for it. A topic is of one shape as a rule: where its first records look like something else, all of them do.

use serde_json::{Map, Value};

use crate::config::{Encoding, Envelope, TopicFormat};
use crate::format::wrapper::payload_of;

/// What a record looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookalike {
    /// Debezium's sign of life.
    Heartbeat,
    /// Debezium's BEGIN or END of a transaction.
    TransactionMarker,
    /// Debezium's schema change topic, or its own memory of the source's schema.
    SchemaChange,
    /// Debezium's envelope.
    Debezium,
    /// MongoDB's, by Debezium or by MongoDB's own connector: documents, or what changed in them.
    MongoDb,
    /// pg-replicate-kafka's envelope.
    PgReplicateKafka,
    /// A row with fields that ExtractNewRecordState has added.
    Unwrapped,
    /// A JSON object, or a record of Avro's, that is no envelope.
    Row,
    /// In Confluent's wire format.
    RegistryFramed,
    /// In the framing of AWS Glue's registry.
    GlueFramed,
    /// JSON.
    Json,
}

impl Lookalike {
    /// By the bytes of a value that can't be read in this encoding; `None`: they look like nothing that is known.
    pub fn of_bytes(value: &[u8], encoding: Encoding) -> Option<Self> {
        let is_framed = value.len() >= 5 && value.first() == Some(&0);
        // a version, a compression, a uuid
        let is_glues = value.len() >= 18 && matches!(value, [3, 0 | 5, ..]);
        if encoding == Encoding::Avro {
            let begins = |first| value.trim_ascii_start().first() == Some(&first);
            let is_json =
                || begins(b'{') && serde_json::from_slice::<Map<String, Value>>(value).is_ok();
            return match () {
                () if is_glues => Some(Self::GlueFramed),
                () if is_json() => Some(Self::Json),
                () => None,
            };
        }
        match () {
            () if is_framed => Some(Self::RegistryFramed),
            () if is_glues => Some(Self::GlueFramed),
            () => Self::of_json(std::str::from_utf8(value).ok()?),
        }
    }

    /// By a value that was read, but isn't of its topic's envelope: JSON, be it in a wrapper or not.
    pub fn of_json(text: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(payload_of(text)).ok()?;
        Self::of_fields(&fields)
    }

    fn of_fields(fields: &Map<String, Value>) -> Option<Self> {
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let connector = fields
            .get("source")
            .and_then(|source| source.get("connector"));
        let op = fields.get("op").and_then(Value::as_str);
        let after = fields.get("after").and_then(Value::as_str);
        let is_document = after.is_some_and(|text| text.trim_start().starts_with('{'));
        if connector.and_then(Value::as_str) == Some("mongodb") || is_document {
            return Some(Self::MongoDb);
        }
        match Self::of_names(&names) {
            Some(Self::Debezium) if op.is_some_and(|op| op.len() > 1) => {
                Some(Self::PgReplicateKafka)
            }
            other => other,
        }
    }

    /// By the names of the fields alone. `None`: a part of an envelope, or nothing at all.
    pub(super) fn of_names(names: &[&str]) -> Option<Self> {
        let has = |name| names.contains(&name);
        let is_schema_change = || {
            let tells_ddl = has("ddl") && (has("databaseName") || has("position") || has("source"));
            tells_ddl || has("tableChanges")
        };
        let of_mongo = || has("updateDescription") || has("fullDocument") && has("operationType");
        let parts = ["before", "after", "op"].map(has);
        Some(match parts.iter().filter(|there| **there).count() {
            _ if names == ["ts_ms"] => Self::Heartbeat,
            _ if has("status") && has("id") && has("event_count") => Self::TransactionMarker,
            _ if is_schema_change() => Self::SchemaChange,
            _ if of_mongo() => Self::MongoDb,
            2.. => Self::Debezium,
            0 if names.iter().any(|name| name.starts_with("__")) => Self::Unwrapped,
            0 if !names.is_empty() => Self::Row,
            _ => return None,
        })
    }

    /// What else than a flat row a value with fields of these names is, if it is anything else.
    pub(super) fn of_flat_names(names: &[&str]) -> Option<Self> {
        match Self::of_names(names)? {
            Self::Unwrapped | Self::Row => None,
            // a table may have columns of such names
            Self::Debezium if !names.contains(&"source") => None,
            other => Some(other),
        }
    }

    /// What connectors write about themselves carries nothing to land, in whatever topic.
    pub fn as_bookkeeping(self) -> Option<&'static str> {
        match self {
            Self::Heartbeat => Some("heartbeat"),
            Self::TransactionMarker => Some("transaction marker"),
            Self::SchemaChange => Some("schema change"),
            _ => None,
        }
    }

    /// What is to be said of a topic with such records: what they look like, what was configured, and the setting.
    pub fn explain(self, format: TopicFormat) -> String {
        let (looks_like, remedy) = self.describe();
        let (envelope, encoding) = (format.envelope.name(), format.encoding.name());
        let configured = match self {
            Self::RegistryFramed | Self::GlueFramed | Self::Json => {
                format!("its encoding is configured as {encoding}")
            }
            _ => format!("its envelope is configured as {envelope}"),
        };
        let more = match (self, format.envelope) {
            (Self::Row, Envelope::Trigger) => {
                "; or name the fields of the id and the action with format.trigger.id and format.trigger.action"
            }
            _ => "",
        };
        format!("its records look like {looks_like}, and {configured}: {remedy}{more}")
    }

    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Heartbeat | Self::TransactionMarker | Self::SchemaChange => (
                "what a connector writes about itself",
                "take the topic out of kafka.topics",
            ),
            Self::Debezium => (
                "Debezium's envelope (before, after, op, source)",
                "set envelope = \"debezium\" in the topic's [[route]], or under [format] for all topics",
            ),
            Self::MongoDb => (
                "MongoDB's documents",
                "have the source connector send rows (ExtractNewDocumentState), and set envelope = \"flat\" in the topic's [[route]]",
            ),
            Self::PgReplicateKafka => (
                "pg-replicate-kafka's envelope (op in whole words)",
                "set envelope = \"pg-replicate-kafka\" in the topic's [[route]], or under [format] for all topics",
            ),
            Self::Unwrapped => (
                "rows that were unwrapped at their source (ExtractNewRecordState)",
                "set envelope = \"flat\" in the topic's [[route]], or under [format] for all topics",
            ),
            Self::Row => (
                "rows without an envelope",
                "set envelope = \"flat\" in the topic's [[route]], or under [format] for all topics",
            ),
            Self::RegistryFramed => (
                "messages with a schema registry's frame (they begin with a zero byte)",
                "set encoding = \"avro\" in the topic's [[route]], or under [format] for all topics, and format.registry.url",
            ),
            Self::GlueFramed => (
                "messages in the framing of AWS Glue's registry, which Landfall doesn't read",
                "have the converter write Confluent's wire format, or JSON",
            ),
            Self::Json => (
                "JSON",
                "set encoding = \"json\" in the topic's [[route]], or under [format] for all topics",
            ),
        }
    }
}
