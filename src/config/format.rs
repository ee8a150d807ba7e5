//! `[format]`: how records are to be understood.

use super::reader::Reader;
use super::registry::RegistryConfig;
use super::value::one_of;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormatConfig {
    pub envelope: Envelope,
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
