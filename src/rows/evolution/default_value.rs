//! The default of a column that is made: what the schema tells, as the values of events are converted.

use serde_json::Value as Json;

use super::column_type::ColumnType;
use crate::format::schema::{Field, Kind};
use crate::format::stand_in::is_default_invented;
use crate::rows::value::{Reading, Value, to_text};

/// The default as an SQL literal; `None`: there is none, or it is no value of such a column.
pub(super) fn default_literal(
    field: &Field,
    column: &ColumnType,
    reading: &Reading,
) -> Option<String> {
    let told = field.default.as_ref()?;
    if is_default_invented(field) {
        return None; // the source may well have another one
    }
    if !is_of_kind(told, &field.kind) {
        return None; // Postgres would refuse the table for it
    }
    let raw = told.to_string();
    let text = to_text(&raw, Some(field), &column.to_pg_type(), reading);
    match text {
        Ok(Value::Text(text)) => Some(literal(&text)),
        Ok(Value::Null | Value::Unavailable) | Err(_) => None,
    }
}

/// Whether the default is written as values of this kind are.
fn is_of_kind(told: &Json, kind: &Kind) -> bool {
    match kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => told.is_i64() || told.is_u64(),
        Kind::Float | Kind::Double => told.is_number(),
        Kind::Boolean => told.is_boolean(),
        Kind::String | Kind::Bytes => told.is_string(),
        Kind::Array(_) => told.is_array(),
        Kind::Map(_) | Kind::Struct(_) => told.is_object(),
        Kind::Unknown => false,
    }
}

/// A text as SQL, whatever it holds and whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}
