//! `[format.schemaless]`: what JSON without schemas means, where the event doesn't tell.

use std::collections::BTreeMap;

use figment::value::Value;

use super::reader::Reader;
use super::summary::Summary;
use super::value::{Found, Refusal, allowed, because, one_of, word_for};
use crate::table_name::TableName;

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
    /// The scale that decimals in base64 have at the source, where it is known of a column.
    pub scale: Option<i32>,
}

/// What `[format.schemaless]` says of single columns, by `column` or by `schema.table.column` of the destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemalessColumns {
    scales: BTreeMap<String, i32>,
    units: BTreeMap<String, TimeUnit>,
}

impl SchemalessColumns {
    /// What the column's values mean, where `others` is what those of other columns mean.
    pub fn settings_of(
        &self,
        table: &TableName,
        column: &str,
        others: SchemalessConfig,
    ) -> SchemalessConfig {
        if self.scales.is_empty() && self.units.is_empty() {
            return others;
        }
        let unit = find_column(&self.units, table, column);
        SchemalessConfig {
            timestamps: unit.or(others.timestamps),
            times: unit.or(others.times),
            scale: find_column(&self.scales, table, column),
            ..others
        }
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        for (column, scale) in &self.scales {
            summary.add(&format!("{SCALES}.{column}"), scale);
        }
        for (column, unit) in &self.units {
            summary.add(&format!("{UNITS}.{column}"), word_for(&TIME_UNITS, *unit));
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        Self {
            scales: read_columns(reader, SCALES, parse_scale).unwrap_or_default(),
            units: read_columns(reader, UNITS, |found| one_of(&TIME_UNITS)(found))
                .unwrap_or_default(),
        }
    }
}

/// The name with its table says more than the name alone.
fn find_column<T: Copy>(said: &BTreeMap<String, T>, table: &TableName, column: &str) -> Option<T> {
    let whole = format!("{}.{}.{column}", table.schema, table.name);
    said.get(&whole).or_else(|| said.get(column)).copied()
}

/// A table of columns and what is said of each. Without quotes, a name's dots make tables in tables.
fn read_columns<T>(
    reader: &mut Reader,
    key: &str,
    parse: impl Fn(&Found) -> Result<T, Refusal>,
) -> Option<BTreeMap<String, T>> {
    reader.read(key, |found| {
        let Value::Dict(_, dict) = found.value else {
            return Err(allowed("a table of columns"));
        };
        let mut columns = BTreeMap::new();
        let mut tables = vec![(String::new(), dict)];
        while let Some((prefix, dict)) = tables.pop() {
            for (name, value) in dict {
                let name = format!("{prefix}{name}");
                if let Value::Dict(_, inner) = value {
                    tables.push((format!("{name}."), inner));
                    continue;
                }
                let parts = name.split('.').count();
                if name.split('.').any(str::is_empty) || !matches!(parts, 1 | 3) {
                    let names = "column or schema.table.column";
                    return Err(because(format!(
                        "{name:?} names no column; allowed: {names}"
                    )));
                }
                let one = Found {
                    value,
                    from_environment: found.from_environment,
                };
                let said = parse(&one).map_err(|refusal| match refusal {
                    Refusal::Allowed(text) => because(format!("{name}: allowed: {text}")),
                    because => because,
                })?;
                columns.insert(name, said);
            }
        }
        Ok(columns)
    })
}

fn parse_scale(found: &Found) -> Result<i32, Refusal> {
    let number = match found.value {
        Value::Num(_, number) => number.to_i128(),
        Value::String(_, text) if found.from_environment => text.parse().ok(),
        _ => None,
    };
    let scale = number.and_then(|number| i32::try_from(number).ok());
    let scale = scale.filter(|scale| (-1_000..=16_383).contains(scale));
    scale.ok_or(allowed("a whole number from -1000 to 16383"))
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
    /// The unscaled number's bytes; the scale is the one that is set for the column, or else the destination column's.
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
const SCALES: &str = "format.schemaless.scales";
const UNITS: &str = "format.schemaless.units";

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
            scale: None,
        }
    }
}
