//! Avro in Confluent's wire format: a zero byte, four bytes of schema id, the datum.
//!
//! A schema is compiled once ([`Plan`]). A datum is then walked by its plan, straight from its bytes to
//! the JSON text of each field as Connect's JsonConverter would have written it, so that all that is
//! known of values (`src/rows/value.rs`) serves both encodings, and an event has one identity in both.
//!
//! Not apache-avro's `Value`: measured on an update of 8 columns it allocates 96 times (each field's name
//! is a `String` of its own, each nullable value a `Box`) before any text is written, and what is here
//! twice. Nor its `Schema`: of a primitive type it forgets all attributes, and `connect.name` is what tells
//! a date from a number. The tests take it as the reference: what it encodes is read here.
//!
//! Why: `docs/decisions/14`.

mod apicurio;
mod bytes;
mod compile;
mod decoder;
mod envelope;
mod error;
mod fields;
mod meaning;
mod names;
mod node;
mod plan;
mod scalar;
mod skip;
mod union;
mod write;

#[cfg(test)]
mod tests;

pub use apicurio::{Half, explain_missing_frame};
pub use decoder::{AvroDecoder, KnownSchema};
pub use error::{AvroError, AvroSchemaError};
pub use plan::{Plan, Texts};

/// What a registered schema is identified by. Never negative in Confluent's registry, whose type is Java's int.
pub type SchemaId = i32;

const MAGIC_BYTE: u8 = 0;

/// Takes a message apart into the id of its schema and its datum.
///
/// # Errors
/// It isn't in Confluent's wire format.
pub fn strip_frame(message: &[u8]) -> Result<(SchemaId, &[u8]), AvroError> {
    match message {
        [MAGIC_BYTE, rest @ ..] => {
            let Some((id, datum)) = rest.split_first_chunk() else {
                return Err(AvroError::Truncated);
            };
            match SchemaId::from_be_bytes(*id) {
                // no registry has a schema 0: it is the beginning of a longer id
                0 if datum.len() >= apicurio::ID_SURPLUS_BYTES => Err(AvroError::ApicurioId),
                id @ 0.. => Ok((id, datum)),
                _ => Err(AvroError::Id),
            }
        }
        [b'{' | b'"' | b'[', ..] => Err(AvroError::LooksLikeJson),
        [other, ..] => Err(AvroError::Magic(*other)),
        [] => Err(AvroError::Truncated),
    }
}
