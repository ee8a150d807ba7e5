//! pgvector's vector and halfvec (`[1,2,3]`) and sparsevec (`{1:0.5,3:2}/5`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::json::Json;

/// An array of numbers is pgvector's own syntax.
pub(super) fn dense_vector(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "a vector as an array of numbers";
    if let Json::String(_) = json {
        return json.as_string(EXPECTED);
    }
    for element in json.as_elements(EXPECTED)? {
        number_digits(element, EXPECTED)?;
    }
    Ok(Cow::Borrowed(json.raw_text()))
}

/// `{"dimensions": 5, "vector": {"1": 0.5}}`; Connect writes a map with numbers for keys as pairs.
pub(super) fn sparse_vector(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        dimensions: u32,
        #[serde(borrow)]
        vector: &'a RawValue,
    }
    const EXPECTED: &str = "a sparse vector as a struct of dimensions and vector";
    let parts: Parts = json.as_struct(EXPECTED)?;
    let vector = Json::from_raw(parts.vector.get())?;
    let mut entries = Vec::new();
    if let Json::Object(_) = vector {
        let map: BTreeMap<&str, &RawValue> = vector.as_struct(EXPECTED)?;
        for (index, value) in map {
            entries.push((
                index.parse::<u32>().map_err(|_| malformed(EXPECTED))?,
                number_digits(value, EXPECTED)?,
            ));
        }
    } else {
        for pair in vector.as_elements(EXPECTED)? {
            let (index, value): (u32, &RawValue) =
                serde_json::from_str(pair.get()).map_err(|_| malformed(EXPECTED))?;
            entries.push((index, number_digits(value, EXPECTED)?));
        }
    }
    entries.sort_unstable_by_key(|(index, _)| *index);
    let entries: Vec<String> = entries
        .iter()
        .map(|(index, value)| format!("{index}:{value}"))
        .collect();
    Ok(Cow::Owned(format!(
        "{{{}}}/{}",
        entries.join(","),
        parts.dimensions
    )))
}

fn number_digits<'a>(raw: &'a RawValue, expected: &'static str) -> Result<&'a str, ValueError> {
    match Json::from_raw(raw.get())? {
        Json::Number(digits) => Ok(digits),
        other => Err(other.unexpected(expected)),
    }
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn vectors_are_written_for_pgvector() {
        let double =
            r#"{"type":"array","name":"io.debezium.data.DoubleVector","items":{"type":"double"}}"#;
        let float =
            r#"{"type":"array","name":"io.debezium.data.FloatVector","items":{"type":"float"}}"#;
        let sparse =
            r#"{"type":"struct","name":"io.debezium.data.SparseDoubleVector","fields":[]}"#;
        check(&[
            ("[1,2.5,3]", double, "vector", "[1,2.5,3]"),
            ("[1,2.5,3]", float, "halfvec", "[1,2.5,3]"),
            ("[1,2.5,3]", "", "vector", "[1,2.5,3]"),
            ("[1,2.5,3]", double, "float8[]", "{1,2.5,3}"),
            ("[1,2.5,3]", double, "jsonb", "[1,2.5,3]"),
            ("\"[1,2]\"", "", "vector", "[1,2]"),
            (
                r#"{"dimensions":5,"vector":[[1,0.5],[3,2.0]]}"#,
                sparse,
                "sparsevec",
                "{1:0.5,3:2.0}/5",
            ),
            (
                r#"{"dimensions":5,"vector":{"1":0.5}}"#,
                "",
                "sparsevec",
                "{1:0.5}/5",
            ),
            (r#"{"dimensions":5,"vector":{}}"#, "", "sparsevec", "{}/5"),
        ]);
        refused("[1,\"a\"]", double, "vector");
        refused("[1,null]", "", "vector");
        refused(r#"{"dimensions":5,"vector":{"a":1}}"#, sparse, "sparsevec");
        refused(r#"{"dimensions":-5,"vector":{}}"#, sparse, "sparsevec");
        refused("[1]", sparse, "sparsevec");
    }
}
