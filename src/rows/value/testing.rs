//! What the table tests of this module share.

use super::{Reading, Value, ValueError, to_text};
use crate::config::SchemalessConfig;
use crate::format::schema::{self, Field};
use crate::rows::table::PgType;

/// The JSON text, its schema ("" for none), the column's type, and the text expected.
pub(super) type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Without `[format.schemaless]`.
pub(super) fn check(cases: &[Case]) {
    check_declared(SchemalessConfig::default(), cases);
}

pub(super) fn check_declared(schemaless: SchemalessConfig, cases: &[Case]) {
    for (raw, schema, column, expected) in cases {
        let found = read(schemaless, raw, schema, column);
        assert_eq!(
            found,
            Ok(Value::Text((*expected).into())),
            "{raw} with {schema:?} for {column}"
        );
    }
}

/// Without `[format.schemaless]`.
pub(super) fn refused(raw: &str, schema: &str, column: &str) -> ValueError {
    refused_declared(SchemalessConfig::default(), raw, schema, column)
}

pub(super) fn refused_declared(
    schemaless: SchemalessConfig,
    raw: &str,
    schema: &str,
    column: &str,
) -> ValueError {
    match read(schemaless, raw, schema, column) {
        Err(error) => error,
        Ok(value) => panic!("{raw} with {schema:?} for {column} gave {value:?}"),
    }
}

/// Without `[format.schemaless]`.
pub(super) fn text_of<'a>(
    raw: &'a str,
    schema: &str,
    column: &str,
) -> Result<Value<'a>, ValueError> {
    read(SchemalessConfig::default(), raw, schema, column)
}

fn read<'a>(
    schemaless: SchemalessConfig,
    raw: &'a str,
    schema: &str,
    column: &str,
) -> Result<Value<'a>, ValueError> {
    let (field, column) = (field(schema), column_type(column));
    to_text(
        raw,
        field.as_ref(),
        &column,
        &Reading::of_schemaless(schemaless),
    )
}

pub(super) fn field(schema: &str) -> Option<Field> {
    (!schema.is_empty()).then(|| schema::parse(schema).expect("a schema"))
}

/// "numeric(10,2)", "bit(8)", "timestamp(3)[]" with the modifier as the catalogue has it.
pub(super) fn column_type(text: &str) -> PgType {
    if let Some(element) = text.strip_suffix("[]") {
        let element = column_type(element);
        return PgType {
            name: format!("_{}", element.name),
            modifier: element.modifier,
            element: Some(Box::new(element)),
        };
    }
    let Some((name, arguments)) = text.split_once('(') else {
        return PgType {
            name: text.into(),
            modifier: -1,
            element: None,
        };
    };
    let arguments: Vec<i32> = arguments
        .trim_end_matches(')')
        .split(',')
        .map(|number| number.parse().expect("a number"))
        .collect();
    let modifier = match (name, arguments.as_slice()) {
        ("numeric", [precision, scale]) => ((precision << 16) | (scale & 0x7ff)) + 4,
        ("varchar" | "bpchar", [length]) => length + 4,
        (_, [only]) => *only,
        _ => panic!("{text}"),
    };
    PgType {
        name: name.into(),
        modifier,
        element: None,
    }
}
