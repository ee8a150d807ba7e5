//! What a schema's parameters tell of the column at the source, beyond what its values are read by.

use serde_json::{Map, Value};

/// A schema's parameters, as they are written.
pub type Parameters = Map<String, Value>;

/// The column that a field comes from, as far as its schema tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceColumn {
    /// All digits of a decimal: `connect.decimal.precision`, or Avro's `precision`.
    pub precision: Option<i32>,
    /// The type's name there, in capitals: `VARCHAR`, `INT UNSIGNED`, `_TEXT`. Debezium tells it, its length and scale
    /// where `column.propagate.source.type` names the column.
    pub type_name: Option<Box<str>>,
    /// In characters, bits or digits, as the type has it.
    pub length: Option<i32>,
    /// Digits behind the point.
    pub scale: Option<i32>,
}

impl SourceColumn {
    /// What parameters tell; `None`: nothing.
    pub fn from_parameters(parameters: &Parameters) -> Option<Box<Self>> {
        let column = |name: &str| parameters.get(&format!("__debezium.source.column.{name}"));
        let type_name = column("type").and_then(Value::as_str);
        let told = Self {
            precision: integer_of(parameters.get("connect.decimal.precision")),
            type_name: type_name.map(|name| name.to_ascii_uppercase().into()),
            length: integer_of(column("length")),
            scale: integer_of(column("scale")),
        };
        (told != Self::default()).then(|| Box::new(told))
    }

    /// Whether it is of MySQL's numbers of 64 bits without a sign.
    pub fn is_unsigned_long(&self) -> bool {
        let name = self.type_name.as_deref();
        // as the table was made, in the words that were used then
        let is_long = |name: &str| name.starts_with("BIGINT") || name.starts_with("INT8");
        name.is_some_and(|name| is_long(name) && name.contains("UNSIGNED"))
    }
}

/// Connect writes parameters as strings; other writers of the format use numbers.
pub fn integer_of(parameter: Option<&Value>) -> Option<i32> {
    match parameter? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64().and_then(|number| i32::try_from(number).ok()),
    }
}
