//! The Connect JSON schema: the `schema` half of a JSON message written with `schemas.enable=true`.
//!
//! Types and logical names that we don't know are kept as [`Kind::Unknown`] and [`Logical::Other`]: then the
//! destination column decides how a value is read.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

mod logical;
mod source_column;
pub use logical::Logical;
pub use source_column::{Parameters, SourceColumn, integer_of};

/// Deeper than any envelope or row; bounds the recursion over a schema that someone else wrote.
const MAX_DEPTH: usize = 32;

/// The schema of one value: of a field, an element or a whole message.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name in its struct; empty for the root, array elements and map values.
    pub name: Arc<str>,
    /// How the value is written.
    pub kind: Kind,
    /// What the value means beyond its kind, if its schema has a name.
    pub logical: Option<Logical>,
    /// Of a decimal, as it stands in the schema (Debezium may write it modulo 2048).
    pub scale: Option<i32>,
    /// Of bits: how many.
    pub length: Option<i32>,
    /// Whether the value may be null.
    pub optional: bool,
    /// The value that Connect writes where there is none, in its JSON.
    pub default: Option<Box<Value>>,
    /// The column that it comes from, if the schema tells of it.
    pub source: Option<Box<SourceColumn>>,
}

/// Connect's types.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Int8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Boolean,
    String,
    Bytes,
    Array(Box<Field>),
    /// The values' schema; keys are written by Connect as strings or as pairs, which the JSON shows.
    Map(Box<Field>),
    Struct(Vec<Field>),
    /// A type that we don't know: the destination column decides.
    Unknown,
}

/// Why a schema can't be read. No message shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("the schema is not a json object with a connect type (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
    #[error("the schema is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the schema has {expected} that lacks {missing}")]
    Incomplete {
        expected: &'static str,
        missing: &'static str,
    },
}

/// Reads one whole schema, of a struct or of anything else.
pub fn parse(raw: &str) -> Result<Field, SchemaError> {
    let node: Node = serde_json::from_str(raw).map_err(|error| SchemaError::Malformed {
        line: error.line(),
        column: error.column(),
    })?;
    node.into_field(0)
}

impl Field {
    /// Of this kind, and nothing more.
    pub fn of_kind(name: Arc<str>, kind: Kind) -> Self {
        Self {
            name,
            kind,
            logical: None,
            scale: None,
            length: None,
            optional: false,
            default: None,
            source: None,
        }
    }

    /// The field of that name, if this is a struct that has it.
    pub fn find_field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| &*field.name == name)
    }

    /// [`Field::find_field`], looked for first where it is most likely: events have their fields in the
    /// schema's order.
    pub fn field_at(&self, position: usize, name: &str) -> Option<&Field> {
        let likely = self
            .fields()
            .get(position)
            .filter(|field| &*field.name == name);
        likely.or_else(|| self.find_field(name))
    }

    /// Whether numbers from 2^63 on are written as negative ones: MySQL's BIGINT UNSIGNED as a long, which is Debezium's
    /// default (`bigint.unsigned.handling.mode`).
    pub fn wraps_unsigned(&self) -> bool {
        let source = self.source.as_ref();
        self.kind == Kind::Int64 && source.is_some_and(|source| source.is_unsigned_long())
    }

    /// Whether it is a column of MySQL's ENUM, as `column.propagate.source.type` tells: a type of Postgres' has its own name.
    pub fn is_of_mysql_enum(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|source| source.type_name.as_deref() == Some("ENUM"))
    }

    /// A struct's fields in order; nothing for any other kind.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(fields) => fields,
            _ => &[],
        }
    }
}

/// A schema as it is written.
#[derive(Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    field: Option<String>,
    name: Option<String>,
    #[serde(default)]
    optional: bool,
    /// Null, too, is no default.
    default: Option<Box<Value>>,
    parameters: Option<Parameters>,
    fields: Option<Vec<Node>>,
    items: Option<Box<Node>>,
    values: Option<Box<Node>>,
}

impl Node {
    fn into_field(self, depth: usize) -> Result<Field, SchemaError> {
        if depth >= MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        let kind = match self.kind.as_str() {
            "int8" => Kind::Int8,
            "int16" => Kind::Int16,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "float" | "float32" => Kind::Float,
            "double" | "float64" => Kind::Double,
            "boolean" => Kind::Boolean,
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "array" => Kind::Array(inner_field(self.items, "an array", "items", depth)?),
            "map" => Kind::Map(inner_field(self.values, "a map", "values", depth)?),
            "struct" => Kind::Struct(
                self.fields
                    .ok_or(incomplete_schema("a struct", "fields"))?
                    .into_iter()
                    .map(|node| node.into_field(depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            _ => Kind::Unknown,
        };
        let parameters = self.parameters.as_ref();
        let parameter = |name| integer_of(parameters?.get(name));
        Ok(Field {
            name: Arc::from(self.field.unwrap_or_default()),
            kind,
            logical: self.name.as_deref().map(Logical::from_name),
            scale: parameter("scale"),
            length: parameter("length"),
            optional: self.optional,
            source: parameters.and_then(SourceColumn::from_parameters),
            default: self.default,
        })
    }
}

fn inner_field(
    node: Option<Box<Node>>,
    expected: &'static str,
    missing: &'static str,
    depth: usize,
) -> Result<Box<Field>, SchemaError> {
    let node = node.ok_or(incomplete_schema(expected, missing))?;
    Ok(Box::new(node.into_field(depth + 1)?))
}

fn incomplete_schema(expected: &'static str, missing: &'static str) -> SchemaError {
    SchemaError::Incomplete { expected, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_gives_its_rows_fields_by_name() {
        let schema = parse(
            r#"{"type":"struct","name":"shop.Envelope","optional":false,"version":2,"fields":[
                {"type":"struct","field":"after","optional":true,"fields":[
                    {"type":"int32","optional":false,"default":0,"field":"id"},
                    {"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,
                     "parameters":{"scale":"2046","connect.decimal.precision":"5"},"field":"price"},
                    {"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":8},"field":"flags"},
                    {"type":"array","items":{"type":"string","optional":true},"field":"tags"},
                    {"type":"map","keys":{"type":"string"},"values":{"type":"string"},"field":"hs"},
                    {"type":"float16","name":"com.example.Half","field":"odd"}]},
                {"type":"string","optional":false,"field":"op"}]}"#,
        )
        .expect("a schema");
        let after = schema.find_field("after").expect("after");
        assert!(after.optional);
        let id = after.find_field("id").expect("id");
        assert_eq!(id.default.as_deref(), Some(&Value::from(0)));
        assert_eq!(after.fields().len(), 6);
        let price = after.find_field("price").expect("price");
        assert_eq!(
            (price.logical, price.scale),
            (Some(Logical::Decimal), Some(2046))
        );
        assert_eq!(
            price.source.as_ref().and_then(|source| source.precision),
            Some(5)
        );
        assert_eq!(id.source, None);
        let flags = after.find_field("flags").expect("flags");
        assert_eq!(
            (flags.logical, flags.length),
            (Some(Logical::Bits), Some(8))
        );
        assert!(
            matches!(&after.find_field("tags").expect("tags").kind, Kind::Array(item) if item.kind == Kind::String)
        );
        assert!(matches!(
            &after.find_field("hs").expect("hs").kind,
            Kind::Map(_)
        ));
        let odd = after.find_field("odd").expect("odd");
        assert_eq!(
            (&odd.kind, odd.logical),
            (&Kind::Unknown, Some(Logical::Other))
        );
        assert_eq!(after.find_field("missing"), None);
        assert_eq!(price.find_field("price"), None);
    }

    #[test]
    fn a_schema_that_is_none_or_too_deep_is_an_error() {
        for raw in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"struct""#,
        ] {
            assert!(
                matches!(parse(raw), Err(SchemaError::Malformed { .. })),
                "{raw}"
            );
        }
        assert_eq!(
            parse(r#"{"type":"array"}"#),
            Err(incomplete_schema("an array", "items"))
        );
        assert_eq!(
            parse(r#"{"type":"map"}"#),
            Err(incomplete_schema("a map", "values"))
        );
        assert_eq!(
            parse(r#"{"type":"struct"}"#),
            Err(incomplete_schema("a struct", "fields"))
        );
        let nested = |levels: usize| {
            format!(
                "{}{}{}",
                r#"{"type":"array","items":"#.repeat(levels),
                r#"{"type":"int8"}"#,
                "}".repeat(levels)
            )
        };
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH)), Err(SchemaError::TooDeep));
        assert!(parse(&nested(100_000)).is_err());
    }
}
