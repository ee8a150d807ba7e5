//! A message's descriptor → the schema as Connect would have it, by which values are understood (`src/format/schema.rs`).

use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind as ProtobufKind, MapKey, MessageDescriptor, Value};

use crate::format::protobuf::well_known::{WellKnown, wrapped_field};
use crate::format::schema::{Field, Kind};

/// Beyond it a value is of unknown kind: then its column decides.
const MAX_DEPTH: usize = 32;

/// Messages that use each other multiply: more are unknown.
const MOST_FIELDS: usize = 50_000;

/// The option in which ProtobufConverter says what Protobuf has no type for.
const FIELD_META: &str = "confluent.field_meta";

#[derive(Default)]
pub(super) struct FieldBuilder {
    /// The messages around the one looked at: one of them within itself would have no end.
    around: Vec<MessageDescriptor>,
    count: usize,
}

impl FieldBuilder {
    /// The schema of a whole message.
    pub fn connect_message(&mut self, message: &MessageDescriptor) -> Field {
        self.connect_kind(&ProtobufKind::Message(message.clone()), Arc::from(""))
    }

    fn connect_field(&mut self, field: &FieldDescriptor) -> Field {
        let name: Arc<str> = field.name().into();
        if let (true, ProtobufKind::Message(entry)) = (field.is_map(), field.kind()) {
            let value = entry.map_entry_value_field().kind();
            let value = self.connect_kind(&value, Arc::from(""));
            return Field::of_kind(name, Kind::Map(Box::new(value)));
        }
        if field.is_list() {
            let item = self.connect_kind(&field.kind(), Arc::from(""));
            return Field::of_kind(name, Kind::Array(Box::new(item)));
        }
        let told = self.connect_kind(&field.kind(), name);
        let kind = match (&told.kind, connect_type(field).as_deref()) {
            (Kind::Int32, Some("int8")) => Kind::Int8,
            (Kind::Int32, Some("int16")) => Kind::Int16,
            _ => told.kind,
        };
        Field {
            kind,
            optional: field.supports_presence() && !field.is_required(),
            ..told
        }
    }

    fn connect_kind(&mut self, kind: &ProtobufKind, name: Arc<str>) -> Field {
        self.count += 1;
        let kind = match kind {
            ProtobufKind::Double => Kind::Double,
            ProtobufKind::Float => Kind::Float,
            ProtobufKind::Int32 | ProtobufKind::Sint32 | ProtobufKind::Sfixed32 => Kind::Int32,
            ProtobufKind::Int64
            | ProtobufKind::Sint64
            | ProtobufKind::Sfixed64
            | ProtobufKind::Uint32
            | ProtobufKind::Fixed32 => Kind::Int64,
            // Connect has no type that holds them all: their digits are written, whatever the column makes of them
            ProtobufKind::Uint64 | ProtobufKind::Fixed64 => Kind::Int64,
            ProtobufKind::Bool => Kind::Boolean,
            ProtobufKind::String | ProtobufKind::Enum(_) => Kind::String,
            ProtobufKind::Bytes => Kind::Bytes,
            ProtobufKind::Message(message) => match WellKnown::of(message) {
                Some(known) => return self.connect_known(known, message, name),
                None => self.connect_struct(message),
            },
        };
        Field::of_kind(name, kind)
    }

    fn connect_known(
        &mut self,
        known: WellKnown,
        message: &MessageDescriptor,
        name: Arc<str>,
    ) -> Field {
        let kind = match known {
            WellKnown::Timestamp | WellKnown::TimeOfDay => Kind::Int64,
            WellKnown::Date => Kind::Int32,
            WellKnown::Decimal => Kind::Struct(vec![
                Field::of_kind("scale".into(), Kind::Int32),
                Field::of_kind("value".into(), Kind::Bytes),
            ]),
            WellKnown::Wrapper => match wrapped_field(message) {
                Some(wrapped) => return self.connect_kind(&wrapped.kind(), name),
                None => Kind::Unknown,
            },
        };
        Field {
            logical: known.logical(),
            ..Field::of_kind(name, kind)
        }
    }

    fn connect_struct(&mut self, message: &MessageDescriptor) -> Kind {
        let is_endless = self.around.contains(message);
        if is_endless || self.around.len() >= MAX_DEPTH || self.count > MOST_FIELDS {
            return Kind::Unknown;
        }
        self.around.push(message.clone());
        let fields = message.fields().map(|field| self.connect_field(&field));
        let fields = fields.collect();
        self.around.pop();
        Kind::Struct(fields)
    }
}

/// Connect's type of a field, where its options name it.
fn connect_type(field: &FieldDescriptor) -> Option<String> {
    let meta = field.parent_pool().get_extension_by_name(FIELD_META)?;
    let options = field.options();
    let meta = options.get_extension(&meta);
    let parameters = meta.as_message()?.get_field_by_name("params")?;
    let told = parameters
        .as_map()?
        .get(&MapKey::String("connect.type".to_owned()));
    told.and_then(Value::as_str).map(str::to_owned)
}
