//! Types by what the source calls them (`column.propagate.source.type`), where that says more than how values are
//! written: lengths, digits, and types whose values are written as texts. Names are Postgres' and MySQL's, as Debezium
//! writes them, in capitals.

use super::column_type::{ColumnType, ExtensionTypes};
use crate::format::schema::{Field, Kind, Logical, SourceColumn};

/// The type of a column of the source's; `None`: how its values are written says as much, or it is for values that are
/// written otherwise. `in_array`: the column is an array of what the field is.
pub(super) fn type_by_source(
    field: &Field,
    source: &SourceColumn,
    in_array: bool,
    extensions: &ExtensionTypes,
) -> Option<ColumnType> {
    let name = without_sizes(source.type_name.as_deref()?);
    let name = if in_array {
        name.strip_prefix('_')?
    } else {
        &name
    };
    // a transform may have given it another scale
    let scale = field
        .scale
        .filter(|_| field.logical == Some(Logical::Decimal));
    let scale = scale.or(source.scale);
    let found = find_type(name, source.length, scale, extensions)?;
    suits(&found, field).then_some(found)
}

fn find_type(
    name: &str,
    length: Option<i32>,
    scale: Option<i32>,
    extensions: &ExtensionTypes,
) -> Option<ColumnType> {
    let name = name.trim_end_matches(" ZEROFILL");
    Some(match name {
        "VARCHAR" | "CHARACTER VARYING" | "NVARCHAR" => ColumnType::characters("varchar", length),
        "BPCHAR" | "CHAR" | "CHARACTER" | "NCHAR" => ColumnType::characters("bpchar", length),
        // Debezium has them as a long, in which the upper half is negative, or as a decimal
        "BIGINT UNSIGNED" | "INT8 UNSIGNED" => ColumnType::numeric(Some(20), Some(0)),
        "BIT" => ColumnType::bits("bit", length),
        "VARBIT" => ColumnType::bits("varbit", length),
        "HSTORE" => extensions.find("hstore")?,
        "CITEXT" => extensions.find("citext")?,
        // Postgres', which keeps the text: blanks, order, doubled names. MySQL's keeps none of them, and has no length
        "JSON" if length.is_some() => ColumnType::plain("json"),
        "DATETIME" => ColumnType::plain("timestamp"),
        name if is_numeric(name) => ColumnType::numeric(length, scale.or(Some(0))),
        name => ColumnType::plain(written_as_text(name)?),
    })
}

fn is_numeric(name: &str) -> bool {
    let name = name.trim_end_matches(" UNSIGNED");
    ["NUMERIC", "DECIMAL", "DEC", "FIXED"].contains(&name)
}

/// Types whose values are texts, and which Postgres reads.
fn written_as_text(name: &str) -> Option<&'static str> {
    Some(match name {
        "CIDR" => "cidr",
        "DATE" => "date",
        "DATEMULTIRANGE" => "datemultirange",
        "DATERANGE" => "daterange",
        "INET" => "inet",
        "INT4MULTIRANGE" => "int4multirange",
        "INT4RANGE" => "int4range",
        "INT8MULTIRANGE" => "int8multirange",
        "INT8RANGE" => "int8range",
        "MACADDR" => "macaddr",
        "MACADDR8" => "macaddr8",
        "MONEY" => "money",
        "NUMMULTIRANGE" => "nummultirange",
        "NUMRANGE" => "numrange",
        "TIME" => "time",
        "TIMETZ" => "timetz",
        "TIMESTAMP" => "timestamp",
        "TIMESTAMPTZ" => "timestamptz",
        "TSMULTIRANGE" => "tsmultirange",
        "TSRANGE" => "tsrange",
        "TSTZMULTIRANGE" => "tstzmultirange",
        "TSTZRANGE" => "tstzrange",
        _ => return None,
    })
}

/// Whether values that are written as the field says go into such a column: the connector's settings, and transforms
/// between it and us, decide how they are written.
fn suits(found: &ColumnType, field: &Field) -> bool {
    let is_untold = matches!(field.logical, None | Some(Logical::Other));
    let is_text = field.kind == Kind::String && is_untold;
    match found.name {
        "numeric" | "money" => is_text || is_number(field),
        "bit" | "varbit" => field.logical == Some(Logical::Bits) || field.kind == Kind::Boolean,
        "json" => field.logical == Some(Logical::Json),
        "hstore" => field.logical == Some(Logical::Json) || matches!(field.kind, Kind::Map(_)),
        _ => is_text,
    }
}

fn is_number(field: &Field) -> bool {
    match field.logical {
        Some(Logical::Decimal | Logical::VariableScaleDecimal) => true,
        None | Some(Logical::Other) => matches!(
            field.kind,
            Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Float | Kind::Double
        ),
        Some(_) => false,
    }
}

/// `INT(10) UNSIGNED` is `INT UNSIGNED`.
fn without_sizes(name: &str) -> String {
    match (name.split_once('('), name.rsplit_once(')')) {
        (Some((before, _)), Some((_, after))) => format!("{}{after}", before.trim_end()),
        _ => name.trim().to_owned(),
    }
}
