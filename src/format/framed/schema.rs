//! A registered schema, of whichever type, and what is known of one.

use std::sync::Arc;

use crate::config::Encoding;
use crate::format::avro;
use crate::format::json_schema::JsonSchema;
use crate::format::protobuf::ProtobufSchema;

/// What a registry's schemas may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaType {
    Avro,
    Json,
    Protobuf,
}

impl SchemaType {
    /// By the registry's word for it, which is left out for Avro; `None` if there is none such.
    pub fn from_word(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("AVRO") => Some(Self::Avro),
            Some("JSON") => Some(Self::Json),
            Some("PROTOBUF") => Some(Self::Protobuf),
            Some(_) => None,
        }
    }
}

/// A schema that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// By which name the other one refers to it: a type's, a URI, a path to import.
    pub name: String,
    /// Its text.
    pub schema: String,
}

/// A registered schema, ready to read messages by.
#[derive(Debug)]
pub enum RegisteredSchema {
    Avro(avro::Plan),
    Json(JsonSchema),
    Protobuf(ProtobufSchema),
}

/// What is known of an id.
#[derive(Clone, Debug)]
pub enum KnownSchema {
    Schema(Arc<RegisteredSchema>),
    /// There is no such schema, or it is none that can be used: why.
    Refused(String),
}

impl RegisteredSchema {
    /// `referred` are the schemas that this one refers to, each after those that it refers to itself.
    ///
    /// # Errors
    /// One of them can't be used: why.
    pub fn compile(kind: SchemaType, schema: &str, referred: &[Referred]) -> Result<Self, String> {
        match kind {
            SchemaType::Avro => avro::Plan::compile(schema, referred)
                .map(Self::Avro)
                .map_err(|e| e.to_string()),
            SchemaType::Json => JsonSchema::compile(schema, referred)
                .map(Self::Json)
                .map_err(|e| e.to_string()),
            SchemaType::Protobuf => ProtobufSchema::compile(schema, referred)
                .map(Self::Protobuf)
                .map_err(|e| e.to_string()),
        }
    }

    /// How messages are written by it.
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Avro(_) => Encoding::Avro,
            Self::Json(_) => Encoding::JsonSchema,
            Self::Protobuf(_) => Encoding::Protobuf,
        }
    }
}
