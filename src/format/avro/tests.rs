//! What apache-avro encodes is read here as Connect would write it in JSON; whatever else comes is
//! refused, and quickly.

mod connect;
mod hostile;
mod random;
mod values;

use bumpalo::Bump;

use super::{AvroError, Plan, Texts};

fn plan(schema: &str) -> Plan {
    Plan::compile(schema, &[]).unwrap_or_else(|e| panic!("{schema}: {e}"))
}

/// The text of a value, read as the only field of a record, and its text as a whole datum.
fn text(schema: &str, datum: &[u8]) -> Result<String, AvroError> {
    let whole = plan(schema).to_json(datum);
    let record =
        format!(r#"{{"type":"record","name":"Only","fields":[{{"name":"f","type":{schema}}}]}}"#);
    let (arena, mut texts) = (Bump::new(), Texts::default());
    let fields = plan(&record).read_record(datum, &mut texts, &arena);
    match (&whole, fields) {
        (Ok(whole), Ok(Some(fields))) => assert_eq!(fields.get("f"), Some(whole.as_str())),
        (Err(_), Err(_)) => {}
        (whole, fields) => panic!("{schema}: {whole:?}, but {fields:?}"),
    }
    whole
}

/// As the reference encodes it.
fn encode(schema: &str, value: impl Into<apache_avro::types::Value>) -> Vec<u8> {
    let schema = apache_avro::Schema::parse_str(schema).unwrap_or_else(|e| panic!("{schema}: {e}"));
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema)
        .build()
        .expect("a writer");
    writer
        .write_value_to_vec(value.into())
        .unwrap_or_else(|e| panic!("{schema:?}: {e}"))
}
