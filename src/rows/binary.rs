//! Columns of a statement's rows as arrays in Postgres' binary format. Values that are written the usual way go
//! as what they are, so that Postgres needn't parse them; a column that holds anything else goes as text, and
//! Postgres judges.
//!
//! Why: `docs/decisions/07`.

use std::str::FromStr;

use bytes::{BufMut as _, BytesMut};

use crate::rows::civil::Civil;

/// Postgres counts from 2000-01-01, [`Civil`] from 1970-01-01.
const DAYS_BEFORE_2000: i64 = 10_957;

/// What the elements of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Date,
    Timestamp,
    TimestampTz,
    Uuid,
}

/// A column's values, NULL or text as Postgres reads it.
#[derive(Debug, PartialEq)]
pub struct Column<'n> {
    /// One text for each row; `None` is NULL.
    pub texts: Vec<Option<&'n str>>,
    /// How the array's elements are sent.
    pub form: Form,
}

impl<'n> Column<'n> {
    /// `type_name` is the quoted name of the type that the texts are for.
    pub fn new(texts: Vec<Option<&'n str>>, type_name: &str) -> Self {
        let form = Form::for_type(type_name);
        let usual = |text: &&str| form.encode_text(text).is_some();
        let all = form == Form::Text || texts.iter().flatten().all(usual);
        Self {
            texts,
            form: if all { form } else { Form::Text },
        }
    }

    /// Appends the array as Postgres' `array_recv` reads it.
    pub fn write_array(&self, out: &mut BytesMut) {
        let text_bytes: usize = match self.form {
            Form::Text => self.texts.iter().flatten().map(|text| text.len()).sum(),
            _ => 16 * self.texts.len(),
        };
        out.reserve(20 + 4 * self.texts.len() + text_bytes);
        out.put_i32(1); // dimensions
        out.put_i32(i32::from(self.texts.iter().any(Option::is_none)));
        out.put_u32(self.form.catalogue_entry().1);
        out.put_i32(self.texts.len() as i32);
        out.put_i32(1); // the first index
        for text in &self.texts {
            match (text, self.form) {
                (None, _) => out.put_i32(-1),
                (Some(text), Form::Text) => put_element(out, text.as_bytes()),
                (Some(text), form) => {
                    let value = form.encode_text(text).unwrap_or_default();
                    put_element(out, value.as_bytes());
                }
            }
        }
    }
}

fn put_element(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(bytes.len() as i32);
    out.put_slice(bytes);
}

/// A value in Postgres' binary format.
#[derive(Default)]
struct Value {
    bytes: [u8; 16],
    length: usize,
}

impl Value {
    fn from_bytes<const N: usize>(value: [u8; N]) -> Self {
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(value)
            .for_each(|(to, from)| *to = from);
        Self { bytes, length: N }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Form {
    const ALL: [Self; 11] = [
        Self::Text,
        Self::Bool,
        Self::Int2,
        Self::Int4,
        Self::Int8,
        Self::Float4,
        Self::Float8,
        Self::Date,
        Self::Timestamp,
        Self::TimestampTz,
        Self::Uuid,
    ];

    /// `pg_type.typname` and `oid`, and the oid of the array, the same in every Postgres.
    fn catalogue_entry(self) -> (&'static str, u32, u32) {
        match self {
            Self::Text => ("text", 25, 1009),
            Self::Bool => ("bool", 16, 1000),
            Self::Int2 => ("int2", 21, 1005),
            Self::Int4 => ("int4", 23, 1007),
            Self::Int8 => ("int8", 20, 1016),
            Self::Float4 => ("float4", 700, 1021),
            Self::Float8 => ("float8", 701, 1022),
            Self::Date => ("date", 1082, 1182),
            Self::Timestamp => ("timestamp", 1114, 1115),
            Self::TimestampTz => ("timestamptz", 1184, 1185),
            Self::Uuid => ("uuid", 2950, 2951),
        }
    }

    fn for_type(type_name: &str) -> Self {
        let name = type_name
            .strip_prefix(r#""pg_catalog".""#)
            .and_then(|name| name.strip_suffix('"'));
        let form = Self::ALL
            .into_iter()
            .find(|form| name == Some(form.type_name()));
        form.unwrap_or(Self::Text)
    }

    /// `pg_type.typname` of an element.
    pub fn type_name(self) -> &'static str {
        self.catalogue_entry().0
    }

    /// `pg_type.oid` of the array type.
    pub fn array_oid(self) -> u32 {
        self.catalogue_entry().2
    }

    /// `None` for what isn't written the usual way, right or wrong.
    fn encode_text(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Text => return None,
            Self::Bool => Value::from_bytes([match text {
                "true" | "t" | "1" => 1,
                "false" | "f" | "0" => 0,
                _ => return None,
            }]),
            Self::Int2 => Value::from_bytes(text.parse::<i16>().ok()?.to_be_bytes()),
            Self::Int4 => Value::from_bytes(text.parse::<i32>().ok()?.to_be_bytes()),
            Self::Int8 => Value::from_bytes(text.parse::<i64>().ok()?.to_be_bytes()),
            Self::Float4 => {
                Value::from_bytes(parse_plain_number(text, f32::is_normal)?.to_be_bytes())
            }
            Self::Float8 => {
                Value::from_bytes(parse_plain_number(text, f64::is_normal)?.to_be_bytes())
            }
            Self::Date => Value::from_bytes(
                i32::try_from(parse_days(text.as_bytes())?)
                    .ok()?
                    .to_be_bytes(),
            ),
            Self::Timestamp => Value::from_bytes(parse_micros(text.as_bytes())?.to_be_bytes()),
            Self::TimestampTz => {
                let utc = text
                    .strip_suffix('Z')
                    .or_else(|| text.strip_suffix("+00"))?;
                Value::from_bytes(parse_micros(utc.as_bytes())?.to_be_bytes())
            }
            Self::Uuid => Value::from_bytes(parse_uuid(text.as_bytes())?),
        })
    }
}

/// A decimal number that means the same to Rust and to Postgres, which round alike: they differ about what
/// is too large or too small, and about words.
fn parse_plain_number<F: FromStr + Copy>(text: &str, is_normal: fn(F) -> bool) -> Option<F> {
    let of_number = |b| matches!(b, b'0'..=b'9' | b'-' | b'.' | b'e' | b'E' | b'+');
    let number = text.parse().ok()?;
    let usual = is_normal(number) || matches!(text, "0" | "0.0" | "-0.0");
    (usual && text.bytes().all(of_number)).then_some(number)
}

fn parse_digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, b| {
        b.is_ascii_digit()
            .then(|| number * 10 + i64::from(b - b'0'))
    })
}

/// `YYYY-MM-DD` in days since 2000.
fn parse_days(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else {
        return None;
    };
    let (month, day) = (parse_digits(&[m1, m2])?, parse_digits(&[d1, d2])?);
    let year = parse_digits(&[y1, y2, y3, y4]).filter(|year| *year > 0)?;
    let date = Civil::from_date(year, month as u8, day as u8)?;
    Some(date.to_days() - DAYS_BEFORE_2000)
}

/// `YYYY-MM-DD hh:mm:ss` with up to six decimal places, in microseconds since 2000.
fn parse_micros(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let (clock, fraction) = time.split_at_checked(9)?;
    let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *clock else {
        return None;
    };
    let (hours, minutes, seconds) = (
        parse_digits(&[h1, h2])?,
        parse_digits(&[m1, m2])?,
        parse_digits(&[s1, s2])?,
    );
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let fraction = match fraction {
        [] => 0,
        [b'.', places @ ..] if (1..=6).contains(&places.len()) => {
            parse_digits(places)? * 10_i64.pow(6 - places.len() as u32)
        }
        _ => return None,
    };
    let second = (parse_days(date)? * 24 + hours) * 3_600 + minutes * 60 + seconds;
    Some(second * 1_000_000 + fraction)
}

fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    Some(
        uuid::Uuid::try_parse_ascii(text)
            .ok()
            .filter(|_| text.len() == 36)?
            .into_bytes(),
    )
}

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;
