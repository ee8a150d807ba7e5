//! What a record is that is no change event, told without its values.

use serde_json::{Map, Value};

use crate::format::undecodable::Undecodable;
use crate::format::wrapper::payload_of;
use crate::letter::Stage;
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::Reason;

/// A record that is no change event, by what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NonEvent {
    /// Debezium's sign of life.
    Heartbeat,
    /// Debezium's own memory of the source's schema, or its schema change topic.
    SchemaHistory,
    /// Debezium's BEGIN or END of a transaction.
    TransactionMarker,
    /// In Confluent's wire format, which `format.encoding` doesn't say.
    RegistryEncoded,
    /// JSON of another shape than the envelope's.
    NotEnvelope,
    /// No JSON object at all.
    NotJson,
    /// An event whose key is no JSON object.
    UnreadableKey,
    /// Written as no record of its topic should be: what the decoder says of it, with the settings that mend it.
    WrongConverter(String),
    /// Anything else: what the decoder says of it, which names no value.
    Undecodable(String),
}

impl NonEvent {
    /// What the record is, by its refusal and by its shape.
    pub fn of_record(record: &Record, refusal: &Undecodable) -> Self {
        if refusal.of_setup {
            return NonEvent::WrongConverter(refusal.message.clone());
        }
        if refusal.reason == Reason::MissingKey || refusal.stage == Stage::Transformation {
            return NonEvent::Undecodable(refusal.message.clone());
        }
        let bytes = match (refusal.stage, &record.value) {
            (Stage::KeyConverter, _) => record.key.as_deref().unwrap_or_default().into(),
            (_, value) => value.as_ref().map(Body::whole_value).unwrap_or_default(),
        };
        // Confluent's wire format: a zero, the schema's id in four bytes, Avro
        if bytes.len() >= 5 && bytes[0] == 0 {
            return NonEvent::RegistryEncoded;
        }
        // a bookkeeping record's value tells most, whatever its key is like
        match parse_value(record) {
            Some(value) => match Self::of_field_names(&value) {
                NonEvent::NotEnvelope if refusal.stage == Stage::KeyConverter => {
                    NonEvent::UnreadableKey
                }
                other => other,
            },
            None if refusal.stage == Stage::KeyConverter => NonEvent::UnreadableKey,
            None => NonEvent::NotJson,
        }
    }

    fn of_field_names(value: &Map<String, Value>) -> Self {
        let has = |name| value.contains_key(name);
        if has("ts_ms") && value.len() == 1 {
            NonEvent::Heartbeat
        } else if has("status") && has("id") && !has("op") {
            NonEvent::TransactionMarker
        } else if has("ddl") || has("tableChanges") {
            NonEvent::SchemaHistory
        } else {
            NonEvent::NotEnvelope
        }
    }

    /// What such records are.
    pub fn describe(&self) -> &str {
        match self {
            NonEvent::Heartbeat => "Debezium's heartbeats",
            NonEvent::SchemaHistory => "Debezium's schema history or schema changes",
            NonEvent::TransactionMarker => "Debezium's transaction markers",
            NonEvent::RegistryEncoded => {
                "encoded with a schema registry (they start with a zero byte)"
            }
            NonEvent::NotEnvelope => {
                "JSON, but not Debezium's envelope (before, after, op, source)"
            }
            NonEvent::NotJson => "not JSON objects",
            NonEvent::UnreadableKey => "events whose key is not a JSON object",
            NonEvent::WrongConverter(message) | NonEvent::Undecodable(message) => message,
        }
    }

    /// What helps against them.
    pub fn suggest_remedy(&self) -> &str {
        match self {
            NonEvent::Heartbeat | NonEvent::SchemaHistory | NonEvent::TransactionMarker => {
                "this is no table's topic: take it out of kafka.topics, or narrow the pattern that matches it"
            }
            NonEvent::RegistryEncoded => "set format.encoding to how they are written",
            NonEvent::NotEnvelope => {
                "have the connector send whole envelopes (without the ExtractNewRecordState transform), set format.envelope to what they are, or take the topic out of kafka.topics"
            }
            NonEvent::NotJson => {
                "take the topic out of kafka.topics, or set format.encoding to how they are written"
            }
            NonEvent::UnreadableKey => {
                "use the JsonConverter for keys (key.converter), or set key = [\"column\"] in the topic's [[route]]"
            }
            NonEvent::WrongConverter(_) => {
                "then have the connector write the topic anew (a snapshot into an empty topic), or take it out of kafka.topics: until then nothing of it is landed"
            }
            NonEvent::Undecodable(_) => "otherwise they become dead letters",
        }
    }
}

/// The value's fields, out of the converter's wrapper if there is one.
fn parse_value(record: &Record) -> Option<Map<String, Value>> {
    let whole = record.value.as_ref()?.whole_value();
    let text = std::str::from_utf8(&whole).ok()?;
    serde_json::from_str(payload_of(text)).ok()
}

/// Topics that only Kafka and its tools write to, by their name: for those without records.
pub fn is_internal(topic: &str) -> bool {
    topic.starts_with("__") || topic == "_schemas"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::testing::record;

    fn of(stage: Stage, value: &str) -> NonEvent {
        let refusal = Undecodable {
            reason: Reason::Undecodable,
            stage,
            message: "may quote the record".to_owned(),
            of_setup: false,
        };
        NonEvent::of_record(&record("t", Some("k"), Some(value)), &refusal)
    }

    #[test]
    fn debeziums_own_records_are_recognised_with_and_without_schema() {
        let value = Stage::ValueConverter;
        assert_eq!(of(value, r#"{"ts_ms":1}"#), NonEvent::Heartbeat);
        let wrapped = r#"{"schema":{"type":"struct"},"payload":{"ts_ms":1}}"#;
        assert_eq!(of(value, wrapped), NonEvent::Heartbeat);
        let history = r#"{"source":{},"position":{},"ddl":"CREATE TABLE t ()"}"#;
        assert_eq!(of(value, history), NonEvent::SchemaHistory);
        let marker = r#"{"status":"BEGIN","id":"571","ts_ms":1}"#;
        assert_eq!(of(Stage::KeyConverter, marker), NonEvent::TransactionMarker);
    }

    #[test]
    fn other_shapes_are_told_by_kind_and_never_quoted() {
        assert_eq!(
            of(Stage::ValueConverter, r#"{"id":1}"#),
            NonEvent::NotEnvelope
        );
        assert_eq!(of(Stage::ValueConverter, "secret"), NonEvent::NotJson);
        assert_eq!(
            of(Stage::ValueConverter, "\0\0\0\0\u{1}x"),
            NonEvent::RegistryEncoded
        );
        assert_eq!(
            of(Stage::KeyConverter, r#"{"op":"c"}"#),
            NonEvent::UnreadableKey
        );
    }
}
