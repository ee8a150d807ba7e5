//! `[format]`: how records are to be understood.

use super::reader::Reader;
use super::registry::RegistryConfig;
use super::summary::Summary;
use super::units::show_duration;
use super::value::{one_of, word_for};

/// `[format]`: envelope and encoding of the records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormatConfig {
    /// What a record's value says about the change.
    pub envelope: Envelope,
    /// How keys and values are written.
    pub encoding: Encoding,
    /// Always there if the encoding is Avro.
    pub registry: Option<RegistryConfig>,
}

/// What a record's value says about the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    #[default]
    Debezium,
}

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Json,
    /// In Confluent's wire format.
    Avro,
}

const ENVELOPES: [(&str, Envelope); 1] = [("debezium", Envelope::Debezium)];
const ENCODINGS: [(&str, Encoding); 2] = [("json", Encoding::Json), ("avro", Encoding::Avro)];

impl FormatConfig {
    /// The registry that records need.
    pub fn registry_in_use(&self) -> Option<&RegistryConfig> {
        let needs = self.encoding == Encoding::Avro;
        self.registry.as_ref().filter(|_| needs)
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("format.envelope", word_for(&ENVELOPES, self.envelope));
        summary.add("format.encoding", word_for(&ENCODINGS, self.encoding));
        if let Some(registry) = self.registry_in_use() {
            summary.add("format.registry.url", registry.display_urls());
            if let Some(login) = &registry.login {
                summary.add("format.registry.username", &login.username);
            }
            summary.add("format.registry.timeout", show_duration(registry.timeout));
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        let envelope = reader.read_or("format.envelope", default.envelope, one_of(&ENVELOPES));
        let encoding = reader.read_or("format.encoding", default.encoding, one_of(&ENCODINGS));
        Self {
            envelope,
            encoding,
            registry: RegistryConfig::from_reader(reader, encoding == Encoding::Avro),
        }
    }
}
