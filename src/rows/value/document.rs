//! Arrays, maps and structs for a column of texts or of documents. What their values mean is written as JSON has it;
//! what Connect's JSON has for them (days, unscaled bytes) says nothing to who reads the column.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ValueError;
use super::family::Family;
use super::json::Json;
use super::{Budget, Conversion};
use crate::config::SchemalessConfig;
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::table::PgType;

/// Whether there is a value in it that JSON writes in another way than the event has it.
pub(super) fn holds_encoded(field: &Field) -> bool {
    matches!(field.kind, Kind::Array(_) | Kind::Map(_) | Kind::Struct(_)) && is_encoded(field)
}

fn has_encoded(kind: &Kind) -> bool {
    match kind {
        Kind::Array(inner) | Kind::Map(inner) => is_encoded(inner),
        Kind::Struct(fields) => fields.iter().any(is_encoded),
        _ => false,
    }
}

fn is_encoded(field: &Field) -> bool {
    use Logical as L;
    match field.logical {
        None | Some(L::Other) => field.kind == Kind::Bytes || has_encoded(&field.kind),
        Some(
            L::Date
            | L::Time
            | L::MicroTime
            | L::NanoTime
            | L::Timestamp
            | L::MicroTimestamp
            | L::NanoTimestamp
            | L::MicroDuration
            | L::NanoDuration
            | L::Decimal
            | L::VariableScaleDecimal
            | L::Bits
            | L::Json
            | L::ConnectDate
            | L::ConnectTime
            | L::ConnectTimestamp,
        ) => true,
        // texts, and structs that are documents themselves
        Some(_) => false,
    }
}

/// `family` is the column's, for messages.
pub(super) fn document_text(
    json: Json<'_>,
    field: &Field,
    family: Family,
    schemaless: SchemalessConfig,
) -> Result<Cow<'static, str>, ValueError> {
    let mut document = Document {
        out: String::with_capacity(json.raw_text().len()),
        budget: Budget::of(json.raw_text()),
        text: PgType {
            name: "text".to_owned(),
            modifier: -1,
            element: None,
        },
        family,
        schemaless,
    };
    document.write_value(json, field)?;
    Ok(Cow::Owned(document.out))
}

struct Document {
    out: String,
    budget: Budget,
    /// As what single values are written.
    text: PgType,
    family: Family,
    schemaless: SchemalessConfig,
}

impl Document {
    /// As deep as the schema, which is bounded.
    fn write_value(&mut self, json: Json<'_>, field: &Field) -> Result<(), ValueError> {
        if json == Json::Null || !is_encoded(field) {
            self.out.push_str(json.raw_text());
        } else {
            match (field.logical, &field.kind, json) {
                (None | Some(Logical::Other), kind, Json::Array(_) | Json::Object(_)) => {
                    self.write_inner(json, kind)?;
                }
                (None | Some(Logical::Other), ..) => return Err(self.family.unfit("bytes")),
                (Some(logical), ..) => self.write_single(json, field, logical)?,
            }
        }
        self.budget.check(&self.out)
    }

    fn write_inner(&mut self, json: Json<'_>, kind: &Kind) -> Result<(), ValueError> {
        const EXPECTED: &str = "what the schema says";
        match (kind, json) {
            (Kind::Array(inner), Json::Array(_)) => self.write_list(json, |document, element| {
                document.write_value(element, inner)
            }),
            // a map whose keys aren't strings is written as pairs
            (Kind::Map(inner), Json::Array(_)) => self.write_list(json, |document, pair| {
                let mut is_key = true;
                document.write_list(pair, |document, part| {
                    if std::mem::take(&mut is_key) {
                        document.out.push_str(part.raw_text());
                        return Ok(());
                    }
                    document.write_value(part, inner)
                })
            }),
            (Kind::Map(_) | Kind::Struct(_), Json::Object(_)) => {
                let members: Members = json.as_struct(EXPECTED)?;
                let mut opening = '{';
                for (name, raw) in &members.0 {
                    self.out.push(opening);
                    opening = ',';
                    self.out
                        .push_str(&serde_json::Value::from(&**name).to_string());
                    self.out.push(':');
                    let value = Json::from_raw(raw.get())?;
                    let inner = match kind {
                        Kind::Map(inner) => Some(&**inner),
                        Kind::Struct(fields) => fields.iter().find(|field| *field.name == **name),
                        _ => None,
                    };
                    match inner {
                        Some(inner) => self.write_value(value, inner)?,
                        None => self.out.push_str(value.raw_text()),
                    }
                }
                self.out.push_str(if opening == '{' { "{}" } else { "}" });
                Ok(())
            }
            (_, other) => Err(other.unexpected(EXPECTED)),
        }
    }

    fn write_list(
        &mut self,
        json: Json<'_>,
        mut write: impl FnMut(&mut Self, Json<'_>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        self.out.push('[');
        for (index, raw) in json.as_elements("a json array")?.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write(self, Json::from_raw(raw.get())?)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// A value that a column of texts would take: a number, a document, or a text.
    fn write_single(
        &mut self,
        json: Json<'_>,
        field: &Field,
        logical: Logical,
    ) -> Result<(), ValueError> {
        let conversion = Conversion::new(Some(field), &self.text, self.schemaless);
        let text = conversion.convert(json, Some(field), &self.text, 0)?;
        let is_json = || serde_json::from_str::<IgnoredAny>(&text).is_ok();
        match logical {
            Logical::Decimal | Logical::VariableScaleDecimal | Logical::Json if is_json() => {
                self.out.push_str(&text);
            }
            Logical::Json => return Err(self.family.unfit("a text that is no json document")),
            _ => self
                .out
                .push_str(&serde_json::Value::from(&*text).to_string()),
        }
        Ok(())
    }
}

/// An object's members, in its order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    members.push((Cow::Owned(name), map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    const DECIMAL: &str = r#"{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}"#;

    fn array(items: &str) -> String {
        format!(r#"{{"type":"array","items":{items}}}"#)
    }

    fn map(values: &str) -> String {
        format!(r#"{{"type":"map","keys":{{"type":"string"}},"values":{values}}}"#)
    }

    #[test]
    fn what_values_within_mean_is_written_as_json_has_it() {
        let day = array(r#"{"type":"int32","name":"io.debezium.time.Date"}"#);
        let moment = array(r#"{"type":"int64","name":"io.debezium.time.MicroTimestamp"}"#);
        let json = array(r#"{"type":"string","name":"io.debezium.data.Json"}"#);
        let any = array(
            r#"{"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]}"#,
        );
        let row = format!(
            r#"{{"type":"struct","name":"a.b","fields":[{{"type":"string","field":"n"}},{{"type":"array","field":"p","items":{DECIMAL}}}]}}"#
        );
        for column in ["jsonb", "json", "text"] {
            check(&[
                (r#"["BNI=",null]"#, &array(DECIMAL), column, "[12.34,null]"),
                ("[]", &array(DECIMAL), column, "[]"),
                ("[19723]", &day, column, r#"["2024-01-01"]"#),
                (
                    "[1704067200123456]",
                    &moment,
                    column,
                    r#"["2024-01-01 00:00:00.123456"]"#,
                ),
                (r#"["{\"a\": 1}"]"#, &json, column, r#"[{"a": 1}]"#),
                (r#"[{"scale":1,"value":"BNI="}]"#, &any, column, "[123.4]"),
                (
                    r#"{"b":"BNI=","a\n":null}"#,
                    &map(DECIMAL),
                    column,
                    r#"{"b":12.34,"a\n":null}"#,
                ),
                ("{}", &map(DECIMAL), column, "{}"),
                (r#"[[7,"BNI="]]"#, &map(DECIMAL), column, "[[7,12.34]]"),
                (
                    r#"{"n":"x","p":["BNI="],"more":[1, 2]}"#,
                    &row,
                    column,
                    r#"{"n":"x","p":[12.34],"more":[1, 2]}"#,
                ),
                (
                    r#"[["BNI="]]"#,
                    &array(&array(DECIMAL)),
                    column,
                    "[[12.34]]",
                ),
            ]);
        }
        check(&[(
            r#"{"a":"BNI="}"#,
            &map(DECIMAL),
            "hstore",
            r#""a"=>"12.34""#,
        )]);
    }

    #[test]
    fn a_document_without_such_values_stays_as_it_is() {
        let point = r#"{"type":"struct","name":"io.debezium.data.geometry.Point","fields":[{"type":"double","field":"x"},{"type":"double","field":"y"},{"type":"bytes","field":"wkb"}]}"#;
        let raw = r#"{"x":1.0,"y":2.0,"wkb":"AQ=="}"#;
        check(&[
            (raw, point, "jsonb", raw),
            (
                &format!("[{raw}]"),
                &array(point),
                "jsonb",
                &format!("[{raw}]"),
            ),
            ("[1 ,2]", &array(r#"{"type":"int32"}"#), "text", "[1 ,2]"),
            (
                r#"["a"]"#,
                &array(r#"{"type":"string"}"#),
                "jsonb",
                r#"["a"]"#,
            ),
        ]);
    }

    #[test]
    fn bytes_and_what_is_no_document_within_are_refused() {
        let bytes = array(r#"{"type":"bytes"}"#);
        for column in ["jsonb", "text"] {
            let error = refused(r#"["AAH+/w=="]"#, &bytes, column).to_string();
            assert!(
                error.starts_with("bytes can't be written to a column of type"),
                "{error}"
            );
        }
        refused(r#"["BNI"]"#, &array(DECIMAL), "jsonb");
        refused("[true]", &array(DECIMAL), "jsonb");
        refused(
            r#"["{"]"#,
            &array(r#"{"type":"string","name":"io.debezium.data.Json"}"#),
            "jsonb",
        );
    }
}
