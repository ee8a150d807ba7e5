//! The events of [`super::events`] in Avro, as Debezium writes them, and a client of a schema registry.

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Value as Json, json};

use super::events::Event;

/// A registry's Confluent API.
pub struct Registry {
    pub url: String,
}

/// Registered schemas of keys and values, and their ids.
pub struct Encoder {
    pub key: (i32, Schema),
    pub value: (i32, Schema),
}

impl Registry {
    /// `address` without a path, as Apicurio's.
    pub fn at(address: &str) -> Self {
        Self {
            url: format!("{address}/apis/ccompat/v7"),
        }
    }

    /// Returns the schema's id.
    pub fn register(&self, subject: &str, schema: &Json) -> i32 {
        self.register_with(subject, schema, json!([]))
    }

    pub fn register_with(&self, subject: &str, schema: &Json, references: Json) -> i32 {
        let body = json!({ "schema": schema.to_string(), "references": references });
        self.post_version(subject, &body)
    }

    /// A schema's text, of this type: AVRO, JSON, PROTOBUF.
    pub fn register_text(&self, subject: &str, kind: &str, schema: &str, references: Json) -> i32 {
        let body = json!({ "schema": schema, "schemaType": kind, "references": references });
        self.post_version(subject, &body)
    }

    fn post_version(&self, subject: &str, body: &Json) -> i32 {
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let mut answer = ureq::post(&url)
            .header("Content-Type", "application/vnd.schemaregistry.v1+json")
            .send(body.to_string())
            .unwrap_or_else(|e| panic!("{url}: {e}"));
        let answer = answer.body_mut().read_to_string().expect("an answer");
        let answer: Json = serde_json::from_str(&answer).expect("JSON");
        answer["id"].as_i64().expect("an id") as i32
    }

    /// For events of `public.t`, with these columns more: name and type.
    pub fn encoder(&self, topic: &str, more: &[(&str, Json)]) -> Encoder {
        let key = json!({"type": "record", "name": "Key", "namespace": "test.public.t",
            "fields": [{"name": "id", "type": "long"}]});
        let value = envelope(topic, more);
        let register = |part: &str, schema: &Json| {
            let id = self.register(&format!("{topic}-{part}"), schema);
            (
                id,
                Schema::parse_str(&schema.to_string()).expect("a schema"),
            )
        };
        Encoder {
            key: register("key", &key),
            value: register("value", &value),
        }
    }
}

/// Of a table of the audit's, as Debezium has it. `doc` makes it another schema for each test.
pub fn envelope(doc: &str, more: &[(&str, Json)]) -> Json {
    let optional =
        |name: &str, kind: &str| json!({"name": name, "type": ["null", kind], "default": null});
    let mut columns = vec![
        json!({"name": "id", "type": "long"}),
        json!({"name": "version", "type": ["null", "long"], "default": null}),
        optional("body", "string"),
    ];
    let more = more.iter();
    columns.extend(
        more.map(|(name, kind)| json!({"name": name, "type": ["null", kind], "default": null})),
    );
    json!({"type": "record", "name": "Envelope", "namespace": "test.public.t", "doc": doc, "fields": [
        {"name": "before", "type": ["null", {"type": "record", "name": "Value", "fields": columns}], "default": null},
        {"name": "after", "type": ["null", "Value"], "default": null},
        {"name": "source", "type": {"type": "record", "name": "Source", "namespace": "io.debezium.connector.postgresql", "fields": [
            {"name": "version", "type": "string"}, {"name": "connector", "type": "string"}, {"name": "name", "type": "string"},
            {"name": "ts_ms", "type": "long"}, optional("snapshot", "string"), {"name": "db", "type": "string"},
            optional("sequence", "string"), {"name": "schema", "type": "string"}, {"name": "table", "type": "string"},
            optional("txId", "long"), optional("lsn", "long"), optional("xmin", "long")]}},
        {"name": "op", "type": "string"}, optional("ts_ms", "long"), optional("transaction", "string")]})
}

impl Encoder {
    /// The same event in Avro.
    pub fn encode(&self, event: &Event) -> Event {
        let encoded = |part: &(i32, Schema), json: &Option<Vec<u8>>| {
            let json: Json = serde_json::from_slice(json.as_ref()?).expect("JSON");
            Some(message(part, json))
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

/// In Confluent's wire format.
pub fn message((id, schema): &(i32, Schema), json: Json) -> Vec<u8> {
    let value = untyped(&json).resolve(schema).expect("fits its schema");
    let writer = GenericDatumWriter::builder(schema)
        .build()
        .expect("a writer");
    let datum = writer.write_value_to_vec(value).expect("encoded");
    [&[0][..], &id.to_be_bytes(), &datum].concat()
}

/// What the schema then makes of it.
fn untyped(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => number.as_i64().map_or_else(
            || Value::Double(number.as_f64().expect("a number")),
            Value::Long,
        ),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(untyped).collect()),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), untyped(value)));
            Value::Map(fields.collect())
        }
    }
}
