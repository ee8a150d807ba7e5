//! `[format.schemaless]`: what JSON without schemas means, where the event doesn't tell.

use super::reader::Reader;
use super::summary::Summary;
use super::value::{one_of, word_for};

/// `[format.schemaless]`: what JSON without schemas means, where the event doesn't tell. What isn't set is never
/// guessed: a column that needs it stops its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemalessConfig {
    /// What a number for a timestamp counts, since 1970.
    pub timestamps: Option<TimeUnit>,
    /// What a number for a time of day counts, since midnight.
    pub times: Option<TimeUnit>,
    /// How decimals are written.
    pub decimals: Option<DecimalForm>,
    /// How bytes are written.
    pub bytes: Option<BytesForm>,
}

/// What a number for a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

/// How decimals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalForm {
    /// The unscaled number's bytes; the scale is the destination column's.
    Base64,
    /// Their digits, in quotes.
    String,
    /// JSON's numbers. What is in quotes is a text at the source, too.
    Number,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesForm {
    /// As Connect's JSON writes them, and `binary.handling.mode=base64`.
    Base64,
    /// `binary.handling.mode=hex`.
    Hex,
    /// `binary.handling.mode=base64-url-safe`.
    Base64UrlSafe,
}

const TIME_UNITS: [(&str, TimeUnit); 3] = [
    ("millis", TimeUnit::Millis),
    ("micros", TimeUnit::Micros),
    ("nanos", TimeUnit::Nanos),
];
const DECIMAL_FORMS: [(&str, DecimalForm); 3] = [
    ("base64", DecimalForm::Base64),
    ("string", DecimalForm::String),
    ("number", DecimalForm::Number),
];

const BYTES_FORMS: [(&str, BytesForm); 3] = [
    ("base64", BytesForm::Base64),
    ("hex", BytesForm::Hex),
    ("base64-url-safe", BytesForm::Base64UrlSafe),
];

const TIMESTAMPS: &str = "format.schemaless.timestamps";
const TIMES: &str = "format.schemaless.times";
const DECIMALS: &str = "format.schemaless.decimals";
const BYTES: &str = "format.schemaless.bytes";

impl SchemalessConfig {
    /// What that key could be set to, each with the configuration that has it set so; nothing if there is no
    /// such key.
    pub fn list_choices(self, key: &str) -> Vec<(&'static str, Self)> {
        let units = TIME_UNITS.map(|(word, unit)| (word, Some(unit)));
        match key {
            TIMESTAMPS => units
                .map(|(word, timestamps)| (word, Self { timestamps, ..self }))
                .to_vec(),
            TIMES => units
                .map(|(word, times)| (word, Self { times, ..self }))
                .to_vec(),
            DECIMALS => DECIMAL_FORMS
                .map(|(word, form)| {
                    (
                        word,
                        Self {
                            decimals: Some(form),
                            ..self
                        },
                    )
                })
                .to_vec(),
            BYTES => BYTES_FORMS
                .map(|(word, form)| {
                    (
                        word,
                        Self {
                            bytes: Some(form),
                            ..self
                        },
                    )
                })
                .to_vec(),
            _ => Vec::new(),
        }
    }

    pub(super) fn summarize(self, summary: &mut Summary) {
        let units = [(TIMESTAMPS, self.timestamps), (TIMES, self.times)];
        for (key, unit) in units {
            if let Some(unit) = unit {
                summary.add(key, word_for(&TIME_UNITS, unit));
            }
        }
        if let Some(form) = self.decimals {
            summary.add(DECIMALS, word_for(&DECIMAL_FORMS, form));
        }
        if let Some(form) = self.bytes {
            summary.add(BYTES, word_for(&BYTES_FORMS, form));
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        Self {
            timestamps: reader.read(TIMESTAMPS, one_of(&TIME_UNITS)),
            times: reader.read(TIMES, one_of(&TIME_UNITS)),
            decimals: reader.read(DECIMALS, one_of(&DECIMAL_FORMS)),
            bytes: reader.read(BYTES, one_of(&BYTES_FORMS)),
        }
    }
}
