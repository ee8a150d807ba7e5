//! Random schemas with random values, encoded by the reference: what is read is what was written.

use apache_avro::types::Value;
use serde_json::{Value as Json, json};

use super::{encode, text};

/// Reproducible chance: xorshift.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    fn string(&mut self) -> String {
        let characters = ['a', '"', '\\', '\n', 'ü', '\u{0}', '\u{1f980}', ' '];
        let length = self.below(8);
        (0..length)
            .map(|_| characters[self.below(8) as usize])
            .collect()
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// A schema, a value of it for the reference, and what is to be read.
    fn pair(&mut self, depth: u64, names: &mut u64) -> (Json, Value, Json) {
        *names += 1;
        let name = format!("n{names}");
        match self.below(if depth == 0 { 9 } else { 14 }) {
            0 => (json!("null"), Value::Null, Json::Null),
            1 => {
                let value = self.below(2) == 1;
                (json!("boolean"), Value::Boolean(value), json!(value))
            }
            2 => {
                let value = self.next() as i32;
                (json!("int"), Value::Int(value), json!(value))
            }
            3 => {
                let value = self.next() as i64 >> self.below(64);
                (json!("long"), Value::Long(value), json!(value))
            }
            4 => {
                let value = f64::from_bits(self.next());
                let shown = if value.is_finite() {
                    json!(value)
                } else {
                    Json::Null
                };
                let value = if value.is_finite() { value } else { 0.5 };
                let shown = if shown.is_null() { json!(0.5) } else { shown };
                (json!("double"), Value::Double(value), shown)
            }
            5 => {
                let value = self.string();
                (json!("string"), Value::String(value.clone()), json!(value))
            }
            6 => {
                let length = self.below(9);
                let value = self.bytes(length);
                let shown = json!(base64(&value));
                (json!("bytes"), Value::Bytes(value), shown)
            }
            7 => {
                let size = self.below(5) + 1;
                let value = self.bytes(size);
                let shown = json!(base64(&value));
                let schema = json!({"type": "fixed", "name": name, "size": size});
                (schema, Value::Fixed(size as usize, value), shown)
            }
            8 => {
                let at = self.below(3);
                let symbols = ["x", "y", "z"];
                let symbol = symbols[at as usize];
                let schema = json!({"type": "enum", "name": name, "symbols": symbols});
                (schema, Value::Enum(at as u32, symbol.into()), json!(symbol))
            }
            9 => {
                let (schema, value, shown) = self.pair(depth - 1, names);
                let count = self.below(4) as usize;
                let schema = json!({"type": "array", "items": schema});
                (
                    schema,
                    Value::Array(vec![value; count]),
                    json!(vec![shown; count]),
                )
            }
            10 => {
                let (schema, value, shown) = self.pair(depth - 1, names);
                let key = self.string();
                let schema = json!({"type": "map", "values": schema});
                let value = Value::Map([(key.clone(), value)].into());
                (schema, value, json!({ key: shown }))
            }
            11 | 12 => {
                let (mut fields, mut values, mut shown) = (vec![], vec![], serde_json::Map::new());
                for at in 0..self.below(5) {
                    let (schema, value, text) = self.pair(depth - 1, names);
                    let field = format!("f{at}");
                    fields.push(json!({"name": field, "type": schema}));
                    values.push((field.clone(), value));
                    shown.insert(field, text);
                }
                let schema = json!({"type": "record", "name": name, "fields": fields});
                (schema, Value::Record(values), Json::Object(shown))
            }
            _ => {
                let (schema, value, shown) = self.pair(depth - 1, names);
                if schema.is_array() || schema == "null" {
                    return (schema, value, shown);
                }
                let first = self.below(2);
                let schema = match first {
                    0 => json!(["null", schema]),
                    _ => json!([schema, "null"]),
                };
                match self.below(3) {
                    0 => (
                        schema,
                        Value::Union(first as u32, Box::new(Value::Null)),
                        Json::Null,
                    ),
                    _ => (
                        schema,
                        Value::Union(1 - first as u32, Box::new(value)),
                        shown,
                    ),
                }
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Numbers are equal if they read as the same one.
fn same(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|b| same(v, b)))
        }
        (Json::Number(a), Json::Number(b)) => {
            a.to_string() == b.to_string()
                || a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits)
        }
        _ => found == expected,
    }
}

#[test]
fn what_the_reference_writes_is_read_as_it_was() {
    for seed in 1..3_000 {
        let mut chance = Chance::new(seed);
        let (schema, value, expected) = chance.pair(4, &mut 0);
        let schema = schema.to_string();
        let found =
            text(&schema, &encode(&schema, value)).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let found: Json = serde_json::from_str(&found).unwrap_or_else(|e| panic!("{found}: {e}"));
        assert!(
            same(&found, &expected),
            "{seed} {schema}: {found} is not {expected}"
        );
    }
}
