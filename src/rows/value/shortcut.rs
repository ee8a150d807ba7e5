//! What most values become, in a tenth of the time that asking what they mean takes.

use super::family::Family;
use super::json::Json;
use super::whole;
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::table::PgType;

/// Values that Postgres reads as they are, by what the schema and the column say of all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shortcut {
    /// A text or a uuid for a column of such: without escapes.
    Text,
    /// A whole number for a column of whole numbers: without a point.
    Whole,
    /// A float for a column of floats: with a point, by which it was one before.
    Float,
    /// A truth value.
    Boolean,
}

impl Shortcut {
    /// None where the schema gives the values a meaning of their own, or the column isn't of their kind.
    pub(super) fn find(field: &Field, family: Family, column: &PgType) -> Option<Shortcut> {
        match (&field.kind, field.logical, family) {
            (Kind::String, None, Family::Text)
                if matches!(column.name.as_str(), "text" | "varchar") =>
            {
                Some(Shortcut::Text)
            }
            (Kind::String, Some(Logical::Uuid), Family::Uuid) => Some(Shortcut::Text),
            (Kind::Int16 | Kind::Int32 | Kind::Int64, None, Family::Integer)
                if column.name != "oid" && !field.wraps_unsigned() =>
            {
                Some(Shortcut::Whole)
            }
            (Kind::Float | Kind::Double, None, Family::Float) => Some(Shortcut::Float),
            (Kind::Boolean, None, Family::Boolean) => Some(Shortcut::Boolean),
            _ => None,
        }
    }

    /// The value's text, if this value is as nearly all are.
    pub(super) fn take(self, json: Json<'_>) -> Option<&str> {
        match (self, json) {
            (Shortcut::Text, Json::String(_)) => json.unescaped_text(),
            (Shortcut::Whole, Json::Number(digits)) if !whole::has_point(digits) => Some(digits),
            (Shortcut::Float, Json::Number(digits)) if whole::has_point(digits) => Some(digits),
            (Shortcut::Boolean, Json::Bool(_)) => Some(json.raw_text()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::value::testing::{column_type, field};
    use crate::rows::value::{Conversion, Reading};

    /// Whatever is a shortcut's leads where the long way does.
    #[test]
    fn a_shortcut_says_what_the_long_way_says() {
        let schemas = [
            r#"{"type":"string"}"#,
            r#"{"type":"string","name":"io.debezium.data.Uuid"}"#,
            r#"{"type":"int16"}"#,
            r#"{"type":"int32"}"#,
            r#"{"type":"int64"}"#,
            r#"{"type":"float"}"#,
            r#"{"type":"double"}"#,
            r#"{"type":"boolean"}"#,
        ];
        let columns = [
            "text",
            "varchar",
            "varchar(3)",
            "uuid",
            "int2",
            "int4",
            "int8",
            "oid",
            "float4",
            "float8",
            "bool",
            "citext",
            "char",
            "numeric",
        ];
        let raws = [
            "\"plain\"",
            r#""a\"b""#,
            "\"\"",
            "1",
            "-1",
            "1.5",
            "1e3",
            "-0.0",
            "1e400",
            "9223372036854775808",
            "true",
            "false",
            "12345678901234567.5",
        ];
        let mut taken = 0;
        for (schema, column) in schemas.iter().flat_map(|s| columns.map(|c| (s, c))) {
            let (field, column) = (field(schema), column_type(column));
            let reading = Reading::default();
            let conversion = Conversion::new(field.as_ref(), &column, reading.schemaless);
            let long = Conversion {
                shortcut: None,
                ..conversion
            };
            for raw in raws {
                let short = conversion.to_text(raw, field.as_ref(), &column, &reading);
                assert_eq!(
                    short,
                    long.to_text(raw, field.as_ref(), &column, &reading),
                    "{raw} {schema}"
                );
                let json = Json::from_raw(raw);
                taken +=
                    usize::from(json.is_ok_and(|json| {
                        conversion.shortcut.is_some_and(|s| s.take(json).is_some())
                    }));
            }
        }
        assert!(taken > 30, "{taken}");
    }
}
