//! A record's key that is a single value without a name (StringConverter's, or a primitive schema's), where the route
//! names one column as the key: the value is that column's.
//!
//! Not everybody who writes such a key means the row's. Until a row has shown that its column has the key's value, a
//! tombstone of such a key names no row, and a delete is taken by its row alone; once a row has shown another value,
//! keys of the partition are believed no more. A row without the column says nothing of it: a key that records are spread by,
//! of rows that leave a field out, looks the same. Where rows never have the column (ksqlDB writes a key's column to the key
//! alone) the route says so (`key_from = "record_key"`): keys are believed from the first one on, and a row that has another
//! value there is refused by itself.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::change::{Fields, Shape};
use crate::format::key_text::plain_json;
use crate::format::schema::{Field, Kind};
use crate::format::undecodable::{Undecodable, refuse_topic};
use crate::letter::Stage;
use crate::verdict::Reason;

/// What is known of a partition's single keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyBelief {
    /// No row has shown it.
    #[default]
    Unknown,
    /// They are the values of the route's column.
    Confirmed,
    /// A row had another value there.
    Doubted,
}

impl KeyBelief {
    /// As `partitions.key_belief` has it.
    pub fn to_number(self) -> i16 {
        match self {
            Self::Unknown => 0,
            Self::Confirmed => 1,
            Self::Doubted => 2,
        }
    }

    /// Reads what [`KeyBelief::to_number`] wrote.
    pub fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Confirmed,
            _ => Self::Doubted,
        }
    }
}

/// What a converter makes of a struct that takes it for a text.
const STRUCT_AS_TEXT: &str = "Struct{";

/// How a single key is written.
enum Written {
    Plain,
    /// As the text of a struct with the column first.
    InStruct(String),
    ElseInStruct,
}

/// What a topic's single keys are called.
pub(super) struct SingleKey {
    /// The column alone.
    shape: Arc<Shape>,
    /// The route says that they are the column's values.
    is_said: bool,
}

impl SingleKey {
    /// `is_text`: they are written as texts, which a column that is made of them is, too. `is_said`: the route says that
    /// they are the column's values.
    pub fn new(column: &str, is_text: bool, is_said: bool) -> Self {
        let text = || {
            let column = Field::of_kind(column.into(), Kind::String);
            Arc::new(Field::of_kind("".into(), Kind::Struct(vec![column])))
        };
        Self {
            shape: Arc::new(Shape::new(vec![column.into()], is_text.then(text))),
            is_said,
        }
    }

    /// The key with its column's name; no fields if it is the text of a struct that doesn't begin with the column.
    pub fn name_value<'r>(&self, raw: &'r str, arena: &'r Bump) -> Fields<'r> {
        let raw = match self.value_of_struct(raw) {
            Written::Plain => raw,
            Written::InStruct(text) => arena.alloc_str(&serde_json::Value::from(text).to_string()),
            Written::ElseInStruct => return Fields::default(),
        };
        Fields {
            shape: Some(self.shape.clone()),
            values: arena.alloc_slice_copy(&[raw]),
        }
    }

    /// What Java's text of a struct has for the column. Nothing tells where in it a value ends, but a row that has the same.
    fn value_of_struct(&self, raw: &str) -> Written {
        let text = serde_json::from_str::<String>(raw).unwrap_or_default();
        let Some(fields) = text.strip_prefix(STRUCT_AS_TEXT) else {
            return Written::Plain;
        };
        let column = self.shape.names.first().map_or("", |name| &**name);
        let value = fields
            .strip_prefix(column)
            .and_then(|rest| rest.strip_prefix('='));
        match value.and_then(|value| value.strip_suffix('}')) {
            Some(value) => Written::InStruct(value.to_owned()),
            None => Written::ElseInStruct,
        }
    }

    /// Whether the key is one that was named here.
    pub fn is_single(&self, key: &Fields<'_>) -> bool {
        let shape = key.shape.as_ref();
        shape.is_some_and(|shape| Arc::ptr_eq(shape, &self.shape))
    }

    /// The key as far as it is believed; no fields, if it isn't. `row` is what the event leaves behind, if it leaves a row: it
    /// may tell.
    ///
    /// # Errors
    /// The row has another value, where the route says that it is the key's.
    pub fn believe<'r>(
        &self,
        key: Fields<'r>,
        row: Option<&Fields<'r>>,
        belief: &mut KeyBelief,
    ) -> Result<Fields<'r>, Undecodable> {
        if !self.is_single(&key) {
            return Ok(key);
        }
        if self.is_said {
            // whatever rows have shown before the route said so
            *belief = KeyBelief::Confirmed;
            if let (Some((column, raw)), Some(row)) = (key.iter().next(), row)
                && compare_with_row(column, raw, row, *belief) == KeyBelief::Doubted
            {
                return refuse_other_value(column);
            }
            return Ok(key);
        }
        if let (Some((column, raw)), Some(row)) = (key.iter().next(), row)
            && *belief != KeyBelief::Doubted
        {
            *belief = compare_with_row(column, raw, row, *belief);
            if *belief == KeyBelief::Doubted {
                tracing::warn!(
                    column,
                    "a record's key isn't the value of the route's key column: keys of its partition that are single values are believed no more, and their tombstones become dead letters"
                );
            }
        }
        Ok(match belief {
            KeyBelief::Confirmed => key,
            KeyBelief::Unknown | KeyBelief::Doubted => Fields::default(),
        })
    }
}

fn refuse_other_value<T>(column: &str) -> Result<T, Undecodable> {
    let message = format!(
        "the row has another value for the key column {column} than the record's key, which its [[route]] says to be the same (key_from = \"record_key\")"
    );
    refuse_topic(Reason::MissingKey, Stage::Transformation, message)
}

/// What a row shows of a key that isn't doubted.
fn compare_with_row(column: &str, key: &str, row: &Fields<'_>, belief: KeyBelief) -> KeyBelief {
    match row.get(column) {
        None | Some("null") => belief,
        Some(of_row) if text_of(of_row) == text_of(key) => KeyBelief::Confirmed,
        Some(_) => KeyBelief::Doubted,
    }
}

/// One text for a value, be it written as a text or as a number.
fn text_of(raw: &str) -> String {
    let plain = plain_json(raw);
    match serde_json::from_str::<String>(&plain) {
        // the digits of a number that a converter has made a text of
        Ok(text) => plain_json(&text).into_owned(),
        Err(_) => plain.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_number_of_the_same_digits_are_one_key() {
        for (one, other) in [
            ("1", "\"1\""),
            ("1.0", "\"1\""),
            ("\"M\\u00fcller\"", "\"Müller\""),
        ] {
            assert_eq!(text_of(one), text_of(other), "{one} {other}");
        }
        assert_ne!(text_of("\"a\""), text_of("\"b\""));
        assert_ne!(text_of("1"), text_of("\"01\""));
    }

    fn row<'r>(names: &[&str], values: &'r [&'r str]) -> Fields<'r> {
        let names = names.iter().map(|name| (*name).into()).collect();
        Fields {
            shape: Some(Arc::new(Shape::new(names, None))),
            values,
        }
    }

    #[test]
    fn a_row_without_the_column_says_nothing_of_the_key() {
        let compare = |row, belief| compare_with_row("id", "\"7\"", &row, belief);
        let (unknown, confirmed) = (KeyBelief::Unknown, KeyBelief::Confirmed);
        assert_eq!(compare(row(&["a"], &["1"]), unknown), unknown);
        assert_eq!(compare(row(&["a"], &["1"]), confirmed), confirmed);
        assert_eq!(compare(row(&["ID"], &["1"]), unknown), unknown);
        assert_eq!(compare(row(&["id"], &["7"]), unknown), confirmed);
        assert_eq!(compare(row(&["id"], &["8"]), confirmed), KeyBelief::Doubted);
        assert_eq!(compare(row(&["id"], &["null"]), unknown), unknown);
    }
}
