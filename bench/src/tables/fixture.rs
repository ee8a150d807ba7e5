//! What a topic of the comparison holds, as `bench/tables/` describes it: its columns, as the source has them and as they
//! travel, and two rows. A test of Landfall's reads the same files.

use std::error::Error;

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Each in the order of the page.
const FILES: [&str; 3] = [
    include_str!("../../tables/jdbc-source.json"),
    include_str!("../../tables/mysql-unwrapped.json"),
    include_str!("../../tables/postgres-avro.json"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub title: String,
    /// Of its records, for the page.
    pub says: String,
    pub table: String,
    pub encoding: Encoding,
    pub has_key: bool,
    /// The first is the key.
    pub columns: Vec<Column>,
}

/// JSON with schemas has flat rows, Avro Debezium's envelope.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    Json,
    Avro,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    /// As the source declares it.
    pub source: String,
    /// Those of Postgres' types that take exactly the values that the event tells of.
    pub types: Vec<String>,
    /// The source's default, as Postgres writes the value.
    pub default: Option<String>,
    /// The field's schema, as Connect's JSON or Avro has it.
    field: Json,
    sent: [Json; 2],
    /// What was sent, as Postgres writes the value.
    pub means: [Option<String>; 2],
}

pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

/// # Errors
/// If a file isn't as described here.
pub fn all() -> serde_json::Result<Vec<Fixture>> {
    FILES
        .iter()
        .map(|file| serde_json::from_str(file))
        .collect()
}

impl Column {
    /// Whether the source's takes no null.
    pub fn is_required(&self) -> bool {
        match self.field.get("optional") {
            Some(optional) => optional == false,
            None => !self.field["type"].is_array(),
        }
    }

    fn named(&self, name: &str) -> Json {
        let mut field = self.field.clone();
        field[name] = json!(self.name);
        field
    }
}

impl Fixture {
    /// A route of Landfall's for this topic.
    pub fn route(&self, topic: &str) -> String {
        let (envelope, encoding) = match self.encoding {
            Encoding::Json => ("flat", "json"),
            Encoding::Avro => ("debezium", "avro"),
        };
        let key = if self.has_key { "" } else { "key = [\"id\"]\n" };
        format!(
            "\n[[route]]\ntopic = {topic:?}\ntable = \"public.{}\"\nenvelope = \"{envelope}\"\nencoding = \"{encoding}\"\n{key}",
            self.table
        )
    }

    /// The schemas of keys and values that a registry has to know; none of JSON.
    pub fn schemas(&self) -> Option<[Json; 2]> {
        let columns: Vec<Json> = self.columns.iter().map(|c| c.named("name")).collect();
        let record = |name: &str, fields: Json| json!({ "type": "record", "name": name, "namespace": "shop.public", "fields": fields });
        let nullable = |name: &str, kind: Json| json!({ "name": name, "type": ["null", kind], "default": null });
        let told = |name: &str, kind: &str| json!({ "name": name, "type": kind });
        let source = json!([
            told("version", "string"),
            told("connector", "string"),
            told("name", "string"),
            told("ts_ms", "long"),
            told("db", "string"),
            told("schema", "string"),
            told("table", "string"),
            nullable("txId", json!("long")),
            nullable("lsn", json!("long"))
        ]);
        let envelope = json!([
            nullable("before", record("Value", json!(columns))),
            nullable("after", json!("Value")),
            { "name": "source", "type": record("Source", source) },
            told("op", "string"),
            nullable("ts_ms", json!("long"))
        ]);
        (self.encoding == Encoding::Avro).then(|| {
            [
                record("Key", json!(columns[..1])),
                record("Envelope", envelope),
            ]
        })
    }

    /// A record for each row. `ids`: what the registry calls the schemas.
    ///
    /// # Errors
    /// If a row isn't as its schema says.
    pub fn records(&self, ids: [i32; 2]) -> Result<Vec<Record>, Box<dyn Error>> {
        let encode = |row| match self.schemas() {
            None => Ok(self.in_json(row)),
            Some(schemas) => self.in_avro(row, &schemas, ids),
        };
        (0..2).map(encode).collect()
    }

    fn row(&self, row: usize) -> Json {
        let fields = self.columns.iter();
        fields
            .map(|c| (c.name.clone(), c.sent[row].clone()))
            .collect()
    }

    fn in_json(&self, row: usize) -> Record {
        let fields: Vec<Json> = self.columns.iter().map(|c| c.named("field")).collect();
        let schema =
            |fields: &[Json]| json!({ "type": "struct", "optional": false, "fields": fields });
        let wrap =
            |fields, payload| json!({ "schema": schema(fields), "payload": payload }).to_string();
        let key = json!({ "id": self.row(row)["id"] });
        Record {
            key: self.has_key.then(|| wrap(&fields[..1], key).into_bytes()),
            value: wrap(&fields, self.row(row)).into_bytes(),
        }
    }

    fn in_avro(
        &self,
        row: usize,
        schemas: &[Json; 2],
        ids: [i32; 2],
    ) -> Result<Record, Box<dyn Error>> {
        let after = self.row(row);
        let key = json!({ "id": after["id"] });
        let lsn = 1_000 + row;
        let source = json!({ "version": "3.6.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": 1_704_103_200_000_i64,
            "db": "shop", "schema": "public", "table": self.table, "txId": lsn, "lsn": lsn });
        let value = json!({ "before": null, "after": after, "source": source, "op": "c", "ts_ms": 1_704_103_200_000_i64 });
        Ok(Record {
            key: Some(message(&schemas[0], ids[0], &key)?),
            value: message(&schemas[1], ids[1], &value)?,
        })
    }
}

/// In Confluent's wire format.
fn message(schema: &Json, id: i32, value: &Json) -> Result<Vec<u8>, Box<dyn Error>> {
    let schema = Schema::parse(&without_logical_types(schema))?;
    let value = untyped(value).resolve(&schema)?;
    let datum = GenericDatumWriter::builder(&schema)
        .build()?
        .write_value_to_vec(value)?;
    Ok([&[0][..], &id.to_be_bytes(), &datum].concat())
}

/// The rows have the values as they are written.
fn without_logical_types(schema: &Json) -> Json {
    match schema {
        Json::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| *name != "logicalType");
            kept.map(|(name, value)| (name.clone(), without_logical_types(value)))
                .collect()
        }
        Json::Array(items) => items.iter().map(without_logical_types).collect(),
        other => other.clone(),
    }
}

/// What the schema then makes of it. Bytes are texts of ASCII.
fn untyped(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Long(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(untyped).collect()),
        Json::Object(fields) => {
            let fields = fields.iter();
            Value::Map(
                fields
                    .map(|(name, value)| (name.clone(), untyped(value)))
                    .collect(),
            )
        }
    }
}
