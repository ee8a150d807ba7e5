//! Protobuf in Confluent's wire format, as ProtobufConverter and KafkaProtobufSerializer write it: behind the schema's id
//! stands which of its messages it is, and then the message.
//!
//! protox compiles a registered schema, prost-reflect reads messages by it. A message becomes the JSON text that Connect's
//! JsonConverter would have written of it, and is read on as such, with what its schema says of types: so one value path
//! serves this encoding, too.
//!
//! Fields that the schema doesn't know are passed over. A field without presence (a scalar of proto3 that isn't `optional`)
//! that isn't there has its default, as everywhere in Protobuf: nothing tells it from one that was set to it.

mod compile;
mod error;
mod fields;
mod index;
mod well_known;
mod write;

#[cfg(test)]
mod tests;

pub use compile::ProtobufSchema;
pub use error::{ProtobufError, ProtobufSchemaError};
