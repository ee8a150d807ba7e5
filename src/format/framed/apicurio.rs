//! The framings of Apicurio's own converters, which are none of Confluent's. They aren't read, but told by their name,
//! with the settings that mend them.
//!
//! At their defaults these converters write an id of eight bytes behind the magic byte. With `headers.enabled=true` they
//! write no frame at all, and the id into a header of the record.

use crate::format::framed::error::FrameError;
use crate::format::message_error::MessageError;
use crate::record::Record;

/// The bytes by which Apicurio's ids are longer than Confluent's.
pub(super) const ID_SURPLUS_BYTES: usize = 4;

/// Which converter wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The key's.
    Key,
    /// The value's.
    Value,
}

/// Whether a header tells the schema of the record's key, or of its value.
pub(super) fn has_id_header(record: &Record, half: Half) -> bool {
    let prefix = match half {
        Half::Key => "apicurio.key.",
        Half::Value => "apicurio.value.",
    };
    let tells_schema = |name: &str| {
        let what = name.strip_prefix(prefix);
        matches!(
            what,
            Some("globalId" | "contentId" | "contentHash" | "artifactId")
        )
    };
    record
        .headers
        .iter()
        .any(|header| tells_schema(&header.key))
}

/// What stands in the way of reading a message whose schema can't be had: maybe that it has no frame.
pub fn explain_missing_frame(error: MessageError, record: &Record, half: Half) -> MessageError {
    match error {
        MessageError::Frame(_)
        | MessageError::SchemaRefused(_)
        | MessageError::SchemaNotAsked(_)
            if has_id_header(record, half) =>
        {
            MessageError::Frame(FrameError::ApicurioHeader)
        }
        other => other,
    }
}
