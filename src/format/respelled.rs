//! Key columns of a destination that take several texts for one value, and which events can have several for one: then
//! one row's records have several keys, each of which may be in another partition.
//!
//! Why: `docs/decisions/17`.

use crate::format::schema::{Field, Kind, Logical};

/// A key column that takes several texts for one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RespelledColumn {
    /// The column's name.
    pub name: String,
    /// What it makes of them.
    pub values: RespelledValues,
}

/// What a column makes of several texts for one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RespelledValues {
    /// It keeps each as it is written: a source may have them as well.
    Kept,
    /// Whole numbers.
    Whole,
    /// They are rounded to so many digits behind the point.
    Rounded(i32),
    /// They are written alike.
    Alike,
}

impl RespelledColumn {
    /// Whether a key's events can have several texts for one value of the column. `field`: the value's schema; `raw`: its
    /// JSON. Decided from the first event on, though it may have the usual text: by the time that another is seen, its
    /// row's earlier events have been landed.
    pub fn is_spelled_freely<'f>(
        &self,
        field: impl FnOnce() -> Option<&'f Field>,
        raw: &str,
    ) -> bool {
        match self.values {
            RespelledValues::Kept => return true,
            // most keys, and told in a moment
            RespelledValues::Whole if is_whole(raw) => return false,
            _ => {}
        }
        let Some(field) = field() else {
            return !matches!(raw.as_bytes(), [b't' | b'f' | b'n', ..]);
        };
        match (field.logical, &field.kind) {
            (Some(Logical::Decimal), _) => match (field.scale, self.values) {
                (Some(scale), RespelledValues::Rounded(digits)) => scale > digits,
                (scale, _) => scale.is_none(),
            },
            // as Debezium writes them, of whatever source
            (Some(Logical::Uuid | Logical::ZonedTime | Logical::ZonedTimestamp), _) => false,
            (_, Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Boolean) => false,
            (_, Kind::Float | Kind::Double | Kind::Bytes) => false,
            _ => true,
        }
    }
}

/// Whether it is a JSON number with nothing but digits.
fn is_whole(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::schema;

    #[test]
    fn keys_that_one_text_stands_for_cost_nothing() {
        use RespelledValues::{Alike, Kept, Rounded, Whole};
        let decimal = |scale: i32| {
            format!(
                r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}"}}}}"#
            )
        };
        let uuid = r#"{"type":"string","name":"io.debezium.data.Uuid"}"#;
        let zoned = r#"{"type":"string","name":"io.debezium.time.ZonedTimestamp"}"#;
        let variable =
            r#"{"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[]}"#;
        for (values, schema, raw, expected) in [
            (Whole, r#"{"type":"int64"}"#, "7", false),
            (Alike, r#"{"type":"int64"}"#, "7", false),
            (Whole, "", "7", false),
            (Whole, "", "-7", false),
            (Whole, "", "7.0", true),
            (Whole, "", r#""7""#, true),
            (Whole, r#"{"type":"string"}"#, r#""7""#, true),
            (Alike, uuid, r#""a0""#, false),
            (Alike, r#"{"type":"string"}"#, r#""a0""#, true),
            (Alike, "", r#""a0""#, true),
            (Alike, zoned, r#""2024""#, false),
            (Alike, "", "true", false),
            (Rounded(2), &decimal(2), r#""BNI=""#, false),
            (Rounded(2), &decimal(3), r#""BNI=""#, true),
            (Whole, &decimal(0), r#""BNI=""#, false),
            (Rounded(2), variable, "{}", true),
            (Rounded(2), "", "1", true),
            (Kept, r#"{"type":"int64"}"#, "7", true),
        ] {
            let field = (!schema.is_empty()).then(|| schema::parse(schema).unwrap());
            let column = RespelledColumn {
                name: "k".to_owned(),
                values,
            };
            let found = column.is_spelled_freely(|| field.as_ref(), raw);
            assert_eq!(found, expected, "{values:?} {schema} {raw}");
        }
    }
}
