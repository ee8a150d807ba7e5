//! Single values as Connect's JsonConverter writes them, for what reads other encodings.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A whole number's digits.
pub fn push_integer(number: i64, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// The shortest digits that read as the same number; what JSON has no digits for as a string.
pub fn push_float(number: f32, out: &mut String) {
    if number.is_finite() {
        let _ = write!(out, "{number:?}");
    } else {
        out.push_str(not_finite(f64::from(number)));
    }
}

/// As [`push_float`].
pub fn push_double(number: f64, out: &mut String) {
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

/// A text in quotes, with its escapes.
pub fn push_string(text: &str, out: &mut String) {
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

/// Bytes as base64, in quotes.
pub fn push_base64(bytes: &[u8], out: &mut String) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

/// A uuid with hyphens, in quotes.
pub fn push_uuid(bytes: [u8; 16], out: &mut String) {
    let _ = write!(out, "\"{}\"", uuid::Uuid::from_bytes(bytes).hyphenated());
}
