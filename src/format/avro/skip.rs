//! Passes over values that nobody asks for, without writing anything.

use crate::format::avro::error::AvroError;
use crate::format::avro::node::{Form, NodeId};
use crate::format::avro::write::Walk;

impl Walk<'_, '_> {
    /// Passes over one value.
    pub fn skip_value(&mut self, node: NodeId) -> Result<(), AvroError> {
        self.spend_budget(1)?;
        match self.form_of(node) {
            Form::Null => {}
            Form::Boolean => _ = self.input.read_boolean()?,
            Form::Int => _ = self.input.read_int()?,
            Form::Long => _ = self.input.read_long()?,
            Form::Float => _ = self.input.take_bytes(4)?,
            Form::Double => _ = self.input.take_bytes(8)?,
            Form::Bytes | Form::String | Form::BigDecimal => _ = self.input.read_bytes()?,
            Form::Fixed(size) => _ = self.input.take_bytes(*size)?,
            Form::Uuid => _ = self.input.take_bytes(16)?,
            Form::Duration => _ = self.input.take_bytes(12)?,
            Form::Enum(symbols) => _ = self.read_symbol(symbols)?,
            Form::Array(items) => self.skip_list(|w| w.skip_value(*items))?,
            Form::Map(value) => self.skip_list(|w| {
                w.input.read_bytes()?;
                w.skip_value(*value)
            })?,
            Form::Entries { key, value, .. } => self.skip_list(|w| {
                w.skip_value(*key)?;
                w.skip_value(*value)
            })?,
            Form::Record(members) => self.go_deeper(|w| {
                members
                    .iter()
                    .try_for_each(|m| w.skip_value(m.node).map_err(|e| e.in_field(&m.name)))
            })?,
            Form::Optional { null, other } => {
                if !self.is_null(*null)? {
                    self.go_deeper(|w| w.skip_value(*other))?;
                }
            }
            Form::Choice(branches) => {
                let chosen = self.read_branch(branches)?.node;
                self.go_deeper(|w| w.skip_value(chosen))?;
            }
        }
        Ok(())
    }

    /// A block that says how many bytes it has is passed over at once.
    fn skip_list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), AvroError>,
    ) -> Result<(), AvroError> {
        self.go_deeper(|w| {
            while let Some(block) = w.input.read_block_head()? {
                if let Some(bytes) = block.bytes {
                    w.input.take_bytes(bytes)?;
                    continue;
                }
                for _ in 0..block.items {
                    w.spend_budget(1)?;
                    item(w)?;
                }
            }
            Ok(())
        })
    }
}
