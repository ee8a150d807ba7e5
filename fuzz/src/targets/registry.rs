//! What a registry answers: a schema, then each that it refers to, in the order in which they are asked for. Whoever sits at
//! its URL may send anything, of any kind and as deep as it likes.

use std::sync::Mutex;

use futures::executor::block_on;
use landfall::format::registry::{
    Answer, Ask, LookupError, fetch_schema, parse_versions, says_missing,
};
use landfall::verdict::{Failure, Verdict};

use super::BETWEEN_PARTS;
use crate::Target;

pub const TARGET: Target = Target {
    name: "registry",
    run,
    seeds: &[
        r#"{"schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"}"#,
        "{\"schema\":\"[\\\"null\\\",\\\"a.B\\\"]\",\"schemaType\":\"AVRO\",\"references\":[{\"name\":\"a.B\",\"subject\":\"b\",\"version\":1}]}\n{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"a.B\\\",\\\"size\\\":2}\"}",
        "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax = \\\"proto3\\\"; import \\\"o.proto\\\"; message A { O o = 1; }\",\"references\":[{\"name\":\"o.proto\",\"subject\":\"o\",\"version\":2}]}\n{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax = \\\"proto3\\\"; message O { int32 i = 1; }\"}",
        "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"$ref\\\":\\\"o.json#/a\\\"}\",\"references\":[{\"name\":\"o.json\",\"subject\":\"o\",\"version\":-1}]}\n{\"schemaType\":\"JSON\",\"schema\":\"{\\\"a\\\":{\\\"type\\\":\\\"object\\\"}}\"}",
        r#"{"error_code":40403,"message":"Schema 7 not found"}"#,
        r#"[{"subject":"s","version":1}]"#,
    ],
};

/// Answers that come one after the other, whatever is asked; then it is away.
struct Answers<'a>(Mutex<Bodies<'a>>);
type Bodies<'a> = std::slice::Split<'a, u8, fn(&u8) -> bool>;

impl Ask for Answers<'_> {
    async fn get(&self, _path: &[&str]) -> Result<Answer, Failure> {
        let away = || Failure::new(Verdict::Unavailable, "no more answers".to_owned());
        let mut answers = self.0.lock().map_err(|_| away())?;
        let body = answers.next().ok_or_else(away)?;
        Ok(match says_missing(body) {
            true => Answer::Missing,
            false => Answer::Found(body.to_vec()),
        })
    }
}

fn run(input: &[u8]) {
    let _ = parse_versions(input);
    let is_between: fn(&u8) -> bool = |byte| matches!(*byte, BETWEEN_PARTS | b'\n');
    let answers = Answers(Mutex::new(input.split(is_between)));
    match block_on(fetch_schema(&answers, 7)) {
        Ok(schema) => _ = schema.encoding(),
        Err(LookupError::Unusable(why)) => drop(why),
        Err(LookupError::Failed(failure)) => _ = failure.to_string(),
    }
}
