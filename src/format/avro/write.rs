//! Walks a datum by its schema's nodes and writes JSON text. All loops and recursion over what the
//! bytes say are bounded by how many bytes there are.

use crate::format::avro::bytes::Bytes;
use crate::format::avro::error::AvroError;
use crate::format::avro::node::{Branch, Form, Member, Node, NodeId};
use crate::format::avro::scalar;
use crate::format::json_text;

/// Deeper than any row; a type that holds itself could go on without taking a byte.
const MAX_DEPTH: usize = 64;

/// What a datum may be made of: values looked at and characters written. An item of an array may take
/// no byte at all, and a symbol of an enum many characters for one byte, but no honest datum is long
/// because of that.
const FREE_BUDGET: usize = 1 << 20;
const BUDGET_PER_BYTE: usize = 256;

pub(super) struct Walk<'p, 'b> {
    pub(super) nodes: &'p [Node],
    pub(super) input: Bytes<'b>,
    depth: usize,
    /// How much more may be looked at or written.
    left: usize,
}

impl<'p, 'b> Walk<'p, 'b> {
    /// Starts at the datum's first byte.
    pub fn new(nodes: &'p [Node], datum: &'b [u8]) -> Self {
        Self {
            nodes,
            input: Bytes::new(datum),
            depth: 0,
            left: FREE_BUDGET.saturating_add(datum.len().saturating_mul(BUDGET_PER_BYTE)),
        }
    }

    /// The whole datum must have been read.
    ///
    /// # Errors
    /// There are bytes left.
    pub fn expect_end(&self) -> Result<(), AvroError> {
        match self.input.bytes_left() {
            0 => Ok(()),
            left => Err(AvroError::Trailing(left)),
        }
    }

    pub(super) fn spend_budget(&mut self, amount: usize) -> Result<(), AvroError> {
        let Some(left) = self.left.checked_sub(amount) else {
            return Err(AvroError::TooMuch);
        };
        self.left = left;
        Ok(())
    }

    pub(super) fn form_of(&self, node: NodeId) -> &'p Form {
        self.nodes.get(node).map_or(&Form::Null, |n| &n.form)
    }

    pub(super) fn go_deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, AvroError>,
    ) -> Result<T, AvroError> {
        if self.depth >= MAX_DEPTH {
            return Err(AvroError::TooDeep(MAX_DEPTH));
        }
        self.depth += 1;
        let done = inner(self);
        self.depth -= 1;
        done
    }

    /// Writes one value.
    pub fn write_value(&mut self, node: NodeId, out: &mut String) -> Result<(), AvroError> {
        let before = out.len();
        match self.form_of(node) {
            Form::Null => out.push_str("null"),
            Form::Boolean => out.push_str(if self.input.read_boolean()? {
                "true"
            } else {
                "false"
            }),
            Form::Int => json_text::push_integer(self.input.read_int()?.into(), out),
            Form::Long => json_text::push_integer(self.input.read_long()?, out),
            Form::Float => json_text::push_float(f32::from_le_bytes(self.input.take_array()?), out),
            Form::Double => {
                json_text::push_double(f64::from_le_bytes(self.input.take_array()?), out)
            }
            Form::Bytes => json_text::push_base64(self.input.read_bytes()?, out),
            Form::String => json_text::push_string(self.input.read_text()?, out),
            Form::Fixed(size) => json_text::push_base64(self.input.take_bytes(*size)?, out),
            Form::Uuid => json_text::push_uuid(self.input.take_array()?, out),
            Form::Duration => scalar::push_duration(self.input.take_array()?, out),
            Form::BigDecimal => scalar::push_big_decimal(self.input.read_bytes()?, out)?,
            Form::Enum(symbols) => out.push_str(self.read_symbol(symbols)?),
            // what is inside has been paid for when it was written
            Form::Array(items) => {
                return self.write_list(out, ["[", "]"], |w, out| w.write_value(*items, out));
            }
            Form::Map(value) => {
                return self.write_list(out, ["{", "}"], |w, out| {
                    json_text::push_string(w.input.read_text()?, out);
                    out.push(':');
                    w.write_value(*value, out)
                });
            }
            Form::Entries { key, value, named } => {
                return self.write_entries(*key, *value, *named, out);
            }
            Form::Record(members) => return self.go_deeper(|w| w.write_record(members, out)),
            Form::Optional { null, other } => {
                if !self.is_null(*null)? {
                    return self.go_deeper(|w| w.write_value(*other, out));
                }
                out.push_str("null");
            }
            Form::Choice(branches) => return self.go_deeper(|w| w.write_choice(branches, out)),
        }
        self.spend_budget(1 + out.len().saturating_sub(before))
    }

    pub(super) fn read_symbol(&mut self, symbols: &'p [Box<str>]) -> Result<&'p str, AvroError> {
        let index = self.input.read_int()?;
        let symbol = usize::try_from(index).ok().and_then(|at| symbols.get(at));
        match symbol {
            Some(symbol) => Ok(symbol),
            None => Err(AvroError::Symbol(index.into(), symbols.len())),
        }
    }

    /// Which branch it is, of null and another.
    pub(super) fn is_null(&mut self, null: i64) -> Result<bool, AvroError> {
        match self.input.read_long()? {
            branch @ 0..=1 => Ok(branch == null),
            other => Err(AvroError::Branch(other, 2)),
        }
    }

    fn write_record(&mut self, members: &'p [Member], out: &mut String) -> Result<(), AvroError> {
        let mut opening = '{';
        for member in members {
            out.push(opening);
            opening = ',';
            out.push_str(&member.label);
            self.spend_budget(member.label.len())?;
            self.write_value(member.node, out)
                .map_err(|e| e.in_field(&member.name))?;
        }
        if opening == '{' {
            out.push('{');
        }
        out.push('}');
        self.spend_budget(2)
    }

    pub(super) fn read_branch(&mut self, branches: &'p [Branch]) -> Result<&'p Branch, AvroError> {
        let index = self.input.read_long()?;
        let branch = usize::try_from(index).ok().and_then(|at| branches.get(at));
        branch.ok_or(AvroError::Branch(index, branches.len()))
    }

    /// An object with a field for each branch, all of them null but one.
    fn write_choice(&mut self, branches: &'p [Branch], out: &mut String) -> Result<(), AvroError> {
        let chosen = self.read_branch(branches)?;
        if chosen.label.is_none() {
            out.push_str("null");
            return self.spend_budget(1);
        }
        let mut opening = '{';
        for branch in branches {
            let Some(label) = &branch.label else { continue };
            out.push(opening);
            opening = ',';
            out.push_str(label);
            self.spend_budget(1 + label.len())?;
            if std::ptr::eq(branch, chosen) {
                self.write_value(branch.node, out)?
            } else {
                out.push_str("null")
            }
        }
        out.push('}');
        Ok(())
    }

    fn write_entries(
        &mut self,
        key: NodeId,
        value: NodeId,
        named: bool,
        out: &mut String,
    ) -> Result<(), AvroError> {
        if !named {
            return self.write_list(out, ["[", "]"], |w, out| {
                out.push('[');
                w.write_value(key, out)?;
                out.push(',');
                w.write_value(value, out)?;
                out.push(']');
                Ok(())
            });
        }
        self.write_list(out, ["{", "}"], |w, out| {
            let before = out.len();
            w.write_value(key, out)?;
            if out.get(before..) == Some("null") {
                return Err(AvroError::NoKey);
            }
            out.push(':');
            w.write_value(value, out)
        })
    }

    /// The items of all blocks, with commas between.
    fn write_list(
        &mut self,
        out: &mut String,
        [open, close]: [&str; 2],
        mut item: impl FnMut(&mut Self, &mut String) -> Result<(), AvroError>,
    ) -> Result<(), AvroError> {
        self.go_deeper(|w| {
            out.push_str(open);
            let mut is_first = true;
            while let Some(block) = w.input.read_block_head()? {
                for _ in 0..block.items {
                    w.spend_budget(1)?;
                    if !std::mem::take(&mut is_first) {
                        out.push(',');
                    }
                    item(w, out)?;
                }
            }
            out.push_str(close);
            w.spend_budget(2)
        })
    }
}
