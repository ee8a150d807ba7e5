//! What a record is that is no change event, told without its values.

use serde_json::{Map, Value};

use crate::format::undecodable::{Blame, Undecodable};
use crate::letter::Stage;
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::Reason;

/// A record that is no change event, by what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NonEvent {
    /// No JSON object at all.
    NotJson,
    /// JSON that is not of the topic's envelope, though it looks like it.
    NotEnvelope,
    /// An event whose key can't be read.
    UnreadableKey,
    /// Written as no record of its topic should be: what the decoder says of it, with the settings that mend it.
    WrongConverter(String),
    /// Not as the topic's records are said to be: what the decoder says of it, with the setting for it.
    OtherShape(String),
    /// Its route asks what can't be done: what the decoder says of it.
    NotOfRoute(String),
    /// Anything else: what the decoder says of it, which names no value.
    Undecodable(String),
}

impl NonEvent {
    /// What the record is, by its refusal and by its shape.
    pub fn of_record(record: &Record, refusal: &Undecodable) -> Self {
        let message = || refusal.message.clone();
        match refusal.blame {
            Blame::Converter => return NonEvent::WrongConverter(message()),
            Blame::Topic => return NonEvent::OtherShape(message()),
            Blame::Route => return NonEvent::NotOfRoute(message()),
            Blame::Record => {}
        }
        if refusal.reason == Reason::MissingKey || refusal.stage == Stage::Transformation {
            return NonEvent::Undecodable(message());
        }
        let key = record.key.as_deref().unwrap_or_default();
        let value = record.value.as_ref().map(Body::whole_value);
        let value = value.as_deref().unwrap_or_default();
        // what a registry's decoder says names fields and types alone
        let is_framed = |bytes: &[u8]| bytes.first() == Some(&0);
        match refusal.stage {
            Stage::KeyConverter if is_framed(key) => NonEvent::Undecodable(message()),
            Stage::KeyConverter => NonEvent::UnreadableKey,
            _ if is_framed(value) => NonEvent::Undecodable(message()),
            _ if serde_json::from_slice::<Map<String, Value>>(value).is_ok() => {
                NonEvent::NotEnvelope
            }
            _ => NonEvent::NotJson,
        }
    }

    /// What such records are.
    pub fn describe(&self) -> &str {
        match self {
            NonEvent::NotJson => "not JSON objects",
            NonEvent::NotEnvelope => "not whole events of the topic's envelope",
            NonEvent::UnreadableKey => "events whose key can't be read",
            NonEvent::WrongConverter(message)
            | NonEvent::OtherShape(message)
            | NonEvent::NotOfRoute(message)
            | NonEvent::Undecodable(message) => message,
        }
    }

    /// What helps against them.
    pub fn suggest_remedy(&self) -> &str {
        match self {
            NonEvent::NotJson => {
                "take the topic out of kafka.topics, or set encoding to how they are written"
            }
            NonEvent::NotEnvelope => {
                "look at one with `landfall dlq show` once it is a dead letter, or set envelope to what they are"
            }
            NonEvent::UnreadableKey => {
                "set key_encoding to how keys are written, or key = [\"column\"] in the topic's [[route]]"
            }
            NonEvent::WrongConverter(_) => {
                "then have the connector write the topic anew (a snapshot into an empty topic), or take it out of kafka.topics: until then nothing of it is landed"
            }
            NonEvent::OtherShape(_) => {
                "until then nothing of the topic is landed; where events of it have been landed before, such records become dead letters"
            }
            NonEvent::NotOfRoute(_) => "until then nothing of the topic is landed",
            NonEvent::Undecodable(_) => "otherwise they become dead letters",
        }
    }
}

/// Topics that only Kafka and its tools write to, by their name: for those without records.
pub fn is_internal(topic: &str) -> bool {
    topic.starts_with("__") || topic == "_schemas"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::testing::record;

    fn of(stage: Stage, blame: Blame, value: &str) -> NonEvent {
        let refusal = Undecodable {
            reason: Reason::Undecodable,
            stage,
            message: "said".to_owned(),
            blame,
        };
        NonEvent::of_record(&record("t", Some("k"), Some(value)), &refusal)
    }

    #[test]
    fn what_is_told_of_a_record_never_quotes_it() {
        let (value, alone) = (Stage::ValueConverter, Blame::Record);
        assert_eq!(of(value, alone, r#"{"op":1}"#), NonEvent::NotEnvelope);
        assert_eq!(of(value, alone, "secret"), NonEvent::NotJson);
        let said = || "said".to_owned();
        assert_eq!(
            of(value, alone, "\0\0\0\0\u{1}x"),
            NonEvent::Undecodable(said())
        );
        assert_eq!(
            of(Stage::KeyConverter, alone, "{}"),
            NonEvent::UnreadableKey
        );
        assert_eq!(of(value, Blame::Topic, "{}"), NonEvent::OtherShape(said()));
        assert_eq!(
            of(value, Blame::Converter, "x"),
            NonEvent::WrongConverter(said())
        );
    }
}
