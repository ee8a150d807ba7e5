//! What a record is that is no change event, told without its values.

use serde_json::{Map, Value};

use crate::format::undecodable::Undecodable;
use crate::letter::Stage;
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::Reason;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    Heartbeat,
    SchemaHistory,
    TransactionMarker,
    RegistryEncoded,
    NotEnvelope,
    NotJson,
    UnreadableKey,
    /// What the decoder says of it; names no value.
    Said(String),
}

impl Oddity {
    pub fn of(record: &Record, refusal: &Undecodable) -> Self {
        if refusal.reason == Reason::MissingKey || refusal.stage == Stage::Transformation {
            return Oddity::Said(refusal.message.clone());
        }
        let bytes = match (refusal.stage, &record.value) {
            (Stage::KeyConverter, _) => record.key.as_deref().unwrap_or_default().into(),
            (_, value) => value.as_ref().map(Body::whole).unwrap_or_default(),
        };
        // Confluent's wire format: a zero, the schema's id in four bytes, Avro
        if bytes.len() >= 5 && bytes[0] == 0 {
            return Oddity::RegistryEncoded;
        }
        // a bookkeeping record's value tells most, whatever its key is like
        match value_of(record) {
            Some(value) => match Self::of_names(&value) {
                Oddity::NotEnvelope if refusal.stage == Stage::KeyConverter => {
                    Oddity::UnreadableKey
                }
                oddity => oddity,
            },
            None if refusal.stage == Stage::KeyConverter => Oddity::UnreadableKey,
            None => Oddity::NotJson,
        }
    }

    fn of_names(value: &Map<String, Value>) -> Self {
        let has = |name| value.contains_key(name);
        if has("ts_ms") && value.len() == 1 {
            Oddity::Heartbeat
        } else if has("status") && has("id") && !has("op") {
            Oddity::TransactionMarker
        } else if has("ddl") || has("tableChanges") {
            Oddity::SchemaHistory
        } else {
            Oddity::NotEnvelope
        }
    }

    pub fn found(&self) -> &str {
        match self {
            Oddity::Heartbeat => "Debezium's heartbeats",
            Oddity::SchemaHistory => "Debezium's schema history or schema changes",
            Oddity::TransactionMarker => "Debezium's transaction markers",
            Oddity::RegistryEncoded => {
                "encoded with a schema registry (they start with a zero byte)"
            }
            Oddity::NotEnvelope => "JSON, but not Debezium's envelope (before, after, op, source)",
            Oddity::NotJson => "not JSON objects",
            Oddity::UnreadableKey => "events whose key is not a JSON object",
            Oddity::Said(said) => said,
        }
    }

    pub fn remedy(&self) -> &str {
        match self {
            Oddity::Heartbeat | Oddity::SchemaHistory | Oddity::TransactionMarker => {
                "this is no table's topic: take it out of kafka.topics, or narrow the pattern that matches it"
            }
            Oddity::RegistryEncoded => "set format.encoding to how they are written",
            Oddity::NotEnvelope => {
                "have the connector send whole envelopes (without the ExtractNewRecordState transform), set format.envelope to what they are, or take the topic out of kafka.topics"
            }
            Oddity::NotJson => {
                "take the topic out of kafka.topics, or set format.encoding to how they are written"
            }
            Oddity::UnreadableKey => {
                "use the JsonConverter for keys (key.converter), or set key = [\"column\"] in the topic's [[route]]"
            }
            Oddity::Said(_) => "otherwise they become dead letters",
        }
    }
}

/// The value's fields, out of the converter's wrapper if there is one.
fn value_of(record: &Record) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut outer)) = serde_json::from_slice(&record.value.as_ref()?.whole())
    else {
        return None;
    };
    if outer.len() == 2
        && outer.contains_key("schema")
        && let Some(Value::Object(payload)) = outer.remove("payload")
    {
        return Some(payload);
    }
    Some(outer)
}

/// Topics that only Kafka and its tools write to, by their name: for those without records.
pub fn is_internal(topic: &str) -> bool {
    topic.starts_with("__") || topic == "_schemas"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::testing::record;

    fn of(stage: Stage, value: &str) -> Oddity {
        let refusal = Undecodable {
            reason: Reason::Undecodable,
            stage,
            message: "may quote the record".to_owned(),
        };
        Oddity::of(&record("t", Some("k"), Some(value)), &refusal)
    }

    #[test]
    fn debeziums_own_records_are_recognised_with_and_without_schema() {
        let value = Stage::ValueConverter;
        assert_eq!(of(value, r#"{"ts_ms":1}"#), Oddity::Heartbeat);
        let wrapped = r#"{"schema":{"type":"struct"},"payload":{"ts_ms":1}}"#;
        assert_eq!(of(value, wrapped), Oddity::Heartbeat);
        let history = r#"{"source":{},"position":{},"ddl":"CREATE TABLE t ()"}"#;
        assert_eq!(of(value, history), Oddity::SchemaHistory);
        let marker = r#"{"status":"BEGIN","id":"571","ts_ms":1}"#;
        assert_eq!(of(Stage::KeyConverter, marker), Oddity::TransactionMarker);
    }

    #[test]
    fn other_shapes_are_told_by_kind_and_never_quoted() {
        assert_eq!(
            of(Stage::ValueConverter, r#"{"id":1}"#),
            Oddity::NotEnvelope
        );
        assert_eq!(of(Stage::ValueConverter, "secret"), Oddity::NotJson);
        assert_eq!(
            of(Stage::ValueConverter, "\0\0\0\0\u{1}x"),
            Oddity::RegistryEncoded
        );
        assert_eq!(
            of(Stage::KeyConverter, r#"{"op":"c"}"#),
            Oddity::UnreadableKey
        );
    }
}
