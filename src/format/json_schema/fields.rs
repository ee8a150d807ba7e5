//! A JSON Schema → the schema as Connect would have it, by which values are understood (`src/format/schema.rs`).
//!
//! JsonSchemaConverter says in `connect.type` what JSON has no type for, in `title` a schema's name, in
//! `connect.parameters` its parameters, in `connect.index` a field's place. What isn't understood is
//! [`Kind::Unknown`]: then the destination column decides, as for JSON without a schema.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::format::json_schema::JsonSchemaError;
use crate::format::json_schema::document::{Documents, Place};
use crate::format::schema::{Field, Kind, Logical, SourceColumn, integer_of};

/// Beyond it a value is of unknown kind.
const MAX_DEPTH: usize = 32;

/// A type that is used in many places is there as often, and types that use each other multiply: more are unknown.
const MOST_FIELDS: usize = 50_000;

pub(super) struct FieldBuilder<'d> {
    documents: &'d Documents,
    /// The schemas around the one looked at: one of them within itself would have no end.
    around: Vec<*const Value>,
    count: usize,
}

impl<'d> FieldBuilder<'d> {
    /// Translates a schema of these documents.
    pub fn new(documents: &'d Documents) -> Self {
        Self {
            documents,
            around: Vec::new(),
            count: 0,
        }
    }

    /// The schema of the message.
    ///
    /// # Errors
    /// It is none, or refers to what isn't there.
    pub fn connect_root(&mut self) -> Result<Field, JsonSchemaError> {
        match &self.documents.root {
            Value::Object(_) | Value::Bool(_) => {
                self.connect_field(self.documents.whole(), Arc::from(""))
            }
            _ => Err(JsonSchemaError::NoSchema),
        }
    }

    fn connect_field(
        &mut self,
        place: Place<'d>,
        name: Arc<str>,
    ) -> Result<Field, JsonSchemaError> {
        let unknown = Field::of_kind(name, Kind::Unknown);
        self.count += 1;
        let is_endless = self.around.contains(&std::ptr::from_ref(place.schema));
        let Value::Object(schema) = place.schema else {
            return Ok(unknown);
        };
        if is_endless || self.around.len() >= MAX_DEPTH || self.count > MOST_FIELDS {
            return Ok(unknown);
        }
        self.around.push(place.schema);
        let field = self.connect_object(schema, place, unknown);
        self.around.pop();
        field
    }

    /// `field` has its name, and nothing more.
    fn connect_object(
        &mut self,
        schema: &'d Map<String, Value>,
        place: Place<'d>,
        field: Field,
    ) -> Result<Field, JsonSchemaError> {
        let inner = match text(schema, "$ref") {
            Some(reference) => Some(self.documents.find(reference, place.document)?),
            None => self.only_choice(schema, place),
        };
        let mut field = match inner {
            Some(inner) => self.connect_field(inner, field.name)?,
            None => {
                let kind = self.connect_kind(schema, place)?;
                Field { kind, ..field }
            }
        };
        field.optional |= allows_null(schema);
        let default = schema.get("default").filter(|default| !default.is_null());
        field.default = default.cloned().map(Box::new).or(field.default);
        // a title may be any words
        let logical = text(schema, "title").map(Logical::from_name);
        field.logical = logical.filter(|it| *it != Logical::Other).or(field.logical);
        let parameters = schema.get("connect.parameters").and_then(Value::as_object);
        let parameter = |name| integer_of(parameters?.get(name));
        field.scale = parameter("scale").or(field.scale);
        field.length = parameter("length").or(field.length);
        let source = parameters.and_then(SourceColumn::from_parameters);
        field.source = source.or(field.source);
        Ok(field)
    }

    /// What is left of a choice once null is taken out, if it is one: that is how an optional value is written.
    fn only_choice(&self, schema: &'d Map<String, Value>, place: Place<'d>) -> Option<Place<'d>> {
        let of = |key| schema.get(key).and_then(Value::as_array);
        let choices = of("oneOf").or(of("anyOf")).or(of("allOf"))?;
        let mut others = choices.iter().filter(|choice| !is_null(choice));
        match (others.next(), others.next()) {
            (Some(schema), None) => Some(Place { schema, ..place }),
            _ => None,
        }
    }

    fn connect_kind(
        &mut self,
        schema: &'d Map<String, Value>,
        place: Place<'d>,
    ) -> Result<Kind, JsonSchemaError> {
        let connect_type = text(schema, "connect.type");
        let scalar = match connect_type {
            Some("int8") => Some(Kind::Int8),
            Some("int16") => Some(Kind::Int16),
            Some("int32") => Some(Kind::Int32),
            Some("int64") => Some(Kind::Int64),
            Some("float32") => Some(Kind::Float),
            Some("float64") => Some(Kind::Double),
            Some("bytes") => Some(Kind::Bytes),
            _ => None,
        };
        if let Some(kind) = scalar {
            return Ok(kind);
        }
        Ok(match only_type(schema) {
            Some("integer") => Kind::Int64,
            Some("boolean") => Kind::Boolean,
            Some("string") => Kind::String,
            // a map whose keys aren't texts is an array, too: of objects with key and value
            Some("array") if connect_type != Some("map") => match schema.get("items") {
                Some(items @ Value::Object(_)) => Kind::Array(self.inner_field(items, place)?),
                _ => Kind::Unknown,
            },
            Some("object") | None => {
                match (schema.get("properties"), schema.get("additionalProperties")) {
                    (Some(Value::Object(properties)), _) if connect_type != Some("map") => {
                        Kind::Struct(self.connect_members(schema, properties, place)?)
                    }
                    (None, Some(values @ Value::Object(_))) => {
                        Kind::Map(self.inner_field(values, place)?)
                    }
                    _ => Kind::Unknown,
                }
            }
            // a number's own digits say more than a float could
            _ => Kind::Unknown,
        })
    }

    fn inner_field(
        &mut self,
        schema: &'d Value,
        place: Place<'d>,
    ) -> Result<Box<Field>, JsonSchemaError> {
        let place = Place { schema, ..place };
        self.connect_field(place, Arc::from("")).map(Box::new)
    }

    /// In Connect's order where it is told.
    fn connect_members(
        &mut self,
        schema: &'d Map<String, Value>,
        properties: &'d Map<String, Value>,
        place: Place<'d>,
    ) -> Result<Vec<Field>, JsonSchemaError> {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|names| names.iter().any(|it| it.as_str() == Some(name)))
        };
        let mut members: Vec<(&String, &Value)> = properties.iter().collect();
        members.sort_by_key(|(_, member)| index_of(member));
        let mut fields = Vec::with_capacity(members.len());
        for (name, member) in members {
            let member = Place {
                schema: member,
                ..place
            };
            let mut field = self.connect_field(member, Arc::from(name.as_str()))?;
            field.optional |= field.default.is_none() && !is_required(name);
            fields.push(field);
        }
        Ok(fields)
    }
}

fn text<'v>(schema: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    schema.get(key)?.as_str()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// `type: ["null", …]`, or a choice with null in it.
fn allows_null(schema: &Map<String, Value>) -> bool {
    let of = |key| schema.get(key).and_then(Value::as_array);
    let types = of("type").is_some_and(|types| types.iter().any(|it| it.as_str() == Some("null")));
    let choices = of("oneOf").or(of("anyOf"));
    types || choices.is_some_and(|choices| choices.iter().any(is_null))
}

/// Its type, if it has one beside null.
fn only_type(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(only) => Some(only),
        Value::Array(types) => {
            let mut others = types
                .iter()
                .filter_map(Value::as_str)
                .filter(|it| *it != "null");
            match (others.next(), others.next()) {
                (Some(only), None) => Some(only),
                _ => Some("several"),
            }
        }
        _ => None,
    }
}

/// Where JsonSchemaConverter says that a field stands; around an optional one, it says so outside of the choice.
fn index_of(member: &Value) -> i64 {
    let index = member.get("connect.index").and_then(Value::as_i64);
    index.unwrap_or(i64::MAX)
}
