//! One file a parser.

pub mod avro;
pub mod configuration;
pub mod connect_schema;
pub mod connectors;
pub mod envelopes;
pub mod headers;
pub mod registered;
pub mod registry;

/// An input of several parts, with a byte between them that no UTF-8 text has.
const BETWEEN_PARTS: u8 = 0xff;

/// The parts of an input; those that it lacks are empty.
fn split_input<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |byte| *byte == BETWEEN_PARTS);
    [(); N].map(|()| parts.next().unwrap_or_default())
}
