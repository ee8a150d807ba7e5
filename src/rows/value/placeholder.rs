//! Debezium's placeholder for an unchanged value that is stored out of line, in each of its shapes.
//!
//! The shape follows the source's type, which the destination needn't share, so the shapes are told apart by
//! the JSON; a type of fixed size can't hold one. Which text it is, the connector's
//! `unavailable.value.placeholder` says, and `format.unavailable_placeholder` says the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bytes::to_hexadecimal;
use super::family::Family;
use super::json::Json;
use super::unescaped::{begins_with_text, says_text};
use crate::config::FormatConfig;
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::table::PgType;

/// What stands for an unchanged value, in each of its shapes.
#[derive(Clone, Debug)]
pub struct Placeholder {
    text: String,
    bytes: Vec<u8>,
    /// An hstore's JSON text.
    hstore: String,
    /// The bytes in base64,
    base64: String,
    /// and by the other two of `binary.handling.mode`, the one for URLs with and without its padding.
    other_bytes: [String; 3],
    /// The bytes' name-based uuid.
    uuid: String,
    /// The first of the bytes as a number, as an array of numbers begins.
    first_number: String,
    /// The same as an unscaled decimal, in quotes, as an array of decimals begins.
    first_decimal: String,
    /// By the first byte behind the quote of a string: in which of [`Placeholder::string_shapes`] it may be the
    /// placeholder, as bits. Nearly every value begins otherwise, and is asked about nothing else.
    may_be: Box<[u8; 256]>,
}

impl Placeholder {
    /// `setting` as the connector has it: octets in hexadecimal behind `hex:`, else the text itself.
    pub fn new(setting: &str) -> Self {
        let bytes = match setting.strip_prefix("hex:") {
            Some(octets) => read_hexadecimal(octets),
            None => setting.as_bytes().to_vec(),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        // as Java's UUID.nameUUIDFromBytes makes it, which knows no namespace
        let uuid = uuid::Builder::from_md5_bytes(Md5::digest(&bytes).into()).into_uuid();
        let mut placeholder = Self {
            hstore: format!("{{{quoted}:{quoted}}}"),
            base64: STANDARD.encode(&bytes),
            other_bytes: [
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
                to_hexadecimal("", &bytes),
            ],
            uuid: uuid.to_string(),
            first_decimal: bytes.first().map_or("\0".to_owned(), |byte| {
                format!("\"{}\"", STANDARD.encode([*byte]))
            }),
            first_number: bytes.first().map_or(0, |b| b.cast_signed()).to_string(),
            text,
            bytes,
            may_be: Box::new([0; 256]),
        };
        placeholder.note_beginnings();
        placeholder
    }

    /// What a string may say, those first that aren't bytes.
    fn string_shapes(&self) -> [&str; 6] {
        let [for_urls, without_padding, octets] = &self.other_bytes;
        [
            &self.text,
            &self.hstore,
            &self.base64,
            for_urls,
            without_padding,
            octets,
        ]
    }

    fn note_beginnings(&mut self) {
        let first = self.string_shapes().map(|shape| shape.bytes().next());
        for (bit, first) in first.into_iter().enumerate() {
            // a character may be escaped; the text may be empty, and the string ends then
            for byte in [b'\\', first.unwrap_or(b'"')] {
                if let Some(may_be) = self.may_be.get_mut(usize::from(byte)) {
                    *may_be |= 1 << bit;
                }
            }
        }
    }

    /// Whether this is the placeholder and no value.
    #[inline]
    pub(super) fn is_meant(&self, json: Json<'_>, field: Option<&Field>, column: &PgType) -> bool {
        // the type is asked last: hardly any value says what the placeholder does
        let says_placeholder = match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
            Json::String(quoted) => {
                let first = quoted.as_bytes().get(1).copied().unwrap_or_default();
                let may_be = self.may_be.get(usize::from(first)).copied();
                let may_be = may_be.unwrap_or_default();
                may_be != 0 && self.is_string(quoted, may_be, field, column)
            }
            Json::Array(raw) => self.is_array(raw, field, column),
            Json::Object(raw) => self.is_object(raw),
        };
        says_placeholder && !Family::of_column(column).is_fixed_size()
    }

    /// `may_be`: the shapes that come into question, as bits.
    fn is_string(&self, quoted: &str, may_be: u8, field: Option<&Field>, column: &PgType) -> bool {
        const TEXTS: usize = 2;
        let shapes = self.string_shapes().into_iter().enumerate();
        let mut asked = shapes.filter(|(bit, _)| may_be & (1 << bit) != 0);
        let said = asked.find(|(_, shape)| says_text(quoted, shape));
        said.is_some_and(|(bit, _)| bit < TEXTS || may_be_bytes(field, Family::of_column(column)))
    }

    fn is_array(&self, raw: &str, field: Option<&Field>, column: &PgType) -> bool {
        // An array that begins otherwise needn't be read twice.
        let begin = raw.trim_start_matches(['[', ' ', '\n', '\r', '\t']);
        let texts = [&self.text, &self.base64, &self.uuid];
        if !begin.starts_with(self.first_number.as_str())
            && !begin.starts_with(self.first_decimal.as_str())
            && !self.may_be_structs(begin)
            && !texts.iter().any(|text| begins_with_text(begin, text))
        {
            return false;
        }
        let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
            return false;
        };
        if let [only] = elements.as_slice() {
            let only = only.get();
            let is_uuid =
                || element_is(column, "uuid") || element_logical(field) == Some(Logical::Uuid);
            if says_text(only, &self.text)
                || says_text(only, &self.base64) && element_is(column, "bytea")
                || says_text(only, &self.uuid) && is_uuid()
            {
                return true;
            }
        }
        // Java's bytes have a sign
        let is_byte = |(number, byte): (&&RawValue, &u8)| {
            number.get().parse::<f64>() == Ok(f64::from(byte.cast_signed()))
        };
        let is_decimal = |(decimal, byte): (&&RawValue, &u8)| is_unscaled(decimal.get(), *byte);
        elements.len() == self.bytes.len()
            && (elements.iter().zip(&self.bytes).all(is_byte)
                || elements.iter().zip(&self.bytes).all(is_decimal))
    }

    /// Whether it begins with a decimal of variable scale that is the first of the bytes.
    fn may_be_structs(&self, begin: &str) -> bool {
        let first = begin.split('}').next().unwrap_or(begin);
        begin.starts_with('{') && first.contains(self.first_decimal.as_str())
    }

    /// An hstore as a map: `hstore.handling.mode=map`.
    fn is_object(&self, raw: &str) -> bool {
        let begin = raw.trim_start_matches(['{', ' ', '\n', '\r', '\t']);
        let read = |raw| serde_json::from_str::<BTreeMap<String, String>>(raw);
        begins_with_text(begin, &self.text)
            && read(raw).is_ok_and(|map| map.len() == 1 && map.get(&self.text) == Some(&self.text))
    }
}

impl Default for Placeholder {
    fn default() -> Self {
        Self::new(&FormatConfig::default().unavailable_placeholder)
    }
}

/// What isn't a pair of digits is left out; the configuration has none.
fn read_hexadecimal(octets: &str) -> Vec<u8> {
    let pairs = octets.as_bytes().chunks(2);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(octet).collect()
}

/// Not a decimal, whose bytes can be any.
fn may_be_bytes(field: Option<&Field>, family: Family) -> bool {
    let bytes_without_meaning = |field: &Field| {
        field.kind == Kind::Bytes && matches!(field.logical, None | Some(Logical::Other))
    };
    family == Family::Bytea || field.is_some_and(bytes_without_meaning)
}

/// Whether a decimal's unscaled digits, alone or in a struct beside their scale, are the byte.
fn is_unscaled(raw: &str, byte: u8) -> bool {
    #[derive(Deserialize)]
    struct Parts<'a> {
        value: Cow<'a, str>,
    }
    let text = match raw.strip_prefix('"') {
        Some(rest) => rest.trim_end_matches('"').to_owned(),
        None => match serde_json::from_str::<Parts<'_>>(raw) {
            Ok(parts) => parts.value.into_owned(),
            Err(_) => return false,
        },
    };
    STANDARD.decode(text).is_ok_and(|bytes| bytes == [byte])
}

fn element_is(column: &PgType, name: &str) -> bool {
    column
        .element
        .as_ref()
        .is_some_and(|element| element.name == name)
}

fn element_logical(field: Option<&Field>) -> Option<Logical> {
    match &field?.kind {
        Kind::Array(element) => element.logical,
        _ => None,
    }
}

#[cfg(test)]
#[path = "placeholder_tests.rs"]
mod tests;
