//! Schemas of a registry's other types, and messages by them, read as an envelope, as a row, as a key, and for people.

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;
use landfall::format::framed::{FramedReader, KnownSchema, RegisteredSchema, SchemaType};
use landfall::format::value::Wanted;
use landfall::record::body::Body;

use super::split_input;
use crate::Target;

pub const JSON_SCHEMA: Target = Target {
    name: "json_schema",
    run: |input| run(SchemaType::Json, input),
    seeds: &[
        r##"{"type":"object","properties":{"id":{"type":"integer","connect.type":"int64","connect.index":0},"at":{"oneOf":[{"type":"null"},{"type":"integer","title":"io.debezium.time.Date"}]}}}"##,
        r##"{"type":"object","properties":{"before":{"$ref":"#/definitions/row"},"after":{"$ref":"#/definitions/row"},"op":{"type":["null","string"]}},"definitions":{"row":{"type":"object","required":["id"]}}}"##,
        r##"{"type":"array","items":{"type":"object","connect.type":"map","additionalProperties":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}"##,
    ],
};

pub const PROTOBUF: Target = Target {
    name: "protobuf",
    run: |input| run(SchemaType::Protobuf, input),
    seeds: &[
        "syntax = \"proto3\"; message A { int64 id = 1; optional string name = 2; repeated int32 n = 3; map<string, bytes> m = 4; }\u{0}",
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message E { R before = 1; R after = 2; string op = 3; message R { google.protobuf.Timestamp at = 1; E within = 2; } }",
        "syntax = \"proto2\"; message A { required int32 a = 1; optional B b = 2 [default = Y]; enum B { X = 0; Y = 1; } oneof c { string d = 4; } }",
    ],
};

fn run(kind: SchemaType, input: &[u8]) {
    let [schema, datum] = split_input(input);
    let Ok(schema) = RegisteredSchema::compile(kind, &String::from_utf8_lossy(schema), &[]) else {
        return;
    };
    let encoding = schema.encoding();
    let mut reader = FramedReader::default();
    reader.learn_schemas(HashMap::from([(7, KnownSchema::Schema(Arc::new(schema)))]));
    let message = [&[0, 0, 0, 0, 7], datum].concat();
    let (body, arena) = (Body::from(message.clone()), Bump::new());
    let _ = reader.read_key(&message, encoding, &arena);
    for wanted in [Wanted::Row, Wanted::Envelope { with_before: true }] {
        let _ = reader.read_value(&body, encoding, wanted, &arena);
    }
    let _ = reader.to_json(&message);
}
