//! Single values as Connect's JsonConverter writes them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::format::avro::bytes::Bytes;
use crate::format::avro::error::AvroError;

pub(super) fn push_integer(number: i64, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// The shortest digits that read as the same number; what JSON has no digits for as a string.
pub(super) fn push_float(number: f32, out: &mut String) {
    if number.is_finite() {
        let _ = write!(out, "{number:?}");
    } else {
        out.push_str(not_finite(f64::from(number)));
    }
}

pub(super) fn push_double(number: f64, out: &mut String) {
    if number.is_finite() {
        let _ = write!(out, "{number:?}");
    } else {
        out.push_str(not_finite(number));
    }
}

fn not_finite(number: f64) -> &'static str {
    match number {
        n if n.is_nan() => "\"NaN\"",
        n if n > 0.0 => "\"Infinity\"",
        _ => "\"-Infinity\"",
    }
}

pub(super) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    push_escaped(text, out);
    out.push('"');
}

fn is_special(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Where the first byte is that must be escaped. Byte by byte where they are dense, as in a JSON document;
/// else chunk by chunk, since a chunk's bytes are compared at once.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 32;
    let near = bytes.iter().take(CHUNK).position(is_special);
    if near.is_some() || bytes.len() <= CHUNK {
        return near;
    }
    let has_special = |chunk: &[u8]| chunk.iter().fold(false, |any, b| any | is_special(b));
    let plain = bytes.chunks(CHUNK).take_while(|chunk| !has_special(chunk));
    let start = plain.map(<[u8]>::len).sum();
    let rest = bytes.get(start..)?;
    Some(start + rest.iter().position(is_special)?)
}

fn push_escaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = first_special(rest.as_bytes()) {
        // a special one is a character of its own: ASCII
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = from.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

pub(super) fn push_base64(bytes: &[u8], out: &mut String) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

pub(super) fn push_uuid(bytes: [u8; 16], out: &mut String) {
    let _ = write!(out, "\"{}\"", uuid::Uuid::from_bytes(bytes).hyphenated());
}

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
