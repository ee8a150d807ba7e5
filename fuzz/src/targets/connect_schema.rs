//! Connect's schema, as it stands in a JSON message.

use landfall::format::schema;

use crate::Target;

pub const TARGET: Target = Target {
    name: "connect_schema",
    run,
    seeds: &[
        r#"{"type":"struct","fields":[{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"n","optional":true},{"type":"array","items":{"type":"string"},"field":"t"}]}"#,
        r#"{"type":"map","keys":{"type":"string"},"values":{"type":"int64","name":"io.debezium.time.MicroTimestamp","default":0}}"#,
    ],
};

fn run(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = schema::parse(text);
    }
}
