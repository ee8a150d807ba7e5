//! Avro's datums, as they stand in Confluent's wire format (`src/format/framed.rs`).
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

mod bytes;
mod compile;
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

pub use error::{AvroError, AvroSchemaError};
pub use plan::{Plan, Texts};
