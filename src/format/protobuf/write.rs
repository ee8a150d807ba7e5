//! A message → its JSON text, as Connect's JsonConverter would have written it.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};

use crate::format::json_text;
use crate::format::protobuf::error::ProtobufError;
use crate::format::protobuf::well_known::{self, WellKnown};

/// How long a text may become. A message of two bytes may have hundreds of fields, all with their defaults, but no honest
/// one is long because of that.
const FREE_BUDGET: usize = 1 << 20;
const BUDGET_PER_BYTE: usize = 256;

pub(super) struct Writer {
    out: String,
    most: usize,
}

impl Writer {
    /// Of a message of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            out: String::new(),
            most: FREE_BUDGET.saturating_add(bytes.saturating_mul(BUDGET_PER_BYTE)),
        }
    }

    /// The text of a whole message. What was decoded is nested no deeper than prost allows.
    ///
    /// # Errors
    /// A value isn't what its message stands for, or the text would be far too long.
    pub fn write_whole(mut self, message: &DynamicMessage) -> Result<String, ProtobufError> {
        self.write_message(message)?;
        Ok(self.out)
    }

    fn write_message(&mut self, message: &DynamicMessage) -> Result<(), ProtobufError> {
        let descriptor = message.descriptor();
        if let Some(known) = WellKnown::of(&descriptor) {
            return self.write_known(known, message);
        }
        let mut opening = '{';
        for field in descriptor.fields() {
            self.out.push(opening);
            opening = ',';
            json_text::push_string(field.name(), &mut self.out);
            self.out.push(':');
            self.write_field(message, &field)?;
        }
        if opening == '{' {
            self.out.push('{');
        }
        self.out.push('}');
        Ok(())
    }

    fn write_known(
        &mut self,
        known: WellKnown,
        message: &DynamicMessage,
    ) -> Result<(), ProtobufError> {
        let number = match known {
            WellKnown::Timestamp => well_known::micros_of_timestamp(message)?,
            WellKnown::Date => well_known::days_of_date(message)?,
            WellKnown::TimeOfDay => well_known::micros_of_time(message)?,
            WellKnown::Decimal => {
                well_known::push_decimal(message, &mut self.out);
                return Ok(());
            }
            WellKnown::Wrapper => {
                return match well_known::wrapped_field(&message.descriptor()) {
                    Some(field) => self.write_value(&message.get_field(&field), &field.kind()),
                    None => self.write_null(),
                };
            }
        };
        json_text::push_integer(number, &mut self.out);
        Ok(())
    }

    fn write_null(&mut self) -> Result<(), ProtobufError> {
        self.out.push_str("null");
        Ok(())
    }

    /// What isn't there is null, unless it has no presence, or its schema says what it is then.
    fn write_field(
        &mut self,
        message: &DynamicMessage,
        field: &FieldDescriptor,
    ) -> Result<(), ProtobufError> {
        let has_default = || field.field_descriptor_proto().default_value.is_some();
        if field.supports_presence() && !message.has_field(field) && !has_default() {
            return self.write_null();
        }
        self.write_value(&message.get_field(field), &field.kind())
    }

    fn write_value(&mut self, value: &Value, kind: &Kind) -> Result<(), ProtobufError> {
        let out = &mut self.out;
        match value {
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::I32(number) => json_text::push_integer(i64::from(*number), out),
            Value::I64(number) => json_text::push_integer(*number, out),
            Value::U32(number) => json_text::push_integer(i64::from(*number), out),
            Value::U64(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Value::F32(number) => json_text::push_float(*number, out),
            Value::F64(number) => json_text::push_double(*number, out),
            Value::String(text) => json_text::push_string(text, out),
            Value::Bytes(bytes) => json_text::push_base64(bytes, out),
            Value::EnumNumber(number) => {
                let word = kind.as_enum().and_then(|of| of.get_value(*number));
                match word {
                    Some(word) => json_text::push_string(word.name(), out),
                    // newer than the schema
                    None => json_text::push_integer(i64::from(*number), out),
                }
            }
            Value::Message(message) => self.write_message(message)?,
            Value::List(items) => self.write_all(["[", "]"], items.iter(), |w, item| {
                w.write_value(item, kind)
            })?,
            Value::Map(entries) => {
                let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
                // in an order that is the same for the same map
                entries.sort_by_key(|(key, _)| *key);
                self.write_entries(&entries, kind)?;
            }
        }
        match self.out.len() > self.most {
            true => Err(ProtobufError::TooMuch),
            false => Ok(()),
        }
    }

    /// JSON has an object for keys that are texts; else there is an array of pairs.
    fn write_entries(
        &mut self,
        entries: &[(&MapKey, &Value)],
        kind: &Kind,
    ) -> Result<(), ProtobufError> {
        let Some(entry) = kind.as_message() else {
            return self.write_null();
        };
        let value_kind = entry.map_entry_value_field().kind();
        if entry.map_entry_key_field().kind() == Kind::String {
            return self.write_all(["{", "}"], entries.iter(), |w, (key, value)| {
                w.write_key(key);
                w.out.push(':');
                w.write_value(value, &value_kind)
            });
        }
        self.write_all(["[", "]"], entries.iter(), |w, (key, value)| {
            w.out.push('[');
            w.write_key(key);
            w.out.push(',');
            w.write_value(value, &value_kind)?;
            w.out.push(']');
            Ok(())
        })
    }

    fn write_key(&mut self, key: &MapKey) {
        let out = &mut self.out;
        match key {
            MapKey::String(text) => json_text::push_string(text, out),
            MapKey::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            MapKey::I32(number) => json_text::push_integer(i64::from(*number), out),
            MapKey::I64(number) => json_text::push_integer(*number, out),
            MapKey::U32(number) => json_text::push_integer(i64::from(*number), out),
            MapKey::U64(number) => out.push_str(itoa::Buffer::new().format(*number)),
        }
    }

    /// With commas between.
    fn write_all<T>(
        &mut self,
        [open, close]: [&str; 2],
        items: impl Iterator<Item = T>,
        mut item: impl FnMut(&mut Self, T) -> Result<(), ProtobufError>,
    ) -> Result<(), ProtobufError> {
        self.out.push_str(open);
        for (at, one) in items.enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            item(self, one)?;
        }
        self.out.push_str(close);
        Ok(())
    }
}
