//! A schema's JSON → nodes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::format::avro::error::AvroSchemaError;
use crate::format::avro::meaning::{self, Object, text_attribute};
use crate::format::avro::names::{Names, full_name, namespace_of};
use crate::format::avro::node::{Form, Meaning, Member, Node, NodeId, json_label};
use crate::format::schema::Logical;

/// More than the widest tables of a whole registry.
const MOST_NODES: usize = 100_000;

/// The record by which Connect says: this array is a map.
const MAP_ENTRY: &str = "io.confluent.connect.avro.MapEntry";

#[derive(Default)]
pub(super) struct Compiler {
    /// All types so far; a type refers to others by index.
    pub nodes: Vec<Node>,
    names: Names,
    /// The simple names of named types.
    pub(super) called: HashMap<NodeId, Arc<str>>,
    map_entries: HashSet<NodeId>,
}

impl Compiler {
    /// Adds a schema; types that it refers to by name must have been added before.
    ///
    /// # Errors
    /// It is no schema of Avro's.
    pub fn add_schema(&mut self, schema: &str) -> Result<NodeId, AvroSchemaError> {
        // serde_json bounds the depth, and so does all that walks the value
        let json: Value = match serde_json::from_str(schema) {
            Ok(json) => json,
            // a primitive type may stand there without quotes
            Err(_) if is_primitive(schema.trim()) => Value::from(schema.trim()),
            Err(e) => {
                return Err(AvroSchemaError::Json {
                    line: e.line(),
                    column: e.column(),
                });
            }
        };
        self.compile_type(&json, "")
    }

    pub(super) fn push_node(
        &mut self,
        form: Form,
        meaning: Meaning,
    ) -> Result<NodeId, AvroSchemaError> {
        if self.nodes.len() >= MOST_NODES {
            return Err(AvroSchemaError::TooLarge(MOST_NODES));
        }
        self.nodes.push(Node { form, meaning });
        Ok(self.nodes.len() - 1)
    }

    pub(super) fn compile_type(
        &mut self,
        json: &Value,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        match json {
            Value::String(name) if is_primitive(name) => {
                self.push_primitive(name, &Object::default())
            }
            Value::String(name) => self.names.find_type(name, namespace),
            Value::Array(branches) => self.compile_union(branches, namespace),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(base)) => self.compile_object(base, object, namespace),
                Some(inner @ (Value::Object(_) | Value::Array(_))) => {
                    self.compile_type(inner, namespace)
                }
                _ => Err(incomplete_type("a type", "its type")),
            },
            _ => Err(AvroSchemaError::Wrong(
                "a type that is neither a name nor an object nor a union",
            )),
        }
    }

    fn compile_object(
        &mut self,
        base: &str,
        object: &Object,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        match base {
            "record" | "error" => self.compile_record(object, namespace),
            "enum" => self.compile_enum(object, namespace),
            "fixed" => self.compile_fixed(object, namespace),
            "array" => self.compile_array(object, namespace),
            "map" => {
                let values = object
                    .get("values")
                    .ok_or(incomplete_type("a map", "values"))?;
                let values = self.compile_type(values, namespace)?;
                self.push_node(Form::Map(values), meaning::read_meaning(object, base))
            }
            base if is_primitive(base) => self.push_primitive(base, object),
            name => self.names.find_type(name, namespace),
        }
    }

    fn push_primitive(&mut self, base: &str, object: &Object) -> Result<NodeId, AvroSchemaError> {
        let meaning = meaning::read_meaning(object, base);
        let form = match base {
            "null" => Form::Null,
            "boolean" => Form::Boolean,
            "int" => Form::Int,
            "long" => Form::Long,
            "float" => Form::Float,
            "double" => Form::Double,
            "string" => Form::String,
            _ if text_attribute(object, "logicalType") == Some("big-decimal") => Form::BigDecimal,
            _ => Form::Bytes,
        };
        self.push_node(form, meaning)
    }

    /// Enters a named type before what it holds, which may be itself. Returns its full name too.
    fn enter_named(
        &mut self,
        what: &'static str,
        object: &Object,
        namespace: &str,
        meaning: Meaning,
    ) -> Result<(NodeId, String), AvroSchemaError> {
        let name = text_attribute(object, "name").ok_or(incomplete_type(what, "its name"))?;
        let full = full_name(name, text_attribute(object, "namespace"), namespace);
        let node = self.push_node(Form::Null, meaning)?;
        self.names.define_type(&full, node)?;
        let simple = full.rsplit('.').next().unwrap_or(&full);
        self.called.insert(node, simple.into());
        Ok((node, full))
    }

    fn set_form(&mut self, node: NodeId, form: Form) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.form = form;
        }
    }

    fn compile_record(
        &mut self,
        object: &Object,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        let meaning = meaning::read_meaning(object, "record");
        let (node, full) = self.enter_named("a record", object, namespace, meaning)?;
        if let Some(node) = self.nodes.get_mut(node) {
            // a struct's name in Connect is the record's
            let named = || Some(Logical::from_name(&full)).filter(|l| *l != Logical::Other);
            node.meaning.logical = node.meaning.logical.or_else(named);
        }
        if text_attribute(object, "connect.internal.type") == Some("MapEntry") || full == MAP_ENTRY
        {
            self.map_entries.insert(node);
        }
        let fields = object.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or(incomplete_type("a record", "fields"))?;
        let mut members = Vec::with_capacity(fields.len());
        let mut names = HashSet::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or(incomplete_type("a record's field", "its name"))?;
            if !names.insert(name) {
                return Err(AvroSchemaError::Wrong(
                    "a record with two fields of one name",
                ));
            }
            let inner = field.get("type");
            let inner = inner.ok_or(incomplete_type("a record's field", "its type"))?;
            members.push(Member {
                name: name.into(),
                label: json_label(name),
                node: self.compile_type(inner, namespace_of(&full))?,
                default: field.get("default").filter(|v| !v.is_null()).cloned(),
            });
        }
        self.set_form(node, Form::Record(members));
        Ok(node)
    }

    fn compile_enum(
        &mut self,
        object: &Object,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        let (node, _) = self.enter_named(
            "an enum",
            object,
            namespace,
            meaning::read_meaning(object, "enum"),
        )?;
        let symbols = object.get("symbols").and_then(Value::as_array);
        let symbols = symbols.ok_or(incomplete_type("an enum", "symbols"))?;
        let quoted = |symbol: &Value| match symbol {
            Value::String(_) => Ok(symbol.to_string().into()),
            _ => Err(AvroSchemaError::Wrong("an enum whose symbols are no texts")),
        };
        let symbols = symbols.iter().map(quoted).collect::<Result<_, _>>()?;
        self.set_form(node, Form::Enum(symbols));
        Ok(node)
    }

    fn compile_fixed(
        &mut self,
        object: &Object,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        let size = object.get("size").and_then(Value::as_u64);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or(incomplete_type("a fixed", "its size"))?;
        let mut meaning = meaning::read_meaning(object, "fixed");
        let form = match (meaning.logical, size) {
            (Some(Logical::Uuid), 16) => Form::Uuid,
            (Some(Logical::Interval), 12) => Form::Duration,
            _ => Form::Fixed(size),
        };
        let unfit = matches!(meaning.logical, Some(Logical::Uuid | Logical::Interval));
        if unfit && matches!(form, Form::Fixed(_)) {
            meaning.logical = None;
        }
        let (node, _) = self.enter_named("a fixed", object, namespace, meaning)?;
        self.set_form(node, form);
        Ok(node)
    }

    fn compile_array(
        &mut self,
        object: &Object,
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        let items = object
            .get("items")
            .ok_or(incomplete_type("an array", "items"))?;
        let items = self.compile_type(items, namespace)?;
        let form = self.as_map_entries(items).unwrap_or(Form::Array(items));
        self.push_node(form, meaning::read_meaning(object, "array"))
    }

    /// If these are the entries of a map of Connect's.
    fn as_map_entries(&self, items: NodeId) -> Option<Form> {
        if !self.map_entries.contains(&items) {
            return None;
        }
        match &self.nodes.get(items)?.form {
            Form::Record(members) => match members.as_slice() {
                [key, value] if &*key.name == "key" && &*value.name == "value" => {
                    Some(Form::Entries {
                        key: key.node,
                        value: value.node,
                        named: self.is_text(key.node),
                    })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn is_text(&self, node: NodeId) -> bool {
        match self.nodes.get(node).map(|n| &n.form) {
            Some(Form::String | Form::Enum(_)) => true,
            Some(Form::Optional { other, .. }) => {
                let other = self.nodes.get(*other).map(|n| &n.form);
                matches!(other, Some(Form::String | Form::Enum(_)))
            }
            _ => false,
        }
    }
}

fn is_primitive(name: &str) -> bool {
    let primitives = [
        "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    ];
    primitives.contains(&name)
}

fn incomplete_type(what: &'static str, missing: &'static str) -> AvroSchemaError {
    AvroSchemaError::Incomplete { what, missing }
}
