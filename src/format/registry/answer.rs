//! What a registry answers.

use serde::Deserialize;

use crate::format::framed::SchemaType;
use crate::format::registry::error::LookupError;
use crate::verdict::{Failure, Verdict};

/// A schema as it is registered.
#[derive(Debug)]
pub struct Registered {
    /// The schema's text.
    pub schema: String,
    /// What it is written in.
    pub kind: SchemaType,
    /// The types that the schema takes from others.
    pub references: Vec<Reference>,
}

/// A type that a schema takes from another one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
pub struct Reference {
    /// By which name the schema refers to the other one.
    #[serde(default)]
    pub name: String,
    /// The subject under which the other schema is registered.
    pub subject: String,
    /// The version within the subject.
    pub version: i64,
}

/// A subject's version with a schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// The subject under which the schema is registered.
    pub subject: String,
    /// The version within the subject, counted from 1.
    pub version: i64,
}

#[derive(Deserialize)]
struct Body {
    schema: String,
    /// Left out for Avro.
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    references: Option<Vec<Reference>>,
}

impl Registered {
    /// Reads the answer to a question for a schema.
    ///
    /// # Errors
    /// No registry answers like that; or its schemas are of a type that isn't known.
    pub fn parse_answer(body: &[u8]) -> Result<Self, LookupError> {
        let body: Body = serde_json::from_slice(body).map_err(|e| {
            let what = format!(
                "what answers at format.registry.url is no schema registry: its answer has no schema (line {}, column {})",
                e.line(),
                e.column()
            );
            Failure::new(Verdict::Systemic, what)
        })?;
        let Some(kind) = SchemaType::from_word(body.kind.as_deref()) else {
            let other: String = body
                .kind
                .iter()
                .flat_map(|it| it.chars())
                .take(40)
                .collect();
            let why = format!("its type {other:?} is none that Landfall reads");
            return Err(LookupError::Unusable(why));
        };
        Ok(Self {
            schema: body.schema,
            kind,
            references: body.references.unwrap_or_default(),
        })
    }
}

/// Under which subjects a schema is registered; none if that isn't what was answered.
pub fn parse_versions(body: &[u8]) -> Vec<Version> {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Whether the body of a refusal says that there is no such subject, version or schema.
pub fn says_missing(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        error_code: i64,
    }
    let code = serde_json::from_slice::<Refusal>(body).map(|r| r.error_code);
    matches!(code, Ok(40401..=40403))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_comes_with_its_kind_and_its_references() {
        let read = |body: &str| Registered::parse_answer(body.as_bytes());
        let plain = read(r#"{"schema":"\"int\"","more":7}"#).unwrap();
        assert_eq!(
            (plain.schema.as_str(), plain.references.len()),
            ("\"int\"", 0)
        );
        let refers = read(
            r#"{"schema":"x","schemaType":"AVRO","references":[{"name":"n","subject":"s","version":3}]}"#,
        );
        let refers = refers.unwrap().references;
        assert_eq!((refers[0].subject.as_str(), refers[0].version), ("s", 3));
        let other = read(r#"{"schema":"x","schemaType":"THRIFT"}"#).unwrap_err();
        assert!(matches!(other, LookupError::Unusable(why) if why.contains("THRIFT")));
        for none in ["", "<html>", "[]", "{}", r#"{"schema":7}"#] {
            let LookupError::Failed(failure) = read(none).unwrap_err() else {
                panic!("{none}");
            };
            assert_eq!(failure.verdict, Verdict::Systemic, "{none}");
        }
    }

    #[test]
    fn only_its_own_codes_say_that_something_is_missing() {
        assert!(says_missing(
            br#"{"error_code":40403,"message":"Schema not found"}"#
        ));
        for other in [
            "",
            "<html>",
            r#"{"error_code":404}"#,
            r#"{"error_code":0,"message":"40403"}"#,
        ] {
            assert!(!says_missing(other.as_bytes()), "{other}");
        }
    }
}
