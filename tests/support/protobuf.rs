//! The events of [`super::events`] in Protobuf, as Confluent's serializer writes them.

use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};
use serde_json::{Value as Json, json};

use super::avro::Registry;
use super::events::Event;

/// Registered schemas of keys and values, and their ids. Each has one message.
pub struct Encoder {
    key: (i32, MessageDescriptor),
    value: (i32, MessageDescriptor),
}

const KEY: &str = "syntax = \"proto3\"; package test; message Key { int64 id = 1; }";

/// A message's columns of `public.t`, with more that JSON alone doesn't tell.
const ROW: &str = "int64 id = 1; optional int64 version = 2; optional string body = 3;
    google.type.Date day = 4; google.protobuf.Timestamp seen = 5; confluent.type.Decimal price = 6; optional bytes raw = 7;";

const IMPORTS: &str = "import \"google/type/date.proto\"; import \"google/protobuf/timestamp.proto\"; import \"confluent/type/decimal.proto\";";

/// A schema of rows.
pub fn row_schema() -> String {
    format!("syntax = \"proto3\"; package test; {IMPORTS} message Row {{ {ROW} }}")
}

/// A schema of envelopes.
pub fn envelope_schema() -> String {
    format!(
        "syntax = \"proto3\"; package test; {IMPORTS}
        message Envelope {{
            Row before = 1; Row after = 2; Source source = 3; string op = 4; int64 ts_ms = 5;
            message Row {{ {ROW} }}
            message Source {{
                string version = 1; string connector = 2; string name = 3; int64 ts_ms = 4; optional string snapshot = 5; string db = 6;
                optional string sequence = 7; string schema = 8; string table = 9; optional int64 txId = 10; optional int64 lsn = 11;
            }}
        }}"
    )
}

impl Encoder {
    /// Registers the schemas, values being by this one.
    pub fn register(registry: &Registry, topic: &str, value: &str) -> Self {
        let register = |part: &str, schema: &str| {
            let subject = format!("{topic}-{part}");
            let id = registry.register_text(&subject, "PROTOBUF", schema, json!([]));
            (id, compile(schema))
        };
        Self {
            key: register("key", KEY),
            value: register("value", value),
        }
    }

    /// The same event in Protobuf.
    pub fn encode(&self, event: &Event) -> Event {
        let encoded = |(id, message): &(i32, MessageDescriptor), json: &Option<Vec<u8>>| {
            let json: Json = serde_json::from_slice(json.as_ref()?).expect("JSON");
            let message = message_of(message, &json).encode_to_vec();
            Some([&[0][..], &id.to_be_bytes(), &[0], &message].concat())
        };
        Event {
            key: encoded(&self.key, &event.key),
            value: encoded(&self.value, &event.value),
            ..event.clone()
        }
    }

    pub fn all(&self, events: &[Event]) -> Vec<Event> {
        events.iter().map(|event| self.encode(event)).collect()
    }
}

/// The first message of a schema.
fn compile(schema: &str) -> MessageDescriptor {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("schema.proto");
    std::fs::write(&file, schema).expect("written");
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/src/format/protobuf/known");
    let mut compiler =
        protox::Compiler::new([directory.path(), known.as_ref()]).expect("a compiler");
    compiler.open_file("schema.proto").expect("a schema");
    let pool = compiler.descriptor_pool();
    let file = pool.get_file_by_name("schema.proto").expect("compiled");
    file.messages().next().expect("a message")
}

/// Of an object; what isn't there or is null is left out, and so is what the schema lacks.
fn message_of(descriptor: &MessageDescriptor, json: &Json) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in json.as_object().expect("an object") {
        let field = message.descriptor().get_field_by_name(name);
        if let Some(field) = field.filter(|_| !value.is_null()) {
            message.set_field(&field, value_of(&field.kind(), value));
        }
    }
    message
}

fn value_of(kind: &Kind, json: &Json) -> Value {
    match (kind, json) {
        (Kind::Int64, Json::Number(number)) => Value::I64(number.as_i64().expect("whole")),
        (Kind::Int32, Json::Number(number)) => Value::I32(number.as_i64().expect("whole") as i32),
        (Kind::String, Json::String(text)) => Value::String(text.clone()),
        // each number a byte
        (Kind::Bytes, Json::Array(bytes)) => {
            let bytes = bytes
                .iter()
                .map(|byte| byte.as_u64().expect("a byte") as u8);
            Value::Bytes(bytes.collect::<Vec<u8>>().into())
        }
        (Kind::Message(descriptor), json) => Value::Message(message_of(descriptor, json)),
        (kind, json) => panic!("{json} is no {kind:?}"),
    }
}
