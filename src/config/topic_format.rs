//! What a topic's records are: their envelope, and how values and keys are written. `[format]` says it of all topics,
//! a `[[route]]` of its own.

use super::reader::Reader;
use super::value::{one_of, word_for};

/// What a topic's records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicFormat {
    /// What a record's value says about the change.
    pub envelope: Envelope,
    /// How values are written.
    pub encoding: Encoding,
    /// How keys are written.
    pub key_encoding: Encoding,
}

/// What a record's value says about the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// `before`, `after`, `op` and `source`.
    #[default]
    Debezium,
    /// The row itself.
    Flat,
    /// A trigger's row: an id, an action word, and the row's columns beside them.
    Trigger,
    /// Like Debezium's, with whole words for operations.
    PgReplicateKafka,
}

/// How keys or values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Encoding {
    #[default]
    Json,
    /// In Confluent's wire format.
    Avro,
    /// JSON in Confluent's wire format, whose JSON Schema is in the registry.
    JsonSchema,
    /// In Confluent's wire format.
    Protobuf,
    /// Text as it stands, as StringConverter writes it: keys alone.
    Text,
}

/// What `[format]` says of all topics, or a `[[route]]` of its own; what this leaves out, `[format]` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FormatOverride {
    envelope: Option<Envelope>,
    encoding: Option<Encoding>,
    key_encoding: Option<Encoding>,
}

pub(super) const ENVELOPES: [(&str, Envelope); 4] = [
    ("debezium", Envelope::Debezium),
    ("flat", Envelope::Flat),
    ("trigger", Envelope::Trigger),
    ("pg-replicate-kafka", Envelope::PgReplicateKafka),
];
pub(super) const ENCODINGS: [(&str, Encoding); 4] = [
    ("json", Encoding::Json),
    ("avro", Encoding::Avro),
    ("json-schema", Encoding::JsonSchema),
    ("protobuf", Encoding::Protobuf),
];
pub(super) const KEY_ENCODINGS: [(&str, Encoding); 5] = [
    ("json", Encoding::Json),
    ("avro", Encoding::Avro),
    ("json-schema", Encoding::JsonSchema),
    ("protobuf", Encoding::Protobuf),
    ("string", Encoding::Text),
];

impl Envelope {
    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        word_for(&ENVELOPES, self)
    }
}

impl Encoding {
    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        word_for(&KEY_ENCODINGS, self)
    }

    /// Whether the schemas are in a registry.
    pub fn needs_registry(self) -> bool {
        matches!(self, Self::Avro | Self::JsonSchema | Self::Protobuf)
    }
}

impl TopicFormat {
    /// Whether keys or values can be read only with a registry's help.
    pub fn needs_registry(self) -> bool {
        self.encoding.needs_registry() || self.key_encoding.needs_registry()
    }
}

impl FormatOverride {
    /// What is said under the table: `format`, or `route[0]`.
    pub(super) fn from_reader(reader: &mut Reader, table: &str) -> Self {
        let key = |name: &str| format!("{table}.{name}");
        Self {
            envelope: reader.read(&key("envelope"), one_of(&ENVELOPES)),
            encoding: reader.read(&key("encoding"), one_of(&ENCODINGS)),
            key_encoding: reader.read(&key("key_encoding"), one_of(&KEY_ENCODINGS)),
        }
    }

    /// The same, with what holds where nobody says anything.
    pub(super) fn with_defaults(self) -> Self {
        Self {
            envelope: Some(self.envelope.unwrap_or_default()),
            encoding: Some(self.encoding.unwrap_or_default()),
            ..self
        }
    }

    /// Of keys and values that are written so.
    pub fn of_encoding(encoding: Encoding) -> Self {
        Self {
            encoding: Some(encoding),
            ..Self::default()
        }
    }

    /// The format of topics of which this is said, and `others` of all. Keys are written as values are unless somebody
    /// says otherwise.
    pub fn apply_over(&self, others: Self) -> TopicFormat {
        let encoding = self.encoding.or(others.encoding).unwrap_or_default();
        let key_encoding = self.key_encoding.or(others.key_encoding);
        TopicFormat {
            envelope: self.envelope.or(others.envelope).unwrap_or_default(),
            encoding,
            key_encoding: key_encoding.unwrap_or(encoding),
        }
    }

    /// What is said, for people: nothing at all if nothing is.
    pub(super) fn describe(&self) -> String {
        let envelope = self.envelope.map(|it| ("envelope", it.name()));
        let encoding = self.encoding.map(|it| ("encoding", it.name()));
        let key_encoding = self.key_encoding.map(|it| ("key_encoding", it.name()));
        let said = [envelope, encoding, key_encoding].into_iter().flatten();
        said.map(|(key, word)| format!(" {key} {word}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn formats(text: &str) -> TopicFormat {
        let text = format!(
            "[kafka]\nbrokers = \"b:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://h/d\"\n{text}"
        );
        Config::parse(&text).unwrap().format_of("t")
    }

    #[test]
    fn a_route_says_what_its_own_topics_are_and_keys_are_written_as_values_are() {
        let avro = "[format]\nencoding = \"avro\"\n[format.registry]\nurl = \"http://r\"\n";
        let format = formats(avro);
        assert_eq!(
            (format.envelope, format.encoding, format.key_encoding),
            (Envelope::Debezium, Encoding::Avro, Encoding::Avro)
        );
        let route =
            "[[route]]\ntopic = \"t\"\ntable = \"t\"\nenvelope = \"flat\"\nencoding = \"json\"\n";
        let format = formats(&format!("{avro}{route}"));
        assert_eq!(
            (format.envelope, format.encoding, format.key_encoding),
            (Envelope::Flat, Encoding::Json, Encoding::Json)
        );
        let format = formats(&format!("{avro}{route}key_encoding = \"string\"\n"));
        assert_eq!(format.key_encoding, Encoding::Text);
        let of_others = route.replace("\"t\"\ntable", "\"u\"\ntable");
        assert_eq!(
            formats(&format!("{avro}{of_others}")).encoding,
            Encoding::Avro
        );
    }
}
