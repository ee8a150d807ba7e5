//! `[format]`: how records are to be understood.

use super::reader::Reader;
use super::registry::RegistryConfig;
use super::schemaless::{SchemalessColumns, SchemalessConfig};
use super::summary::Summary;
use super::units::show_duration;
use super::value::{Found, Refusal, allowed, one_of, parse_string, word_for};

/// `[format]`: envelope and encoding of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatConfig {
    /// What a record's value says about the change.
    pub envelope: Envelope,
    /// How keys and values are written.
    pub encoding: Encoding,
    /// The connector's `unavailable.value.placeholder`, as it is written there: octets in hexadecimal behind `hex:`.
    pub unavailable_placeholder: String,
    /// What JSON without schemas means, where the event doesn't tell.
    pub schemaless: SchemalessConfig,
    /// The same of single columns.
    pub schemaless_columns: SchemalessColumns,
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

/// Debezium's default.
const UNAVAILABLE_PLACEHOLDER: &str = "__debezium_unavailable_value";

impl Default for FormatConfig {
    fn default() -> Self {
        Self {
            envelope: Envelope::default(),
            encoding: Encoding::default(),
            unavailable_placeholder: UNAVAILABLE_PLACEHOLDER.to_owned(),
            schemaless: SchemalessConfig::default(),
            schemaless_columns: SchemalessColumns::default(),
            registry: None,
        }
    }
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
        summary.add(
            "format.unavailable_placeholder",
            &self.unavailable_placeholder,
        );
        self.schemaless.summarize(summary);
        self.schemaless_columns.summarize(summary);
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
        let unavailable_placeholder = reader.read_or(
            "format.unavailable_placeholder",
            default.unavailable_placeholder,
            parse_placeholder,
        );
        Self {
            envelope,
            encoding,
            unavailable_placeholder,
            schemaless: SchemalessConfig::from_reader(reader),
            schemaless_columns: SchemalessColumns::from_reader(reader),
            registry: RegistryConfig::from_reader(reader, encoding == Encoding::Avro),
        }
    }
}

fn parse_placeholder(found: &Found) -> Result<String, Refusal> {
    let text = parse_string(found)?;
    let is_hexadecimal = |octets: &str| {
        let digits = octets.bytes().all(|digit| digit.is_ascii_hexdigit());
        digits && !octets.is_empty() && octets.len().is_multiple_of(2)
    };
    match text.strip_prefix("hex:") {
        Some(octets) if !is_hexadecimal(octets) => {
            Err(allowed("text, or pairs of hexadecimal digits behind hex:"))
        }
        _ => Ok(text),
    }
}
