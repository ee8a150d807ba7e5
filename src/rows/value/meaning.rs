//! What a value means: by its logical type, else by what the JSON looks like for its column and by what the
//! configuration says of such.

use super::error::ValueError;
use super::family::Family;
use super::json::Json;
use super::numbers::is_variable_scale;
use super::times::Unit;
use super::units;
use crate::config::SchemalessConfig;
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::table::PgType;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning<'f> {
    /// The string's content, the number's digits, the boolean's word: Postgres reads it.
    Plain,
    /// A negative number that stands for the one 2^64 above it.
    Wrapped,
    /// A word of MySQL's ENUM, whose commas may be written with a backslash.
    Word,
    /// A set's words with commas between them, for an array.
    Set,
    /// A uuid as text, or its bytes in base64.
    UuidText,
    /// A string that holds a JSON document.
    JsonText,
    /// A string that is a text, for a column of documents.
    JsonString,
    Date,
    Time(Unit),
    Timestamp(Unit),
    /// A date, a time, or both, as an ISO 8601 string.
    Iso,
    /// The same, of this family, within the text of an array or a range.
    IsoWithin(Family),
    Duration(Unit),
    Decimal {
        scale: Option<i32>,
    },
    VariableScaleDecimal,
    /// An object for a column of numbers and no schema to tell what it is.
    UndeclaredStruct,
    /// A string for a numeric column and no schema to tell how it is written.
    UndeclaredDecimal,
    /// Bytes for a numeric column, of no scale that a schema tells.
    UndeclaredBytes,
    Bytes,
    /// Bytes in a string, whose encoding no schema tells.
    EncodedBytes,
    /// `declared`: a schema says that these are bits.
    Bits {
        length: Option<i32>,
        declared: bool,
    },
    Hstore,
    Array {
        element: Option<&'f Field>,
    },
    Vector,
    SparseVector,
    Point,
    Geometry,
}

impl Meaning<'_> {
    /// Postgres reads nearly any text as bytes, decimal digits as bits, a number as an interval, and a moment as the
    /// time that it has: there we must object ourselves.
    pub(super) fn suits_family(self, family: Family) -> bool {
        use Family as F;
        match family {
            F::Bytea => matches!(
                self,
                Meaning::Plain | Meaning::Bytes | Meaning::EncodedBytes
            ),
            F::Bit | F::Varbit => matches!(self, Meaning::Plain | Meaning::Bits { .. }),
            _ if self.is_decimal() => {
                family.is_number() || matches!(family, F::Money | F::Text | F::Json | F::Boolean)
            }
            F::Time | F::TimeTz => !matches!(
                self,
                Meaning::Date | Meaning::Timestamp(_) | Meaning::Duration(_)
            ),
            F::Date | F::Timestamp | F::TimestampTz => {
                !matches!(self, Meaning::Time(_) | Meaning::Duration(_))
            }
            F::Interval => !matches!(self, Meaning::Date | Meaning::Timestamp(_)),
            _ => true,
        }
    }

    /// Whether it is a number of decimal digits.
    pub(super) fn is_decimal(self) -> bool {
        matches!(
            self,
            Meaning::Decimal { .. }
                | Meaning::VariableScaleDecimal
                | Meaning::UndeclaredStruct
                | Meaning::UndeclaredDecimal
                | Meaning::UndeclaredBytes
        )
    }

    /// How an error names it, where that says more than what JSON calls it.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            meaning if meaning.is_decimal() => Some("a decimal"),
            Meaning::Date => Some("a date"),
            Meaning::Time(_) => Some("a time"),
            Meaning::Timestamp(_) => Some("a timestamp"),
            Meaning::Duration(_) => Some("an interval"),
            _ => None,
        }
    }
}

pub(super) fn find_meaning<'f>(
    json: Json<'_>,
    field: Option<&'f Field>,
    family: Family,
    column: &PgType,
    schemaless: SchemalessConfig,
) -> Result<Meaning<'f>, ValueError> {
    let logical = field.and_then(|field| Some((field, field.logical?)));
    if family == Family::Json && matches!(json, Json::String(_)) && is_text(logical) {
        return Ok(Meaning::JsonString);
    }
    match logical.and_then(|(field, logical)| by_logical(json, field, logical, family)) {
        Some(meaning) => Ok(meaning),
        None if is_wrapped(json, field, family) => Ok(Meaning::Wrapped),
        None => {
            let kind = field.map(|field| &field.kind);
            by_column(json, kind, family, column, schemaless)
        }
    }
}

fn is_wrapped(json: Json<'_>, field: Option<&Field>, family: Family) -> bool {
    let is_negative = matches!(json, Json::Number(digits) if digits.starts_with('-'));
    is_negative
        && (family.is_number() || matches!(family, Family::Money | Family::Text | Family::Json))
        && field.is_some_and(Field::wraps_unsigned)
}

/// Whether the schema says of a string what it is, and that it is no document.
fn is_text(logical: Option<(&Field, Logical)>) -> bool {
    logical.is_some_and(|(field, logical)| {
        field.kind == Kind::String && !matches!(logical, Logical::Json | Logical::Other)
    })
}

/// Nothing, where the logical type leaves it to the column.
fn by_logical(
    json: Json<'_>,
    field: &Field,
    logical: Logical,
    family: Family,
) -> Option<Meaning<'static>> {
    let meaning = match logical {
        Logical::Date | Logical::ConnectDate => Meaning::Date,
        Logical::Time | Logical::ConnectTime => Meaning::Time(Unit::Millis),
        Logical::MicroTime => Meaning::Time(Unit::Micros),
        Logical::NanoTime => Meaning::Time(Unit::Nanos),
        Logical::Timestamp | Logical::ConnectTimestamp => Meaning::Timestamp(Unit::Millis),
        Logical::MicroTimestamp => Meaning::Timestamp(Unit::Micros),
        Logical::NanoTimestamp => Meaning::Timestamp(Unit::Nanos),
        Logical::MicroDuration => Meaning::Duration(Unit::Micros),
        Logical::NanoDuration => Meaning::Duration(Unit::Nanos),
        Logical::Decimal => Meaning::Decimal { scale: field.scale },
        Logical::VariableScaleDecimal => Meaning::VariableScaleDecimal,
        Logical::Bits => Meaning::Bits {
            length: field.length,
            declared: true,
        },
        Logical::Enum if field.is_of_mysql_enum() => Meaning::Word,
        Logical::EnumSet if family == Family::Array => Meaning::Set,
        Logical::Json if family == Family::Hstore => Meaning::Hstore,
        Logical::Json => Meaning::JsonText,
        Logical::Point if family == Family::Geometry => Meaning::Geometry,
        Logical::Point => Meaning::Point,
        Logical::Geometry | Logical::Geography => Meaning::Geometry,
        Logical::DoubleVector | Logical::FloatVector if family == Family::Vector => Meaning::Vector,
        Logical::SparseVector => Meaning::SparseVector,
        // Not the number of days that a date column would take it for.
        Logical::Year => Meaning::Plain,
        _ => return None,
    };
    let structured = matches!(json, Json::Object(_) | Json::Array(_));
    match meaning {
        // A date or time as a number, for a column of numbers, is wanted as that number.
        Meaning::Date | Meaning::Time(_) | Meaning::Timestamp(_) | Meaning::Duration(_)
            if family.is_number() || family == Family::Json =>
        {
            Some(Meaning::Plain)
        }
        Meaning::Date | Meaning::Timestamp(_) if matches!(json, Json::String(_)) => {
            Some(Meaning::Iso)
        }
        Meaning::Time(_) if matches!(json, Json::String(_)) && family == Family::Time => {
            Some(Meaning::Iso)
        }
        Meaning::Time(_) | Meaning::Duration(_) if matches!(json, Json::String(_)) => {
            Some(Meaning::Plain)
        }
        Meaning::Point | Meaning::Geometry | Meaning::SparseVector
            if family == Family::Json || !structured =>
        {
            Some(Meaning::Plain)
        }
        meaning => Some(meaning),
    }
}

fn by_column<'f>(
    json: Json<'_>,
    kind: Option<&'f Kind>,
    family: Family,
    column: &PgType,
    schemaless: SchemalessConfig,
) -> Result<Meaning<'f>, ValueError> {
    if kind == Some(&Kind::Bytes)
        && !matches!(
            family,
            Family::Bit | Family::Varbit | Family::Numeric | Family::Money
        )
    {
        return Ok(Meaning::Bytes);
    }
    Ok(match json {
        Json::Number(_) => number_meaning(json, kind, family, schemaless)?,
        Json::String(_) => string_meaning(kind, family, column),
        Json::Array(_) => match (family, kind) {
            (Family::Array, Some(Kind::Array(element))) => Meaning::Array {
                element: Some(element),
            },
            (Family::Array, _) => Meaning::Array { element: None },
            (Family::Vector, _) => Meaning::Vector,
            // A map whose keys aren't strings is written as pairs.
            (Family::Hstore, _) => Meaning::Hstore,
            _ => Meaning::Plain,
        },
        Json::Object(_) => match family {
            Family::Hstore => Meaning::Hstore,
            Family::Integer | Family::Float | Family::Numeric | Family::Money => match kind {
                Some(kind) if is_variable_scale(kind) => Meaning::VariableScaleDecimal,
                None | Some(Kind::Unknown) => Meaning::UndeclaredStruct,
                Some(_) => Meaning::Plain,
            },
            Family::Point => Meaning::Point,
            Family::Geometry => Meaning::Geometry,
            Family::SparseVector => Meaning::SparseVector,
            _ => Meaning::Plain,
        },
        Json::Null | Json::Bool(_) => Meaning::Plain,
    })
}

fn number_meaning(
    json: Json<'_>,
    kind: Option<&Kind>,
    family: Family,
    schemaless: SchemalessConfig,
) -> Result<Meaning<'static>, ValueError> {
    Ok(match family {
        Family::Date => {
            units::check_day(json)?;
            Meaning::Date
        }
        Family::Time | Family::TimeTz => Meaning::Time(units::time_unit(kind, schemaless)?),
        Family::Timestamp | Family::TimestampTz => {
            Meaning::Timestamp(units::timestamp_unit(json, schemaless)?)
        }
        Family::Interval => Meaning::Duration(units::interval_unit(schemaless)?),
        _ => Meaning::Plain,
    })
}

fn string_meaning(kind: Option<&Kind>, family: Family, column: &PgType) -> Meaning<'static> {
    let is_string = kind == Some(&Kind::String);
    if let Some(inner) = Family::of_moments_within(column) {
        return Meaning::IsoWithin(inner);
    }
    match family {
        Family::Date | Family::Time | Family::Timestamp | Family::TimestampTz => Meaning::Iso,
        Family::Hstore => Meaning::Hstore,
        Family::Bytea => Meaning::EncodedBytes,
        Family::Uuid => Meaning::UuidText,
        Family::Numeric | Family::Money if kind == Some(&Kind::Bytes) => Meaning::UndeclaredBytes,
        Family::Numeric | Family::Money if !is_string => Meaning::UndeclaredDecimal,
        Family::Integer | Family::Float if matches!(kind, None | Some(Kind::Unknown)) => {
            Meaning::UndeclaredDecimal
        }
        Family::Bit if !is_string => Meaning::Bits {
            length: Some(column.modifier),
            declared: false,
        },
        Family::Varbit if !is_string => Meaning::Bits {
            length: None,
            declared: false,
        },
        _ => Meaning::Plain,
    }
}
