//! Records as the sources of public connectors write them: a history of one table in an envelope and an encoding.

use apache_avro::Schema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::avro::{Encoder, Registry};
use crate::support::{Event, stack};

#[derive(Deserialize)]
pub struct Shape {
    value: Envelope,
    encoding: Encoding,
    key: Key,
    /// `name type`, with ` key` behind those of the key.
    columns: Vec<String>,
    /// `c`, `u` or `d`, and a value for each column.
    history: Vec<Vec<Value>>,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Envelope {
    /// Debezium's, from one of these; a delete is followed by a tombstone.
    Mysql,
    Postgresql,
    Oracle,
    /// A connector whose events have no position.
    Milvus,
    /// The row itself; a delete is a tombstone.
    Flat,
    /// What ExtractNewRecordState makes with delete.handling.mode=rewrite, with and without tombstones, and with added fields.
    Rewrite,
    RewriteWithoutTombstones,
    RewriteWithFields,
    /// MongoDB's: documents as texts.
    Mongodb,
    /// A text that isn't JSON.
    Text,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Encoding {
    Json,
    JsonWithSchemas,
    Avro,
    JsonSchema,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Key {
    /// The key's columns, encoded as the value is.
    Record,
    /// The key's only column as a plain text, and the same where the value hasn't got it, as ksqlDB writes it.
    Text,
    TextAlone,
    None,
}

struct Column<'a> {
    name: &'a str,
    kind: &'a str,
    key: bool,
}

/// Connect's base type and the name of what it means.
fn connect_type(kind: &str) -> (&str, Option<&str>) {
    match kind {
        "timestamp" => ("int64", Some("org.apache.kafka.connect.data.Timestamp")),
        "micros" => ("int64", Some("io.debezium.time.MicroTimestamp")),
        "zoned" => ("string", Some("io.debezium.time.ZonedTimestamp")),
        "date" => ("int32", Some("io.debezium.time.Date")),
        base => (base, None),
    }
}

impl Shape {
    /// The history as a topic's records.
    pub fn events(&self, topic: &str) -> Vec<Event> {
        let encode = Codec::of(self, topic);
        let mut events = Vec::new();
        for (at, change) in self.history.iter().enumerate() {
            let op = change[0].as_str().unwrap();
            let row = self.row(&change[1..]);
            let key = encode.key(&row);
            let names: Vec<&str> = self.value_columns().map(|column| column.name).collect();
            let row = row
                .into_iter()
                .filter(|(name, _)| names.contains(&name.as_str()));
            if let Some(value) = self.wrap(op, &row.collect(), topic, at) {
                events.push(Event {
                    value: Some(encode.value(&value)),
                    key: key.clone(),
                    ..Event::default()
                });
            }
            let tombstones = !matches!(
                self.value,
                Envelope::RewriteWithoutTombstones | Envelope::Text
            );
            if op == "d" && tombstones {
                events.push(Event {
                    key,
                    ..Event::default()
                });
            }
        }
        events
    }

    fn columns(&self) -> impl Iterator<Item = Column<'_>> {
        self.columns.iter().map(|column| {
            let mut words = column.split(' ');
            Column {
                name: words.next().unwrap(),
                kind: words.next().unwrap(),
                key: words.next() == Some("key"),
            }
        })
    }

    fn value_columns(&self) -> impl Iterator<Item = Column<'_>> {
        let alone = self.key == Key::TextAlone;
        self.columns().filter(move |column| !(alone && column.key))
    }

    fn row(&self, values: &[Value]) -> Map<String, Value> {
        let names = self.columns().map(|column| column.name.to_owned());
        names.zip(values.iter().cloned()).collect()
    }

    /// The record's value; none where a delete is a tombstone alone.
    fn wrap(&self, op: &str, row: &Map<String, Value>, topic: &str, at: usize) -> Option<Value> {
        let (gone, mut flat) = (op == "d", Value::Object(row.clone()));
        match self.value {
            Envelope::Flat => (!gone).then_some(flat),
            Envelope::Rewrite | Envelope::RewriteWithoutTombstones => {
                flat["__deleted"] = gone.to_string().into();
                Some(flat)
            }
            Envelope::RewriteWithFields => {
                flat["__deleted"] = gone.to_string().into();
                flat["__op"] = op.into();
                flat["__source_ts_ms"] = (MILLIS + at as i64).into();
                Some(flat)
            }
            Envelope::Text => Some(format!("{op} {at}").into()),
            Envelope::Mongodb => Some(json!({
                "before": null, "after": (!gone).then(|| flat.to_string()), "op": op, "ts_ms": MILLIS,
                "source": {"version": "2.7.0.Final", "connector": "mongodb", "name": "m", "ts_ms": MILLIS, "db": "d", "collection": topic, "ord": at},
            })),
            _ => Some(json!({
                "before": if gone { flat.clone() } else { Value::Null },
                "after": if gone { Value::Null } else { flat },
                "source": self.source(topic, at), "op": op, "ts_ms": MILLIS + at as i64,
            })),
        }
    }

    fn source(&self, topic: &str, at: usize) -> Value {
        let table = topic.rsplit('.').next().unwrap();
        let mut source = json!({"version": "3.6.0.Final", "connector": "mysql", "name": "origin",
            "ts_ms": MILLIS + at as i64, "snapshot": "false", "db": "origin", "table": table});
        let more = match self.value {
            Envelope::Mysql => {
                json!({"server_id": 1, "file": "binlog.000003", "pos": 400 + 100 * at, "row": 0})
            }
            Envelope::Postgresql => {
                json!({"connector": "postgresql", "schema": "public", "txId": 700 + at, "lsn": 9000 + 10 * at})
            }
            Envelope::Oracle => {
                json!({"connector": "oracle", "schema": "SHOW", "txId": format!("0500{at}"), "scn": format!("{}", 2000 + at)})
            }
            _ => json!({"connector": "milvus"}),
        };
        let more = more.as_object().unwrap().clone();
        source.as_object_mut().unwrap().extend(more);
        source
    }
}

/// 2026-11-01.
const MILLIS: i64 = 1_793_491_200_000;

/// How a topic's records become bytes.
struct Codec<'a> {
    shape: &'a Shape,
    topic: &'a str,
    avro: Option<Encoder>,
    json_schema: Option<i32>,
}

impl<'a> Codec<'a> {
    fn of(shape: &'a Shape, topic: &'a str) -> Self {
        let registry = Registry::at(&stack().registry);
        let codec = Self {
            shape,
            topic,
            avro: None,
            json_schema: None,
        };
        match shape.encoding {
            Encoding::Avro => {
                let register = |part: &str, schema: Value| {
                    let id = registry.register(&format!("{topic}-{part}"), &schema);
                    (id, Schema::parse_str(&schema.to_string()).unwrap())
                };
                let avro = Some(Encoder {
                    key: register("key", codec.avro_record("Key", true)),
                    value: register("value", codec.avro_value()),
                });
                Self { avro, ..codec }
            }
            Encoding::JsonSchema => {
                let schema = codec.json_schema_of_rows().to_string();
                let subject = format!("{topic}-value");
                let id = registry.register_text(&subject, "JSON", &schema, json!([]));
                Self {
                    json_schema: Some(id),
                    ..codec
                }
            }
            Encoding::Json | Encoding::JsonWithSchemas => codec,
        }
    }

    fn key(&self, row: &Map<String, Value>) -> Option<Vec<u8>> {
        let columns = self.shape.columns().filter(|column| column.key);
        let fields: Map<String, Value> = columns
            .map(|column| (column.name.to_owned(), row[column.name].clone()))
            .collect();
        match self.shape.key {
            Key::None => None,
            Key::Text | Key::TextAlone => {
                let only = fields.values().next().unwrap();
                let text = only.as_str().map_or(only.to_string(), str::to_owned);
                Some(text.into_bytes())
            }
            Key::Record => Some(self.encode(&fields.into(), true)),
        }
    }

    fn value(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::String(text) => text.clone().into_bytes(),
            _ => self.encode(value, false),
        }
    }

    fn encode(&self, value: &Value, key: bool) -> Vec<u8> {
        let plain = value.to_string().into_bytes();
        if let Some(avro) = &self.avro {
            let (of_key, of_value) = if key {
                (Some(plain), None)
            } else {
                (None, Some(plain))
            };
            let encoded = avro.encode(&Event {
                key: of_key,
                value: of_value,
                ..Event::default()
            });
            return encoded.key.or(encoded.value).unwrap();
        }
        if let Some(id) = self.json_schema {
            return [&[0][..], &id.to_be_bytes(), &plain].concat();
        }
        if self.shape.encoding == Encoding::Json {
            return plain;
        }
        let schema = if key {
            self.struct_of(self.shape.columns().filter(|column| column.key), "Key")
        } else {
            self.value_schema(value)
        };
        json!({"schema": schema, "payload": value})
            .to_string()
            .into_bytes()
    }

    fn struct_of<'c>(&self, columns: impl Iterator<Item = Column<'c>>, name: &str) -> Value {
        let fields: Vec<Value> = columns
            .map(|column| {
                let (base, semantic) = connect_type(column.kind);
                let mut field =
                    json!({"type": base, "optional": !column.key, "field": column.name});
                if let Some(semantic) = semantic {
                    field["name"] = semantic.into();
                }
                field
            })
            .collect();
        json!({"type": "struct", "optional": true, "name": format!("{}.{name}", self.topic), "fields": fields})
    }

    /// Connect's, as its JSON converter writes it beside each value.
    fn value_schema(&self, value: &Value) -> Value {
        let mut row = self.struct_of(self.shape.value_columns(), "Value");
        let Some(source) = value.get("source") else {
            let added = value.as_object().unwrap().iter();
            let added = added.filter(|(name, _)| name.starts_with("__"));
            row["fields"]
                .as_array_mut()
                .unwrap()
                .extend(added.map(|(name, value)| guessed(name, value)));
            return row;
        };
        let of_source: Vec<Value> = source
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| guessed(name, value))
            .collect();
        let mut field = |name: &str| {
            row["field"] = name.into();
            row.clone()
        };
        json!({"type": "struct", "optional": false, "name": format!("{}.Envelope", self.topic), "fields": [
            field("before"), field("after"),
            {"type": "struct", "optional": false, "field": "source", "name": "io.debezium.connector.Source", "fields": of_source},
            {"type": "string", "optional": false, "field": "op"}, {"type": "int64", "optional": true, "field": "ts_ms"}]})
    }

    fn avro_record(&self, name: &str, keys: bool) -> Value {
        let columns: Vec<Column<'_>> = if keys {
            self.shape.columns().filter(|column| column.key).collect()
        } else {
            self.shape.value_columns().collect()
        };
        let fields: Vec<Value> = columns
            .iter()
            .map(|column| {
                let (base, semantic) = connect_type(column.kind);
                let base = match base {
                    "int32" | "int16" => "int",
                    "int64" => "long",
                    other => other,
                };
                let mut kind = json!({ "type": base });
                if let Some(semantic) = semantic {
                    kind["connect.name"] = semantic.into();
                }
                if column.kind == "timestamp" {
                    kind["logicalType"] = "timestamp-millis".into();
                }
                match column.key {
                    true => json!({"name": column.name, "type": kind}),
                    false => json!({"name": column.name, "type": ["null", kind], "default": null}),
                }
            })
            .collect();
        json!({"type": "record", "name": name, "namespace": "origin", "fields": fields})
    }

    fn avro_value(&self) -> Value {
        let row = self.avro_record("Value", false);
        if self.shape.value == Envelope::Flat {
            return row;
        }
        let optional =
            |name: &str, kind: &str| json!({"name": name, "type": ["null", kind], "default": null});
        json!({"type": "record", "name": "Envelope", "namespace": "origin", "fields": [
            {"name": "before", "type": ["null", row], "default": null}, optional("after", "Value"),
            {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
                {"name": "version", "type": "string"}, {"name": "connector", "type": "string"}, {"name": "name", "type": "string"},
                {"name": "ts_ms", "type": "long"}, optional("snapshot", "string"), {"name": "db", "type": "string"},
                {"name": "schema", "type": "string"}, {"name": "table", "type": "string"}, optional("txId", "long"), optional("lsn", "long")]}},
            {"name": "op", "type": "string"}, optional("ts_ms", "long")]})
    }

    /// As Confluent's converter registers it.
    fn json_schema_of_rows(&self) -> Value {
        let columns = self.shape.columns().enumerate();
        let properties: Map<String, Value> = columns
            .map(|(at, column)| {
                let (base, semantic) = connect_type(column.kind);
                let mut kind = match base {
                    "string" | "boolean" => json!({ "type": base }),
                    "double" | "float" => json!({"type": "number", "connect.type": "float64"}),
                    whole => json!({"type": "integer", "connect.type": whole}),
                };
                if let Some(semantic) = semantic {
                    kind["title"] = semantic.into();
                }
                let kind = json!({"connect.index": at, "oneOf": [{"type": "null"}, kind]});
                (column.name.to_owned(), kind)
            })
            .collect();
        json!({"type": "object", "title": "Row", "properties": properties})
    }
}

/// A field's schema by its value.
fn guessed(name: &str, value: &Value) -> Value {
    let kind = if value.is_number() { "int64" } else { "string" };
    json!({"type": kind, "optional": true, "field": name})
}
