//! The documents that a schema is made of: its own, and those that it refers to, found by `$ref`.

use std::collections::HashMap;

use serde_json::Value;

use crate::format::framed::Referred;
use crate::format::json_schema::JsonSchemaError;

/// A schema and those that it refers to.
#[derive(Debug)]
pub(super) struct Documents {
    /// The schema itself.
    pub root: Value,
    /// By the names by which they are referred to, and by the ids that they give themselves.
    others: HashMap<String, usize>,
    texts: Vec<Value>,
}

/// A schema within a document, in which its own references that begin with `#` are looked up.
#[derive(Clone, Copy)]
pub(super) struct Place<'d> {
    pub document: &'d Value,
    pub schema: &'d Value,
}

impl Documents {
    /// Reads all of them.
    ///
    /// # Errors
    /// One of them is no JSON.
    pub fn parse(schema: &str, referred: &[Referred]) -> Result<Self, JsonSchemaError> {
        // serde_json bounds the depth
        let root = serde_json::from_str(schema).map_err(|e| JsonSchemaError::Json {
            line: e.line(),
            column: e.column(),
        })?;
        let (mut others, mut texts) = (HashMap::new(), Vec::new());
        for Referred { name, schema } in referred {
            let json: Value = serde_json::from_str(schema)
                .map_err(|_| JsonSchemaError::ReferredJson(name.clone()))?;
            for id in own_ids(&json) {
                others.entry(id.to_owned()).or_insert(texts.len());
            }
            others.insert(name.clone(), texts.len());
            texts.push(json);
        }
        Ok(Self {
            root,
            others,
            texts,
        })
    }

    /// The whole schema.
    pub fn whole(&self) -> Place<'_> {
        Place {
            document: &self.root,
            schema: &self.root,
        }
    }

    /// What `$ref` says, in this document: `#/definitions/X`, `other.json`, `other.json#/definitions/X`.
    ///
    /// # Errors
    /// There is nothing there.
    pub fn find<'d>(
        &'d self,
        reference: &str,
        document: &'d Value,
    ) -> Result<Place<'d>, JsonSchemaError> {
        let (name, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let is_own = name.is_empty() || own_ids(document).any(|id| id == name);
        let document = match is_own {
            true => Some(document),
            false => self.others.get(name).and_then(|at| self.texts.get(*at)),
        };
        let found = document.and_then(|document| {
            let schema = match fragment.starts_with('/') {
                true => document.pointer(&unescape_percents(fragment))?,
                false if fragment.is_empty() => document,
                false => find_anchor(document, fragment)?,
            };
            Some(Place { document, schema })
        });
        found.ok_or_else(|| JsonSchemaError::Missing(reference.to_owned()))
    }
}

/// The ids that a document gives itself: the whole, and what stands behind its last slash.
fn own_ids(document: &Value) -> impl Iterator<Item = &str> {
    let ids = ["$id", "id"].map(|key| document.get(key).and_then(Value::as_str));
    let ids = ids.into_iter().flatten();
    ids.flat_map(|id| {
        let id = id.trim_end_matches('#');
        [Some(id), id.rsplit_once('/').map(|(_, last)| last)]
    })
    .flatten()
    .filter(|id| !id.is_empty())
}

/// A definition that calls itself so.
fn find_anchor<'d>(document: &'d Value, anchor: &str) -> Option<&'d Value> {
    let definitions = ["$defs", "definitions"].map(|key| document.get(key));
    let definitions = definitions.into_iter().flatten();
    let mut all = definitions
        .filter_map(Value::as_object)
        .flat_map(|of| of.values());
    all.find(|schema| {
        let named = |key, prefix: &str| {
            let id = schema.get(key).and_then(Value::as_str);
            id.and_then(|id| id.strip_prefix(prefix)) == Some(anchor)
        };
        named("$anchor", "") || named("$id", "#")
    })
}

/// A fragment is a part of a URI: a dot in a name may be `%2E`.
fn unescape_percents(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match byte {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
