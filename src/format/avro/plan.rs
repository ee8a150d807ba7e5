//! A schema, compiled: what a lane decodes with.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::avro::compile::Compiler;
use crate::format::avro::envelope::{EnvelopePlan, record_node};
use crate::format::avro::error::{AvroError, AvroSchemaError};
use crate::format::avro::fields;
use crate::format::avro::node::{Form, Member, Node, NodeId};
use crate::format::avro::write::Walk;
use crate::format::change::{Fields, Shape};
use crate::format::framed::Referred;
use crate::format::schema::Field;

/// A schema compiled to nodes, with what reading a key or an envelope needs.
#[derive(Debug)]
pub struct Plan {
    pub(super) nodes: Vec<Node>,
    /// The schema's record; a key's fields.
    root: RowPlan,
    /// How the record is Debezium's envelope, if it is.
    pub(super) envelope: Option<EnvelopePlan>,
}

/// A record, or a record or null, whose fields are read one by one.
#[derive(Debug)]
pub(super) struct RowPlan {
    /// The record's type, or that of a union of null and the record.
    pub node: NodeId,
    /// The names of the record's fields.
    pub shape: Arc<Shape>,
}

/// What texts are written to before they go to the arena in one piece; used again and again.
#[derive(Default)]
pub struct Texts {
    pub(super) text: String,
    /// Where each of them ends.
    pub(super) ends: Vec<usize>,
}

impl Plan {
    /// `referred` are the schemas that this one refers to, each after those that it refers to itself.
    ///
    /// # Errors
    /// One of them is no schema of Avro's.
    pub fn compile(schema: &str, referred: &[Referred]) -> Result<Self, AvroSchemaError> {
        let mut compiler = Compiler::default();
        for Referred { schema, .. } in referred {
            compiler.add_schema(schema)?;
        }
        let node = compiler.add_schema(schema)?;
        let nodes = compiler.nodes;
        let whole = fields::FieldBuilder::new(&nodes).connect_field(node, &Arc::from(""))?;
        let root = RowPlan {
            node,
            shape: shape_of(whole),
        };
        let envelope = EnvelopePlan::from_record(&nodes, &root);
        Ok(Self {
            nodes,
            root,
            envelope,
        })
    }

    pub(super) fn root_node(&self) -> NodeId {
        self.root.node
    }

    /// Whether it is a struct's schema, or that of a struct or null.
    pub fn is_record(&self) -> bool {
        record_node(&self.nodes, self.root.node).is_some()
    }

    /// The schema as Connect would have it.
    pub fn schema(&self) -> Option<&Arc<Field>> {
        self.root.shape.schema.as_ref()
    }

    /// The fields of a record, or `None` where there is null in its place.
    ///
    /// # Errors
    /// The bytes aren't what the schema says, or that isn't a record.
    pub fn read_record<'r>(
        &self,
        datum: &[u8],
        texts: &mut Texts,
        arena: &'r Bump,
    ) -> Result<Option<Fields<'r>>, AvroError> {
        let mut walk = Walk::new(&self.nodes, datum);
        let fields = self.root.read_fields(&mut walk, texts, arena)?;
        walk.expect_end()?;
        Ok(fields)
    }

    /// The text of a whole datum, whatever it is: for people.
    ///
    /// # Errors
    /// The bytes aren't what the schema says.
    pub fn to_json(&self, datum: &[u8]) -> Result<String, AvroError> {
        let mut walk = Walk::new(&self.nodes, datum);
        let mut text = String::new();
        walk.write_value(self.root.node, &mut text)?;
        walk.expect_end()?;
        Ok(text)
    }
}

/// What a record's fields are called.
pub(super) fn shape_of(whole: Field) -> Arc<Shape> {
    let names = whole.fields().iter().map(|f| (&*f.name).into()).collect();
    Arc::new(Shape::new(names, Some(Arc::new(whole))))
}

impl RowPlan {
    /// The fields' JSON texts; `None` where there is null in the record's place.
    pub fn read_fields<'r>(
        &self,
        walk: &mut Walk<'_, '_>,
        texts: &mut Texts,
        arena: &'r Bump,
    ) -> Result<Option<Fields<'r>>, AvroError> {
        let Some(members) = walk.enter_record(self.node)? else {
            return Ok(None);
        };
        texts.clear();
        for member in members {
            walk.write_value(member.node, &mut texts.text)
                .map_err(|e| e.in_field(&member.name))?;
            texts.ends.push(texts.text.len());
        }
        Ok(Some(Fields {
            shape: Some(self.shape.clone()),
            values: texts.copy_to_arena(arena),
        }))
    }
}

impl<'p> Walk<'p, '_> {
    /// The fields of the record that comes, or `None` for null.
    pub(super) fn enter_record(&mut self, node: NodeId) -> Result<Option<&'p [Member]>, AvroError> {
        match self.form_of(node) {
            Form::Record(members) => Ok(Some(members)),
            Form::Null => Ok(None),
            Form::Optional { null, other } => {
                if self.is_null(*null)? {
                    Ok(None)
                } else {
                    self.enter_record(*other)
                }
            }
            other => Err(AvroError::NoRecord(other.error_name())),
        }
    }
}

impl Texts {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// The texts, in the arena.
    pub(super) fn copy_to_arena<'r>(&self, arena: &'r Bump) -> &'r [&'r str] {
        let text: &'r str = arena.alloc_str(&self.text);
        let mut start = 0;
        let slices = self.ends.iter().map(|end| {
            let range = std::mem::replace(&mut start, *end)..*end;
            text.get(range).unwrap_or_default()
        });
        arena.alloc_slice_fill_iter(slices)
    }
}
