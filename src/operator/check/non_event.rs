//! What a record is that is no change event, told without its values.

use serde_json::{Map, Value};

use crate::format::undecodable::{Blame, Undecodable};
use crate::letter::Stage;
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::Reason;

/// Why a record is no change event: the same for all that have one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonEvent {
    /// What it is,
    pub kind: NonEventKind,
    /// the reason of its dead letter, if it would become one,
    pub reason: Reason,
    /// and what the decoder says of it, which names no value.
    pub cause: String,
}

/// A record that is no change event, by what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonEventKind {
    /// No JSON object at all.
    NotJson,
    /// JSON that is not of the topic's envelope, though it looks like it.
    NotEnvelope,
    /// An event whose key can't be read.
    UnreadableKey,
    /// Written as no record of its topic should be: with the settings that mend it.
    WrongConverter,
    /// Not as the topic's records are said to be: with the setting for it.
    OtherShape,
    /// Its route asks what can't be done.
    NotOfRoute,
    /// Anything else.
    Undecodable,
}

impl NonEvent {
    /// What the record is, by its refusal and by its shape.
    pub fn of_record(record: &Record, refusal: &Undecodable) -> Self {
        Self {
            kind: NonEventKind::of_record(record, refusal),
            reason: refusal.reason,
            cause: refusal.cause.clone(),
        }
    }

    /// What such records are.
    pub fn describe(&self) -> String {
        match self.kind {
            NonEventKind::NotJson => format!("not JSON objects ({})", self.cause),
            _ => self.cause.clone(),
        }
    }
}

impl NonEventKind {
    fn of_record(record: &Record, refusal: &Undecodable) -> Self {
        match refusal.blame {
            Blame::Converter => return Self::WrongConverter,
            Blame::Topic => return Self::OtherShape,
            Blame::Route => return Self::NotOfRoute,
            Blame::Record => {}
        }
        if refusal.reason == Reason::MissingKey || refusal.stage == Stage::Transformation {
            return Self::Undecodable;
        }
        let key = record.key.as_deref().unwrap_or_default();
        let value = record.value.as_ref().map(Body::whole_value);
        let value = value.as_deref().unwrap_or_default();
        let is_framed = |bytes: &[u8]| bytes.first() == Some(&0);
        match refusal.stage {
            Stage::KeyConverter if is_framed(key) => Self::Undecodable,
            Stage::KeyConverter => Self::UnreadableKey,
            _ if is_framed(value) => Self::Undecodable,
            _ if serde_json::from_slice::<Map<String, Value>>(value).is_ok() => Self::NotEnvelope,
            _ => Self::NotJson,
        }
    }

    /// What helps against them.
    pub fn suggest_remedy(self) -> &'static str {
        match self {
            Self::NotJson => {
                "take the topic out of kafka.topics, or set encoding to how they are written"
            }
            Self::NotEnvelope => "mend them at their source, or set envelope to what they are",
            Self::UnreadableKey => {
                "set key_encoding to how keys are written, or key = [\"column\"] in the topic's [[route]]"
            }
            Self::WrongConverter => {
                "then have the connector write the topic anew (a snapshot into an empty topic), or take it out of kafka.topics: until then nothing of it is landed"
            }
            Self::OtherShape => {
                "until then nothing of the topic is landed; where events of it have been landed before, such records become dead letters"
            }
            Self::NotOfRoute => "until then nothing of the topic is landed",
            Self::Undecodable => "mend them at their source",
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

    fn of(stage: Stage, blame: Blame, value: &str) -> NonEventKind {
        let refusal = Undecodable {
            reason: Reason::Undecodable,
            stage,
            message: "hunter2".to_owned(),
            cause: "no value".to_owned(),
            blame,
        };
        let non_event = NonEvent::of_record(&record("t", Some("k"), Some(value)), &refusal);
        assert!(non_event.describe().contains("no value"));
        non_event.kind
    }

    #[test]
    fn what_is_told_of_a_record_never_quotes_it() {
        use NonEventKind as Kind;
        let (value, alone) = (Stage::ValueConverter, Blame::Record);
        assert_eq!(of(value, alone, r#"{"op":1}"#), Kind::NotEnvelope);
        assert_eq!(of(value, alone, "secret"), Kind::NotJson);
        assert_eq!(of(value, alone, "\0\0\0\0\u{1}x"), Kind::Undecodable);
        assert_eq!(of(Stage::KeyConverter, alone, "{}"), Kind::UnreadableKey);
        assert_eq!(of(value, Blame::Topic, "{}"), Kind::OtherShape);
        assert_eq!(of(value, Blame::Converter, "x"), Kind::WrongConverter);
    }
}
