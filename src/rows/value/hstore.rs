//! hstore, which arrives as JSON text, as an object or as pairs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::json::Json;
use super::quoted::push_quoted;

const EXPECTED: &str = "an hstore as a json object";

pub(super) fn hstore_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    match json {
        Json::String(_) => {
            let content = json.as_string(EXPECTED)?;
            // hstore's own syntax passes.
            if !content.trim_start().starts_with('{') {
                return Ok(content);
            }
            from_object(&content).map(Cow::Owned)
        }
        Json::Object(raw) => from_object(raw).map(Cow::Owned),
        Json::Array(_) => from_pairs(json).map(Cow::Owned),
        other => Err(other.unexpected(EXPECTED)),
    }
}

fn from_object(raw: &str) -> Result<String, ValueError> {
    let map: BTreeMap<Cow<str>, &RawValue> =
        serde_json::from_str(raw).map_err(|_| malformed(EXPECTED))?;
    let mut out = String::with_capacity(raw.len() + 8);
    for (key, value) in &map {
        push_pair(&mut out, key, Json::from_raw(value.get())?)?;
    }
    Ok(out)
}

/// A Connect map whose key schema isn't a plain string: `[["a","1"],["b",null]]`.
fn from_pairs(json: Json<'_>) -> Result<String, ValueError> {
    let mut out = String::new();
    for pair in json.as_elements(EXPECTED)? {
        match Json::from_raw(pair.get())?
            .as_elements(EXPECTED)?
            .as_slice()
        {
            [key, value] => {
                let key = Json::from_raw(key.get())?.as_string(EXPECTED)?;
                push_pair(&mut out, &key, Json::from_raw(value.get())?)?;
            }
            _ => return Err(malformed(EXPECTED)),
        }
    }
    Ok(out)
}

/// Values that aren't strings keep their JSON text: hstore knows only texts.
fn push_pair(out: &mut String, key: &str, value: Json<'_>) -> Result<(), ValueError> {
    if !out.is_empty() {
        out.push(',');
    }
    push_text(out, key)?;
    out.push_str("=>");
    match value {
        Json::Null => out.push_str("NULL"),
        Json::String(_) => push_text(out, &value.as_string(EXPECTED)?)?,
        other => push_text(out, other.raw_text())?,
    }
    Ok(())
}

/// A key or a value. hstore has no escape for the zero character.
fn push_text(out: &mut String, text: &str) -> Result<(), ValueError> {
    if text.as_bytes().contains(&0) {
        return Err(ValueError::ZeroCharacter);
    }
    push_quoted(out, text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn json_becomes_hstore() {
        let json = r#"{"type":"string","name":"io.debezium.data.Json"}"#;
        let map =
            r#"{"type":"map","keys":{"type":"string"},"values":{"type":"string","optional":true}}"#;
        check(&[
            (
                r#""{\"a\":\"1\",\"b\":null}""#,
                json,
                "hstore",
                r#""a"=>"1","b"=>NULL"#,
            ),
            (
                r#""{\"a\":\"1\",\"b\":null}""#,
                "",
                "hstore",
                r#""a"=>"1","b"=>NULL"#,
            ),
            (
                r#"{"a":"1","b":null}"#,
                map,
                "hstore",
                r#""a"=>"1","b"=>NULL"#,
            ),
            (r#"{"a":"1"}"#, "", "hstore", r#""a"=>"1""#),
            (
                r#"[["a","1"],["b",null]]"#,
                map,
                "hstore",
                r#""a"=>"1","b"=>NULL"#,
            ),
            (
                r#"{"a \" b":"\\ \n,=>"}"#,
                map,
                "hstore",
                "\"a \\\" b\"=>\"\\\\ \n,=>\"",
            ),
            (
                r#"{"n":1.50,"t":true,"o":{"x":"y"},"e":"","N":"NULL"}"#,
                "",
                "hstore",
                r#""N"=>"NULL","e"=>"","n"=>"1.50","o"=>"{\"x\":\"y\"}","t"=>"true""#,
            ),
            ("\"{}\"", json, "hstore", ""),
            ("{}", map, "hstore", ""),
            (r#""\"a\"=>\"1\"""#, "", "hstore", r#""a"=>"1""#),
            (
                r#"{"a":"1","b":null}"#,
                map,
                "jsonb",
                r#"{"a":"1","b":null}"#,
            ),
        ]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        refused("1", "", "hstore");
        refused(r#""{\"a\":""#, "", "hstore");
        refused(r#"[["a"]]"#, "", "hstore");
        refused(r#"[[1,"a"]]"#, "", "hstore");
        refused(r#"{"a\u0000":"1"}"#, "", "hstore");
    }
}
