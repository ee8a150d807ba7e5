//! `[format]`: how records are to be understood.

use super::reader::Reader;
use super::value::choice;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormatConfig {
    pub envelope: Envelope,
    pub encoding: Encoding,
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
}

const ENVELOPES: [(&str, Envelope); 1] = [("debezium", Envelope::Debezium)];
const ENCODINGS: [(&str, Encoding); 1] = [("json", Encoding::Json)];

impl FormatConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        Self {
            envelope: reader.read_or("format.envelope", default.envelope, choice(&ENVELOPES)),
            encoding: reader.read_or("format.encoding", default.encoding, choice(&ENCODINGS)),
        }
    }
}
