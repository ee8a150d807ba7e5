//! What a schema is compiled to: nodes that refer to each other by number, so that a type that holds
//! itself is no trouble.

use std::sync::Arc;

use serde_json::Value;

use crate::format::schema::{Kind, Logical, SourceColumn};

pub(super) type NodeId = usize;

#[derive(Debug)]
pub(super) struct Node {
    /// How its bytes are read.
    pub form: Form,
    /// What its value means beyond its form.
    pub meaning: Meaning,
}

/// How its bytes are read.
#[derive(Debug)]
pub(super) enum Form {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    /// A fixed of 16 bytes.
    Uuid,
    /// A fixed of 12 bytes: months, days, milliseconds.
    Duration,
    /// Bytes that hold an integer's bytes and a scale.
    BigDecimal,
    /// The symbols as JSON texts.
    Enum(Vec<Box<str>>),
    Array(NodeId),
    Map(NodeId),
    /// Connect's map with keys that Avro's own can't have: an array of records of key and value.
    Entries {
        key: NodeId,
        value: NodeId,
        /// The keys are texts: JSON has an object for it, else an array of pairs.
        named: bool,
    },
    Record(Vec<Member>),
    /// A union of null and one other.
    Optional {
        /// Which branch is null.
        null: i64,
        other: NodeId,
    },
    /// A union of several: Connect makes a struct of it with a field for each.
    Choice(Vec<Branch>),
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct Member {
    /// The field's name.
    pub name: Arc<str>,
    /// `"name":`
    pub label: Box<str>,
    /// The field's type.
    pub node: NodeId,
    /// The field's default, as the schema writes it; nothing for null.
    pub default: Option<Value>,
}

/// A branch of a union; without label: null.
#[derive(Debug)]
pub(super) struct Branch {
    /// The branch's type name, as Connect calls the field for it.
    pub name: Arc<str>,
    /// `"name":`
    pub label: Option<Box<str>>,
    /// The branch's type.
    pub node: NodeId,
}

/// What its value means beyond its form.
#[derive(Clone, Debug, Default)]
pub(super) struct Meaning {
    /// The logical type, by Connect's name or by Avro's.
    pub logical: Option<Logical>,
    /// Digits after the point, of a decimal.
    pub scale: Option<i32>,
    /// How many bits, of a bit string.
    pub length: Option<i32>,
    /// Connect's type, where it is narrower than Avro's.
    pub kind: Option<Kind>,
    /// The column that it comes from, if Connect's parameters tell of it.
    pub source: Option<Box<SourceColumn>>,
}

impl Form {
    /// How an error names it.
    pub fn error_name(&self) -> &'static str {
        match self {
            Form::Null => "null",
            Form::Boolean => "a boolean",
            Form::Int | Form::Long => "an integer",
            Form::Float | Form::Double => "a float",
            Form::Bytes | Form::Fixed(_) => "bytes",
            Form::String | Form::Enum(_) => "a string",
            Form::Uuid => "a uuid",
            Form::Duration => "a duration",
            Form::BigDecimal => "a decimal",
            Form::Array(_) => "an array",
            Form::Map(_) | Form::Entries { .. } => "a map",
            Form::Record(_) => "a record",
            Form::Optional { .. } | Form::Choice(_) => "a union",
        }
    }
}

/// A JSON string of a name, as a label before its value.
pub(super) fn json_label(name: &str) -> Box<str> {
    format!("{}:", serde_json::Value::from(name)).into()
}
