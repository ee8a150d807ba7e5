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
    /// The same, by a schema of this encoding.
    Registered(Encoding),
    /// In the framing of AWS Glue's registry.
    GlueFramed,
    /// JSON.
    Json,
    /// A text that doesn't begin as a JSON object or list, as StringConverter writes it.
    Text,
}

/// All fields that Debezium's BEGIN and END of a transaction have.
const MARKER: [&str; 5] = ["status", "id", "event_count", "data_collections", "ts_ms"];

/// All that its schema changes have, and its own memory of them.
const SCHEMA_CHANGE: [&str; 9] = [
    "source",
    "position",
    "ts_ms",
    "ts_us",
    "ts_ns",
    "databaseName",
    "schemaName",
    "ddl",
    "tableChanges",
];

/// What the key of Debezium's sign of life holds.
const HEARTBEAT_KEY: &[u8] = b"serverName";

impl Lookalike {
    /// Whether a record with this key is what the connector writes about itself. A row may be like it but for its key.
    pub fn is_bookkeeping_of(self, key: Option<&[u8]>) -> bool {
        let is_of_heartbeat = |key: &[u8]| {
            key.windows(HEARTBEAT_KEY.len())
                .any(|part| part == HEARTBEAT_KEY)
        };
        match self {
            Self::Heartbeat => key.is_some_and(is_of_heartbeat),
            other => other.as_bookkeeping().is_some(),
        }
    }

    /// By the bytes of a value that can't be read in this encoding; `None`: they look like nothing that is known.
    pub fn of_bytes(value: &[u8], encoding: Encoding) -> Option<Self> {
        let is_framed = value.len() >= 5 && value.first() == Some(&0);
        // a version, a compression, a uuid
        let is_glues = value.len() >= 18 && matches!(value, [3, 0 | 5, ..]);
        let is_json = |text: &[u8]| {
            text.trim_ascii_start().first() == Some(&b'{')
                && serde_json::from_slice::<Map<String, Value>>(text).is_ok()
        };
        if encoding.needs_registry() {
            return match () {
                () if is_glues => Some(Self::GlueFramed),
                () if is_json(value) => Some(Self::Json),
                () => None,
            };
        }
        match () {
            () if is_framed && value.get(5..).is_some_and(is_json) => {
                Some(Self::Registered(Encoding::JsonSchema))
            }
            () if is_framed => Some(Self::RegistryFramed),
            () if is_glues => Some(Self::GlueFramed),
            () => {
                let text = std::str::from_utf8(value).ok()?;
                Self::of_json(text).or_else(|| is_plain(text).then_some(Self::Text))
            }
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
        let are_of = |known: &[&str]| names.iter().all(|name| known.contains(name));
        let of_mongo = || has("updateDescription") || has("fullDocument") && has("operationType");
        let parts = ["before", "after", "op"].map(has);
        Some(match parts.iter().filter(|there| **there).count() {
            _ if names == ["ts_ms"] => Self::Heartbeat,
            _ if has("status") && has("data_collections") && are_of(&MARKER) => {
                Self::TransactionMarker
            }
            _ if has("ddl") && has("databaseName") && are_of(&SCHEMA_CHANGE) => Self::SchemaChange,
            _ if of_mongo() => Self::MongoDb,
            2.. => Self::Debezium,
            0 if names.iter().any(|name| name.starts_with("__")) => Self::Unwrapped,
            0 if !names.is_empty() => Self::Row,
            _ => return None,
        })
    }

    /// What else than a row a value with fields of these names is, if it is anything else. A table may have columns of any
    /// names: `value_of` a field tells whether it is what it is called. JSON texts.
    pub(super) fn of_flat_row<'v>(
        names: &[&str],
        value_of: impl Fn(&str) -> Option<&'v str>,
    ) -> Option<Self> {
        let begins =
            |name: &str, with: &[char]| value_of(name).is_some_and(|raw| raw.starts_with(with));
        let is_source = || {
            let source = value_of("source").unwrap_or_default();
            source.starts_with('{')
                && (source.contains("\"connector\"") || source.contains("\"ts_ms\""))
        };
        let is_event = match Self::of_names(names)? {
            Self::Unwrapped | Self::Row => false,
            Self::Heartbeat | Self::TransactionMarker => true,
            Self::SchemaChange => begins("source", &['{']),
            Self::MongoDb => names.contains(&"documentKey") && begins("documentKey", &['{']),
            _ => is_source(),
        };
        Self::of_names(names).filter(|_| is_event)
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
            Self::RegistryFramed
            | Self::Registered(_)
            | Self::GlueFramed
            | Self::Json
            | Self::Text => {
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

    /// The same of a topic whose keys are by schemas of another encoding.
    pub fn explain_key(self, format: TopicFormat) -> String {
        let (looks_like, _) = self.describe();
        let configured = format.key_encoding.name();
        let remedy = match self {
            Self::Registered(encoding) => encoding.name(),
            _ => "json",
        };
        format!(
            "its keys look like {looks_like}, and their encoding is configured as {configured}: set key_encoding = {remedy:?} \
             in the topic's [[route]], or under [format] for all topics"
        )
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
                "set encoding = \"avro\", or \"protobuf\" if that is what their schemas are of, in the topic's [[route]], or under [format] for all topics, and format.registry.url",
            ),
            Self::Registered(Encoding::JsonSchema) => (
                "JSON in Confluent's wire format, by a JSON Schema",
                "set encoding = \"json-schema\" in the topic's [[route]], or under [format] for all topics, and format.registry.url",
            ),
            Self::Registered(Encoding::Protobuf) => (
                "Protobuf in Confluent's wire format",
                "set encoding = \"protobuf\" in the topic's [[route]], or under [format] for all topics, and format.registry.url",
            ),
            Self::Registered(_) => (
                "Avro in Confluent's wire format",
                "set encoding = \"avro\" in the topic's [[route]], or under [format] for all topics, and format.registry.url",
            ),
            Self::GlueFramed => (
                "messages in the framing of AWS Glue's registry, which Landfall doesn't read",
                "have the converter write Confluent's wire format, or JSON",
            ),
            Self::Text => (
                "texts, not JSON objects (StringConverter writes such)",
                "have the connector write JSON (JsonConverter), or take the topic out of kafka.topics",
            ),
            Self::Json => (
                "JSON",
                "set encoding = \"json\" in the topic's [[route]], or under [format] for all topics",
            ),
        }
    }
}

/// Whether it is no JSON, be it broken, that a row or an event could be.
fn is_plain(text: &str) -> bool {
    let text = text.trim_start();
    !text.is_empty() && !text.starts_with(['{', '[']) && text != "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_begin_as_an_object_is_what_a_string_converter_writes() {
        let look = |value: &str| Lookalike::of_bytes(value.as_bytes(), Encoding::Json);
        for text in ["c 1", "Struct{id=1}", "\"quoted\"", "17"] {
            assert_eq!(look(text), Some(Lookalike::Text), "{text}");
        }
        for broken in ["{", " {\"id\":", "[1", "null", " ", ""] {
            assert_eq!(look(broken), None, "{broken}");
        }
    }
}
