//! The type of a column by what its values mean and how they are written. Each takes every value that the schema allows,
//! by the conversions of [`crate::rows::value`].

use super::column_type::{ColumnType, ExtensionTypes};
use super::native::type_by_source;
use crate::format::schema::{Field, Kind, Logical};

/// What is known besides the field.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) extensions: &'a ExtensionTypes,
    /// [`Change::of_binlog`](crate::format::change::Change::of_binlog).
    pub(super) of_binlog: bool,
}

/// The type of the column for such a field; `None`: nothing tells.
pub(super) fn type_of_field(field: &Field, known: Known<'_>) -> Option<ColumnType> {
    let told = |in_array, element| {
        let source = field.source.as_deref()?;
        type_by_source(element, source, in_array, known.extensions)
    };
    if let Some(native) = told(false, field) {
        return Some(native);
    }
    if let Some(logical) = field.logical
        && let Some(found) = type_by_logical(field, logical, known)
    {
        return Some(found);
    }
    match &field.kind {
        Kind::Array(element) => {
            let of_element = told(true, element).or_else(|| type_of_field(element, known))?;
            Some(match is_listed(&of_element, element) {
                true => of_element.array_of(),
                false => ColumnType::plain("jsonb"),
            })
        }
        kind => type_by_kind(kind).map(ColumnType::plain),
    }
}

/// Whether an array of Postgres' has such elements: arrays within it would have to be of one length, and documents are
/// one document.
fn is_listed(of_element: &ColumnType, element: &Field) -> bool {
    let is_document = of_element.name == "jsonb" && element.logical != Some(Logical::Json);
    !of_element.is_array && !is_document
}

fn type_by_logical(
    field: &Field,
    logical: Logical,
    Known {
        extensions,
        of_binlog,
    }: Known<'_>,
) -> Option<ColumnType> {
    let or_plain = |of_extension: &'static str, other: &'static str| {
        let found = extensions.find(of_extension);
        found.unwrap_or(ColumnType::plain(other))
    };
    Some(match logical {
        Logical::Date | Logical::ConnectDate => ColumnType::plain("date"),
        // MySQL's TIME is a span of up to 838 hours, also a negative one. Postgres' `time` has the same name, its schema
        // is the same, and `column.propagate.source.type` calls both TIME: only the log tells whose it is. (The units
        // of `time.precision.mode=connect` have nulls in place of such spans.)
        Logical::MicroTime | Logical::NanoTime if of_binlog => ColumnType::plain("interval"),
        Logical::Time | Logical::MicroTime | Logical::NanoTime | Logical::ConnectTime => {
            ColumnType::plain("time")
        }
        Logical::Timestamp
        | Logical::MicroTimestamp
        | Logical::NanoTimestamp
        | Logical::ConnectTimestamp => ColumnType::plain("timestamp"),
        Logical::ZonedTime => ColumnType::plain("timetz"),
        Logical::ZonedTimestamp => ColumnType::plain("timestamptz"),
        Logical::MicroDuration | Logical::NanoDuration | Logical::Interval => {
            ColumnType::plain("interval")
        }
        Logical::Decimal => {
            let precision = field.source.as_ref().and_then(|source| source.precision);
            ColumnType::numeric(precision, field.scale)
        }
        Logical::VariableScaleDecimal => ColumnType::plain("numeric"),
        Logical::Bits => ColumnType::bits("bit", field.length),
        Logical::Json => ColumnType::plain("jsonb"),
        Logical::Xml => ColumnType::plain("xml"),
        Logical::Uuid => ColumnType::plain("uuid"),
        Logical::Enum | Logical::EnumSet => ColumnType::plain("text"),
        Logical::TsVector => ColumnType::plain("tsvector"),
        Logical::Point => ColumnType::plain("point"),
        Logical::Ltree => or_plain("ltree", "text"),
        // a struct, which bytea takes in no form
        Logical::Geometry => or_plain("geometry", "jsonb"),
        Logical::Geography => or_plain("geography", "jsonb"),
        Logical::SparseVector => or_plain("sparsevec", "jsonb"),
        Logical::DoubleVector | Logical::FloatVector => extensions.find("vector")?,
        Logical::Year | Logical::Other => return None,
    })
}

fn type_by_kind(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Int8 | Kind::Int16 => "int2",
        Kind::Int32 => "int4",
        Kind::Int64 => "int8",
        Kind::Float => "float4",
        Kind::Double => "float8",
        Kind::Boolean => "bool",
        Kind::String => "text",
        Kind::Bytes => "bytea",
        Kind::Map(_) | Kind::Struct(_) | Kind::Array(_) => "jsonb",
        Kind::Unknown => return None,
    })
}
