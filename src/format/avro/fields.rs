//! Nodes → the schema as Connect would have it, by which values are understood (`src/format/schema.rs`).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::format::avro::error::AvroSchemaError;
use crate::format::avro::node::{Form, Member, Node, NodeId};
use crate::format::schema::{Field, Kind, Logical};

/// Beyond it a value is of unknown kind: then its column decides.
const MAX_DEPTH: usize = 32;

/// A type that is used in many places is there as often, and types that use each other multiply.
const MOST_FIELDS: usize = 50_000;

pub(super) struct FieldBuilder<'n> {
    nodes: &'n [Node],
    /// The types around the one looked at: one of them within itself would have no end.
    around: Vec<NodeId>,
    count: usize,
}

impl<'n> FieldBuilder<'n> {
    /// Translates types of these nodes.
    pub fn new(nodes: &'n [Node]) -> Self {
        Self {
            nodes,
            around: Vec::new(),
            count: 0,
        }
    }

    /// The schema of a type, as a field with this name.
    ///
    /// # Errors
    /// There are too many.
    pub fn connect_field(&mut self, id: NodeId, name: &Arc<str>) -> Result<Field, AvroSchemaError> {
        self.count += 1;
        if self.count > MOST_FIELDS {
            return Err(AvroSchemaError::TooLarge(MOST_FIELDS));
        }
        let mut field = Field {
            name: name.clone(),
            kind: Kind::Unknown,
            logical: None,
            scale: None,
            length: None,
            optional: false,
            default: None,
            source: None,
        };
        let Some(node) = self.nodes.get(id) else {
            return Ok(field);
        };
        if self.around.len() >= MAX_DEPTH || self.around.contains(&id) {
            return Ok(field);
        }
        self.around.push(id);
        let kind = self.connect_kind(&node.form, &mut field);
        self.around.pop();
        if let Form::Optional { .. } = node.form {
            field.optional = true;
            field.kind = kind?;
            return Ok(field);
        }
        let meaning = &node.meaning;
        field.kind = meaning.kind.clone().map_or(kind, Ok)?;
        field.logical = meaning.logical;
        field.scale = meaning.scale;
        field.length = meaning.length;
        field.source = meaning.source.clone();
        Ok(field)
    }

    fn connect_member(&mut self, member: &'n Member) -> Result<Field, AvroSchemaError> {
        let default = member.default.as_ref();
        Ok(Field {
            default: default.map(|default| Box::new(self.connect_default(member.node, default))),
            ..self.connect_field(member.node, &member.name)?
        })
    }

    /// A default as a value is written: bytes in base64, of which Avro's defaults have each as a character.
    fn connect_default(&self, id: NodeId, default: &Value) -> Value {
        match (self.nodes.get(id).map(|node| &node.form), default) {
            (Some(Form::Bytes | Form::Fixed(_)), Value::String(text)) => {
                let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c).ok()).collect();
                Value::from(STANDARD.encode(bytes))
            }
            (Some(Form::Optional { other, .. }), default) => self.connect_default(*other, default),
            (Some(Form::Record(members)), Value::Object(values)) => {
                let one = |member: &Member| {
                    let name: &str = &member.name;
                    let value = self.connect_default(member.node, values.get(name)?);
                    Some((name.to_owned(), value))
                };
                Value::Object(members.iter().filter_map(one).collect())
            }
            _ => default.clone(),
        }
    }

    fn inner_field(&mut self, node: NodeId) -> Result<Box<Field>, AvroSchemaError> {
        self.connect_field(node, &Arc::from("")).map(Box::new)
    }

    /// Of an optional one everything but the name is the other's.
    fn connect_kind(&mut self, form: &'n Form, field: &mut Field) -> Result<Kind, AvroSchemaError> {
        Ok(match form {
            Form::Null => {
                field.optional = true;
                Kind::Unknown
            }
            Form::Boolean => Kind::Boolean,
            Form::Int => Kind::Int32,
            Form::Long => Kind::Int64,
            Form::Float => Kind::Float,
            Form::Double => Kind::Double,
            Form::Bytes | Form::Fixed(_) => Kind::Bytes,
            Form::String | Form::Enum(_) | Form::Uuid | Form::Duration => Kind::String,
            Form::BigDecimal => Kind::Struct(vec![
                plain_field("scale", Kind::Int32, None),
                plain_field("value", Kind::Bytes, None),
            ]),
            Form::Array(items) => Kind::Array(self.inner_field(*items)?),
            Form::Map(value) | Form::Entries { value, .. } => Kind::Map(self.inner_field(*value)?),
            Form::Record(members) => {
                let members = members.iter().map(|m| self.connect_member(m));
                Kind::Struct(members.collect::<Result<_, _>>()?)
            }
            Form::Optional { other, .. } => {
                let other = self.connect_field(*other, &field.name)?;
                field.logical = other.logical;
                field.scale = other.scale;
                field.length = other.length;
                field.source = other.source;
                other.kind
            }
            Form::Choice(branches) => {
                let named = branches.iter().filter(|b| b.label.is_some());
                let fields = named.map(|b| self.connect_field(b.node, &b.name));
                Kind::Struct(fields.collect::<Result<_, _>>()?)
            }
        })
    }
}

fn plain_field(name: &str, kind: Kind, logical: Option<Logical>) -> Field {
    Field {
        name: name.into(),
        kind,
        logical,
        scale: None,
        length: None,
        optional: false,
        default: None,
        source: None,
    }
}
