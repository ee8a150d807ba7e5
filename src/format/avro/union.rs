//! Unions: an optional value, or Connect's struct of several.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::format::avro::compile::Compiler;
use crate::format::avro::error::AvroSchemaError;
use crate::format::avro::node::{Branch, Form, Meaning, NodeId, json_label};

impl Compiler {
    /// A named type that is still being read looks like null, and isn't.
    fn is_null(&self, node: NodeId) -> bool {
        let form = self.nodes.get(node).map(|n| &n.form);
        matches!(form, Some(Form::Null)) && !self.called.contains_key(&node)
    }

    pub(super) fn compile_union(
        &mut self,
        branches: &[Value],
        namespace: &str,
    ) -> Result<NodeId, AvroSchemaError> {
        let mut nodes = Vec::with_capacity(branches.len());
        for branch in branches {
            if branch.is_array() {
                return Err(AvroSchemaError::Wrong("a union within a union"));
            }
            nodes.push(self.compile_type(branch, namespace)?);
        }
        let form = match nodes.as_slice() {
            [] => return Err(AvroSchemaError::Wrong("a union of nothing")),
            [only] => return Ok(*only),
            [null, other] if self.is_null(*null) && !self.is_null(*other) => Form::Optional {
                null: 0,
                other: *other,
            },
            [other, null] if self.is_null(*null) && !self.is_null(*other) => Form::Optional {
                null: 1,
                other: *other,
            },
            several => {
                let branches = several.iter().map(|node| self.name_branch(*node));
                let branches: Vec<Branch> = branches.collect();
                let names: HashSet<&str> = branches.iter().map(|b| &*b.name).collect();
                if names.len() < branches.len() {
                    return Err(AvroSchemaError::Wrong(
                        "a union with two branches of one name",
                    ));
                }
                Form::Choice(branches)
            }
        };
        self.push_node(form, Meaning::default())
    }

    /// Connect calls a branch by its type's name, without the namespace.
    fn name_branch(&self, node: NodeId) -> Branch {
        let name = match (self.called.get(&node), self.nodes.get(node)) {
            (Some(name), _) => name.clone(),
            (None, Some(node)) => Arc::from(match node.form {
                Form::Null => "null",
                Form::Boolean => "boolean",
                Form::Int => "int",
                Form::Long => "long",
                Form::Float => "float",
                Form::Double => "double",
                Form::String => "string",
                Form::Map(_) => "map",
                Form::Array(_) | Form::Entries { .. } => "array",
                _ => "bytes",
            }),
            (None, None) => Arc::from(""),
        };
        let label = (!self.is_null(node)).then(|| json_label(&name));
        Branch { name, label, node }
    }
}
