//! Why bytes can't be read, in words that are the same whatever the values: for causes to be told apart and counted, and
//! for whoever may not see a value.

use serde_json::error::Category;

use crate::format::message_error::MessageError;

/// What is wrong, without anything that the record says.
pub fn describe_cause(error: &MessageError) -> String {
    match error {
        MessageError::KeyNoText(_) => "the key is not UTF-8".to_owned(),
        MessageError::ValueNoText(_) => "the value is not UTF-8".to_owned(),
        MessageError::SchemaNoText(_) => "the schema is not UTF-8".to_owned(),
        MessageError::Json(error) => describe_json(error),
        MessageError::NoEnvelope(error) => {
            format!(
                "the value is not a Debezium envelope: {}",
                describe_json(error)
            )
        }
        MessageError::Avro { error, .. } => {
            format!("by its schema it {}", without_numbers(&error.to_string()))
        }
        MessageError::Protobuf { error, .. } => {
            format!("by its schema it {}", without_numbers(&error.to_string()))
        }
        MessageError::Schema(_) => without_numbers(&error.to_string()),
        MessageError::UnknownOperation { expected, .. } => {
            format!("op is none that is known; expected {expected}")
        }
        MessageError::Value(error) => format!("the value can't be read: {}", describe_cause(error)),
        // which name the configuration's fields, or schemas, alone
        MessageError::CutOff
        | MessageError::Frame(_)
        | MessageError::SchemaRefused(_)
        | MessageError::SchemaNotAsked(_)
        | MessageError::NoActionId(_)
        | MessageError::NoActionTime(_)
        | MessageError::OtherShape(_) => error.to_string(),
    }
}

/// What serde says, but for values and for places in the text.
fn describe_json(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = match said.rfind(" at line ") {
        Some(end) => said.get(..end).unwrap_or_default(),
        None => &said,
    };
    match error.classify() {
        // in serde_json's own words, which quote nothing
        Category::Syntax | Category::Eof => said.to_owned(),
        Category::Data | Category::Io => describe_mismatch(said),
    }
}

/// `invalid type: string "…", expected u64` without the value; a name that a field of ours has is told.
fn describe_mismatch(said: &str) -> String {
    const OTHER_KIND: &str = "json of another kind than is wanted";
    if said.starts_with("missing field `") {
        return said.to_owned();
    }
    let of_value = ["invalid type: ", "invalid value: "].iter();
    let (Some(found), Some((_, expected))) = (
        of_value
            .filter_map(|prefix| said.strip_prefix(prefix))
            .next(),
        said.rsplit_once(", expected "),
    ) else {
        return OTHER_KIND.to_owned();
    };
    // serde's names of kinds; what follows them is the value
    let kinds = [
        "string",
        "integer",
        "floating point",
        "boolean",
        "null",
        "map",
        "sequence",
        "character",
    ];
    match kinds.iter().find(|kind| found.starts_with(**kind)) {
        Some(kind) => format!("expected {expected}, found {kind}"),
        None => OTHER_KIND.to_owned(),
    }
}

/// Lengths, places and ids differ from record to record.
fn without_numbers(said: &str) -> String {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let words = said.split(' ').map(|word| {
        let core = word.trim_matches([',', '(', ')']);
        match is_number(core) {
            true => word.replace(core, "…"),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_json(text: &str) -> String {
        #[derive(serde::Deserialize, Debug)]
        struct Shape {
            #[serde(rename = "op")]
            _op: u64,
        }
        let error = serde_json::from_str::<Shape>(text).expect_err("none");
        describe_cause(&MessageError::Json(error))
    }

    #[test]
    fn one_cause_has_one_text_whatever_the_value_and_its_place() {
        let of_text = "expected u64, found string";
        assert_eq!(of_json(r#"{"op":"hunter2"}"#), of_text);
        assert_eq!(of_json("{\n\"op\": \"x, expected y at line 3\"}"), of_text);
        assert_eq!(of_json(r#"{"op":-7}"#), "expected u64, found integer");
        assert_eq!(
            of_json(r#"{"op":1.5}"#),
            "expected u64, found floating point"
        );
        assert_eq!(of_json("{}"), "missing field `op`");
        assert_eq!(of_json("hunter2"), "expected value");
        assert_eq!(of_json("\n\n  hunter2"), "expected value");
        assert_eq!(of_json(r#"{"op":"#), "EOF while parsing a value");
    }

    #[test]
    fn numbers_that_stand_alone_are_left_out_and_those_of_names_are_told() {
        let said = "has 12 more bytes than field a2 (line 1, column 7)";
        let left = "has … more bytes than field a2 (line …, column …)";
        assert_eq!(without_numbers(said), left);
    }
}
