//! What becomes wider, what doesn't, and what holds both of two types.

use super::super::column_type::ColumnType;
use super::super::width::{Width, common_type, compare_width};

/// `numeric(10,2)` and the like, by Postgres' names of catalogue.
fn column_type(text: &'static str) -> ColumnType {
    let (name, sizes) = text.split_once('(').unwrap_or((text, ""));
    let sizes: Vec<i32> = sizes
        .trim_end_matches(')')
        .split(',')
        .filter_map(|size| size.parse().ok())
        .collect();
    match (name, sizes.as_slice()) {
        ("numeric", [precision, scale]) => ColumnType::numeric(Some(*precision), Some(*scale)),
        ("bit" | "varbit", [length]) => ColumnType::bits(name, Some(*length)),
        (name, [length]) => ColumnType::characters(name, Some(*length)),
        (name, _) => match name.strip_suffix("[]") {
            Some(name) => ColumnType::plain(name).array_of(),
            None => ColumnType::plain(name),
        },
    }
}

#[test]
fn a_column_becomes_wider_only_where_what_it_holds_stays_what_it_is() {
    let cases = [
        ("int2", "int4", "to integer"),
        ("int4", "int8", "to bigint"),
        ("int8", "int4", "enough"),
        ("int4", "int4", "enough"),
        ("float4", "float8", "to double precision"),
        ("float8", "float4", "enough"),
        ("varchar(10)", "varchar(20)", "to character varying(20)"),
        ("varchar(20)", "varchar(10)", "enough"),
        ("varchar(10)", "bpchar(20)", "to character varying(20)"),
        ("varchar(10)", "text", "to text"),
        ("varchar", "text", "enough"),
        ("text", "varchar(10)", "enough"),
        ("bpchar(3)", "bpchar(4)", "by hand character(4)"),
        ("bit(8)", "bit(8)", "enough"),
        // its values would be other ones, with zeros behind them
        ("bit(8)", "bit(16)", "by hand bit(16)"),
        ("bit(8)", "varbit(8)", "by hand bit varying(8)"),
        ("varbit(8)", "varbit(16)", "to bit varying(16)"),
        ("varbit(8)", "bit(16)", "to bit varying(16)"),
        ("varbit(8)", "varbit", "to bit varying"),
        ("varbit(16)", "varbit(8)", "enough"),
        ("varbit", "varbit(8)", "enough"),
        ("numeric(10,2)", "numeric(12,2)", "to numeric(12,2)"),
        ("numeric(10,2)", "numeric(10,4)", "to numeric(12,4)"),
        ("numeric(10,2)", "numeric(8,4)", "to numeric(12,4)"),
        ("numeric(12,4)", "numeric(10,2)", "enough"),
        ("numeric(10,2)", "numeric", "to numeric"),
        ("numeric", "numeric(10,2)", "enough"),
        ("numeric(990,2)", "numeric(1000,500)", "to numeric"),
        ("numeric(4,0)", "int4", "to numeric(10,0)"),
        ("numeric(12,2)", "int4", "enough"),
        ("numeric", "int8", "enough"),
        ("int4", "numeric(10,2)", "by hand numeric(10,2)"),
        ("int8", "float8", "by hand double precision"),
        ("float8", "int8", "by hand bigint"),
        ("float8", "int4", "enough"),
        ("int4", "text", "by hand text"),
        ("bool", "int4", "by hand integer"),
        ("date", "timestamp", "by hand timestamp"),
        ("numeric(10,2)", "text", "by hand text"),
        ("text", "int8", "enough"),
        ("text", "bytea", "enough"),
        // somebody's own choice
        ("timestamptz", "timestamp", "enough"),
        ("jsonb", "text", "enough"),
        ("int4[]", "int8[]", "enough"),
    ];
    for (now, wanted, expected) in cases {
        let found = compare_width(&column_type(now).to_pg_type(), &column_type(wanted));
        let found = match found {
            Width::Enough => "enough".to_owned(),
            Width::WidenTo(to) => format!("to {to}"),
            Width::ByHand(to) => format!("by hand {to}"),
        };
        assert_eq!(found, expected, "{now} for {wanted}");
    }
}

#[test]
fn two_versions_of_a_schema_have_a_column_that_holds_the_values_of_both() {
    let cases = [
        ("int4", "int8", Some("bigint")),
        ("int8", "int4", Some("bigint")),
        ("varchar(10)", "varchar(20)", Some("character varying(20)")),
        ("varchar(10)", "text", Some("text")),
        ("numeric(10,2)", "numeric(8,4)", Some("numeric(12,4)")),
        ("int4", "text", Some("text")),
        ("timestamp", "text", Some("text")),
        ("int4[]", "int4[]", Some("integer[]")),
        ("int4[]", "int8[]", None),
        ("bytea", "text", None),
        ("timestamp", "int8", None),
        ("jsonb", "text", None),
    ];
    for (one, other, expected) in cases {
        let (one, other) = (column_type(one), column_type(other));
        for found in [common_type(&one, &other), common_type(&other, &one)] {
            let found = found.map(|found| found.to_string());
            assert_eq!(found.as_deref(), expected, "{one} and {other}");
        }
    }
}
