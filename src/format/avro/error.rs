//! Why bytes are no datum of their schema, or a schema can't be used. Never with a value.

use std::sync::Arc;

/// Why a datum can't be read. Each text completes "it …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    #[error("ends too early for its schema")]
    Truncated,
    #[error("has {0} more bytes than its schema describes")]
    Trailing(usize),
    #[error("has a number that is too long for its type")]
    Number,
    #[error("has a length or a count that is no length")]
    Length,
    #[error("has a text that is not UTF-8")]
    Utf8,
    #[error("has a boolean that is neither 0 nor 1")]
    Boolean,
    #[error("names branch {0} of a union that has {1}")]
    Branch(i64, usize),
    #[error("names symbol {0} of an enum that has {1}")]
    Symbol(i64, usize),
    #[error("is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("describes far more than its bytes can hold")]
    TooMuch,
    #[error("has a map with an entry that has no key")]
    NoKey,
    #[error("is not a record, but {0}")]
    NoRecord(&'static str),
    #[error("has no field {0}, which Debezium's envelope has")]
    NoEnvelope(&'static str),
    #[error("field {field}: {error}")]
    Field {
        field: Arc<str>,
        error: Box<AvroError>,
    },
}

impl AvroError {
    pub(super) fn in_field(self, field: &Arc<str>) -> Self {
        Self::Field {
            field: field.clone(),
            error: Box::new(self),
        }
    }
}

/// Why a schema can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroSchemaError {
    #[error("it is not JSON (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("{0} is neither a type of Avro's nor defined before it is used")]
    Unknown(String),
    #[error("{0} is defined twice")]
    Twice(String),
    #[error("{what} lacks {missing}")]
    Incomplete {
        what: &'static str,
        missing: &'static str,
    },
    #[error("{0}")]
    Wrong(&'static str),
    #[error("it has more than {0} types and fields")]
    TooLarge(usize),
}
