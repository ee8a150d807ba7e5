//! Single values that only Avro has, as Connect's JsonConverter would write them.

use std::fmt::Write as _;

use crate::format::avro::bytes::Bytes;
use crate::format::avro::error::AvroError;
use crate::format::json_text::{push_base64, push_integer};

/// As ISO 8601 has it: `"P1M2DT3.004S"`.
pub(super) fn push_duration(bytes: [u8; 12], out: &mut String) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let months = u32::from_le_bytes([a, b, c, d]);
    let days = u32::from_le_bytes([e, f, g, h]);
    let milliseconds = u32::from_le_bytes([i, j, k, l]);
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let _ = write!(out, "\"P{months}M{days}DT{seconds}.{rest:03}S\"");
}

/// An integer's bytes and a scale, as Debezium writes a decimal that has its own scale.
pub(super) fn push_big_decimal(bytes: &[u8], out: &mut String) -> Result<(), AvroError> {
    let mut inner = Bytes::new(bytes);
    let unscaled = inner.read_bytes()?;
    let scale = inner.read_int()?;
    if inner.bytes_left() > 0 {
        return Err(AvroError::Trailing(inner.bytes_left()));
    }
    out.push_str("{\"scale\":");
    push_integer(scale.into(), out);
    out.push_str(",\"value\":");
    push_base64(unscaled, out);
    out.push('}');
    Ok(())
}
