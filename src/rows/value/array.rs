//! Arrays: each element as its own type's text, in Postgres's array syntax.

use std::borrow::Cow;

use super::Conversion;
use super::budget::Budget;
use super::error::ValueError;
use super::family::Family;
use super::json::Json;
use super::quoted::push_quoted;
use crate::config::SchemalessConfig;
use crate::format::schema::{Field, Kind};
use crate::rows::table::PgType;

/// Postgres's own limit (MAXDIM), which bounds our recursion.
const MAX_DEPTH: usize = 6;

pub(super) fn array_literal<'a>(
    json: Json<'a>,
    field: Option<&Field>,
    column: &PgType,
    schemaless: SchemalessConfig,
    depth: usize,
) -> Result<Cow<'a, str>, ValueError> {
    const EXPECTED: &str = "a json array";
    let element = column
        .element
        .as_deref()
        .ok_or(Family::Other.unfit(json.kind_name()))?;
    let elements = json.as_elements(EXPECTED)?;
    if depth >= MAX_DEPTH {
        return Err(ValueError::TooDeep(MAX_DEPTH));
    }
    // Of all types only box separates otherwise, for its own text has commas.
    let separator = if element.name == "box" { ';' } else { ',' };
    let conversion = Conversion::new(field, element, schemaless);
    let budget = Budget::of(json.raw_text());
    let mut out = String::with_capacity(json.raw_text().len() + 2);
    out.push('{');
    let mut nested_is_empty = true;
    for (index, raw) in elements.iter().enumerate() {
        if index > 0 {
            out.push(separator);
        }
        let value = Json::from_raw(raw.get())?;
        match value {
            Json::Null => {
                nested_is_empty = false;
                out.push_str("NULL");
            }
            Json::Array(_) if is_dimension(element) => {
                let inner =
                    array_literal(value, inner_field(field), column, schemaless, depth + 1)?;
                nested_is_empty &= inner == "{}";
                out.push_str(&inner);
            }
            _ => {
                nested_is_empty = false;
                let text = conversion.convert(value, field, element, depth + 1)?;
                push_element(&mut out, &text, separator);
            }
        }
        budget.check(&out)?;
    }
    out.push('}');
    // Postgres has one empty array, of no dimensions.
    Ok(if nested_is_empty {
        Cow::Borrowed("{}")
    } else {
        Cow::Owned(out)
    })
}

/// The words of MySQL's SET, none of which can have a comma.
pub(super) fn set_literal(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    let words = json.as_string("a set as its words with commas between them")?;
    let mut out = String::with_capacity(words.len() + 2);
    out.push('{');
    for (index, word) in words.split(',').enumerate() {
        if words.is_empty() {
            break; // no word, and not the empty one
        }
        if index > 0 {
            out.push(',');
        }
        push_element(&mut out, word, ',');
    }
    out.push('}');
    Ok(Cow::Owned(out))
}

/// An array within the array is a dimension more, unless the elements are written as JSON arrays themselves.
fn is_dimension(element: &PgType) -> bool {
    !matches!(
        Family::of_column(element),
        Family::Json | Family::Vector | Family::Hstore
    )
}

fn inner_field(field: Option<&Field>) -> Option<&Field> {
    match &field?.kind {
        Kind::Array(element) => Some(element),
        _ => field,
    }
}

fn push_element(out: &mut String, text: &str, separator: char) {
    let is_special = |character: char| {
        matches!(character, '{' | '}' | '"' | '\\')
            || character == separator
            || character.is_ascii_whitespace()
            || character == '\x0b'
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(is_special) {
        out.push_str(text);
        return;
    }
    push_quoted(out, text);
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    fn array(items: &str) -> String {
        format!(r#"{{"type":"array","optional":true,"items":{items}}}"#)
    }

    fn named(kind: &str, name: &str) -> String {
        array(&format!(
            r#"{{"type":"{kind}","optional":true,"name":"{name}","parameters":{{"scale":"2"}}}}"#
        ))
    }

    #[test]
    fn the_words_of_a_set_are_the_elements_of_an_array() {
        let set = r#"{"type":"string","name":"io.debezium.data.EnumSet"}"#;
        check(&[
            ("\"a,c\"", set, "text[]", "{a,c}"),
            ("\"a b,{c}\"", set, "varchar[]", r#"{"a b","{c}"}"#),
            ("\"null\"", set, "text[]", r#"{"null"}"#),
            ("\"\"", set, "text[]", "{}"),
            ("\"a,c\"", set, "text", "a,c"),
        ]);
        refused("7", set, "text[]");
    }

    #[test]
    fn elements_are_written_by_their_own_type() {
        let strings = array(r#"{"type":"string","optional":true}"#);
        let day = named("int32", "io.debezium.time.Date");
        let micros = named("int64", "io.debezium.time.MicroTimestamp");
        let zoned = named("string", "io.debezium.time.ZonedTimestamp");
        let decimal = named("bytes", "org.apache.kafka.connect.data.Decimal");
        let uuid = named("string", "io.debezium.data.Uuid");
        let json = named("string", "io.debezium.data.Json");
        check(&[
            ("[]", &strings, "text[]", "{}"),
            ("[]", "", "int4[]", "{}"),
            (
                "[1,null,-3]",
                &array(r#"{"type":"int32"}"#),
                "int4[]",
                "{1,NULL,-3}",
            ),
            ("[1.5, \"NaN\", -0.0]", "", "float8[]", "{1.5,NaN,-0.0}"),
            (
                "[true,false,null]",
                &array(r#"{"type":"boolean"}"#),
                "bool[]",
                "{true,false,NULL}",
            ),
            (
                r#"["a","","NULL","null",null]"#,
                &strings,
                "text[]",
                r#"{a,"","NULL","null",NULL}"#,
            ),
            (
                r#"["a,b","{c}","d\"e","f\\g"," h","i\nj","k;l"]"#,
                &strings,
                "text[]",
                "{\"a,b\",\"{c}\",\"d\\\"e\",\"f\\\\g\",\" h\",\"i\nj\",k;l}",
            ),
            ("[19723,null]", &day, "date[]", "{2024-01-01,NULL}"),
            ("[19723]", "", "date[]", "{2024-01-01}"),
            ("[-719528]", &day, "date[]", "{\"0001-01-01 BC\"}"),
            (
                "[1704067200123456]",
                &micros,
                "timestamp[]",
                "{\"2024-01-01 00:00:00.123456\"}",
            ),
            (
                "[\"2024-01-01T00:00:00Z\",\"-4712-01-01T00:00:00Z\"]",
                &zoned,
                "timestamptz[]",
                "{2024-01-01T00:00:00Z,\"4713-01-01T00:00:00Z BC\"}",
            ),
            (
                "[\"BNI=\",null]",
                &decimal,
                "numeric(10,2)[]",
                "{12.34,NULL}",
            ),
            (
                r#"[{"scale":1,"value":"BNI="}]"#,
                "",
                "numeric[]",
                "{123.4}",
            ),
            (r#"["sad","so so"]"#, &strings, "mood[]", r#"{sad,"so so"}"#),
            (r#"["10.0.0.1/8"]"#, &strings, "inet[]", "{10.0.0.1/8}"),
            (
                r#"["[1,5)","empty"]"#,
                &strings,
                "int4range[]",
                r#"{"[1,5)",empty}"#,
            ),
            (
                r#"["AAH+/w=="]"#,
                &array(r#"{"type":"bytes"}"#),
                "bytea[]",
                r#"{"\\x0001feff"}"#,
            ),
            (
                r#"["b68a35a7-17ad-35b3-af2a-ae46edb4545b"]"#,
                &uuid,
                "uuid[]",
                "{b68a35a7-17ad-35b3-af2a-ae46edb4545b}",
            ),
            (r#"["{\"a\":1}"]"#, &json, "jsonb[]", r#"{"{\"a\":1}"}"#),
            (
                r#"[[1,2],{"a":1}]"#,
                "",
                "jsonb[]",
                r#"{"[1,2]","{\"a\":1}"}"#,
            ),
            (
                "[[1,2],[3,null]]",
                &array(&array(r#"{"type":"int32"}"#)),
                "int4[]",
                "{{1,2},{3,NULL}}",
            ),
            ("[[1,2],[3,4]]", "", "int4[]", "{{1,2},{3,4}}"),
            ("[[],[]]", "", "int4[]", "{}"),
            (
                r#"["(1,1),(0,0)","(2,2),(0,0)"]"#,
                "",
                "box[]",
                "{(1,1),(0,0);(2,2),(0,0)}",
            ),
            (r#"[{"x":1.0,"y":2}]"#, "", "point[]", "{\"(1.0,2)\"}"),
            ("\"{1,2}\"", "", "int4[]", "{1,2}"),
        ]);
    }

    #[test]
    fn what_does_not_belong_in_an_array_is_refused() {
        refused("1", "", "int4[]");
        refused("{}", "", "int4[]");
        refused("[{}]", "", "int4[]");
        refused("[1", "", "int4[]");
        refused("[1]", &array(r#"{"type":"int32"}"#), "int4");
        refused("[[[[[[[1]]]]]]]", "", "int4[]");
        refused(
            &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            "",
            "int4[]",
        );
        refused(
            &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            "",
            "hstore",
        );
    }
}
