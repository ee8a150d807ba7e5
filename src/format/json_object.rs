//! A JSON object read into the texts of its fields, in one pass and without copying.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bumpalo::Bump;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::change::{Fields, Shape};
use crate::format::message_error::MessageError;
use crate::format::schema::Field;

/// A name, borrowed unless it holds an escape (serde gives a plain Cow only owned).
#[derive(Deserialize)]
pub struct Name<'r>(#[serde(borrow)] pub Cow<'r, str>);

/// Reads an object. Its names are compared with those of the shape that its kind had last, which is
/// cheaper than to keep them, and tells whoever goes by the names that they are the same.
pub struct Object<'s, 'r> {
    shape: &'s mut Arc<Shape>,
    arena: &'r Bump,
}

impl<'s, 'r> Object<'s, 'r> {
    /// `shape` is replaced if the object turns out to have another one.
    pub fn new(shape: &'s mut Arc<Shape>, schema: Option<&Arc<Field>>, arena: &'r Bump) -> Self {
        if shape.schema.as_ref().map(Arc::as_ptr) != schema.map(Arc::as_ptr) {
            *shape = Arc::new(Shape::new(Vec::new(), schema.cloned()));
        }
        Self { shape, arena }
    }

    /// The same once more.
    pub fn reborrow(&mut self) -> Object<'_, 'r> {
        Object {
            shape: self.shape,
            arena: self.arena,
        }
    }

    /// Reads one whole object.
    ///
    /// # Errors
    /// It isn't a JSON object.
    pub fn read_fields(self, raw: &'r str) -> Result<Fields<'r>, MessageError> {
        let mut json = serde_json::Deserializer::from_str(raw);
        let fields = self.deserialize(&mut json);
        Ok(fields.and_then(|fields| json.end().map(|()| fields))?)
    }
}

impl<'de: 'r, 'r> DeserializeSeed<'de> for Object<'_, 'r> {
    type Value = Fields<'r>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'r, 'r> Visitor<'de> for Object<'_, 'r> {
    type Value = Fields<'r>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let expected = self.shape.names.len();
        let mut values = bumpalo::collections::Vec::with_capacity_in(expected, self.arena);
        let mut others: Option<Vec<Box<str>>> = None;
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            let at = values.len();
            values.push(map.next_value::<&'de RawValue>()?.get());
            match &mut others {
                Some(names) => names.push(name.into()),
                None if self.shape.names.get(at).is_some_and(|n| **n == *name) => {}
                None => {
                    let mut names: Vec<Box<str>> =
                        self.shape.names.iter().take(at).cloned().collect();
                    names.push(name.into());
                    others = Some(names);
                }
            }
        }
        if others.is_none() && values.len() < expected {
            others = Some(
                self.shape
                    .names
                    .iter()
                    .take(values.len())
                    .cloned()
                    .collect(),
            );
        }
        if let Some(names) = others {
            let schema = self.shape.schema.clone();
            *self.shape = Arc::new(Shape::new(names, schema));
        }
        Ok(Fields {
            shape: Some(self.shape.clone()),
            values: values.into_bump_slice(),
        })
    }
}

/// An object or null.
pub struct Nullable<'s, 'r>(pub Object<'s, 'r>);

impl<'de: 'r, 'r> DeserializeSeed<'de> for Nullable<'_, 'r> {
    type Value = Option<Fields<'r>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de: 'r, 'r> Visitor<'de> for Nullable<'_, 'r> {
    type Value = Option<Fields<'r>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row or null")
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

/// An object's members as they come, with their names: for what is met once.
pub struct Members<'r>(pub Vec<(Name<'r>, &'r RawValue)>);

impl<'de: 'r, 'r> Deserialize<'de> for Members<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(Name<'de>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Members)
    }
}
