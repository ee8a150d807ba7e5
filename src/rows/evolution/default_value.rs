//! The default of a column that is made: what the schema tells, as the values of events are converted.

use serde_json::Value as Json;

use super::column_type::ColumnType;
use crate::format::schema::{Field, Kind, Logical};
use crate::format::stand_in::is_default_invented;
use crate::rows::sql::quote_text;
use crate::rows::value::{Reading, Value, to_text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnDefault {
    /// As an SQL literal.
    pub literal: String,
    /// The source may well have another one: no row that an event lacks it for may get it.
    pub may_be_invented: bool,
}

/// `None`: there is none, it is no value of such a column, or it is a zero that hardly anybody has for a default.
pub(super) fn find_default(
    field: &Field,
    column: &ColumnType,
    reading: &Reading,
) -> Option<ColumnDefault> {
    let told = field.default.as_ref()?;
    let may_be_invented = is_default_invented(field);
    if may_be_invented && !is_usual_zero(told, field.logical) {
        return None;
    }
    if !is_of_kind(told, &field.kind) {
        return None; // Postgres would refuse the table for it
    }
    let raw = told.to_string();
    let text = to_text(&raw, Some(field), &column.to_pg_type(), reading);
    match text {
        Ok(Value::Text(text)) => Some(ColumnDefault {
            literal: quote_text(&text),
            may_be_invented,
        }),
        Ok(Value::Null | Value::Unavailable) | Err(_) => None,
    }
}

/// Whether people give columns such a default: 0, false, an empty text or document. That of a moment or a uuid stands for a
/// function's value.
fn is_usual_zero(told: &Json, logical: Option<Logical>) -> bool {
    match logical {
        Some(Logical::Decimal | Logical::VariableScaleDecimal) => true,
        None | Some(Logical::Other | Logical::Enum | Logical::EnumSet | Logical::Json) => {
            match told {
                Json::String(text) => ["", "{}", "[]"].contains(&text.as_str()),
                told => !told.is_object(),
            }
        }
        Some(_) => false,
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
