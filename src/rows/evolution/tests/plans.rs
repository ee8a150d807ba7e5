//! Which statements are run, and which never.

use std::sync::Arc;

use super::super::plan_table;
use super::{change, plan, sql, wanted};
use crate::config::SchemaEvolution::{self, AddColumns, Create};
use crate::rows::table_testing::table;
use crate::table_name::TableName;

const ID: &str = r#"{"field":"id","type":"int64","optional":false,"default":0}"#;
const NAME: &str = r#"{"field":"name","type":"string","optional":true}"#;
const STATE: &str = r#"{"field":"state","type":"string","optional":false,"default":"new"}"#;
const COUNT: &str = r#"{"field":"count","type":"int32","optional":false}"#;
const BIG_COUNT: &str = r#"{"field":"count","type":"int64","optional":false}"#;

#[test]
fn a_table_is_made_with_its_key_nullability_and_defaults() {
    let changes = [change(&[ID], &[ID, NAME, STATE, COUNT])];
    let made = plan(None, &changes, Create);
    assert_eq!(
        sql(&made),
        [
            "CREATE TABLE IF NOT EXISTS \"shop\".\"orders\" (\n  \"id\" bigint NOT NULL,\n  \"name\" text,\n  \"state\" text NOT NULL DEFAULT 'new',\n  \"count\" integer NOT NULL,\n  PRIMARY KEY (\"id\")\n)"
        ]
    );
    let without_schema = plan_table(None, false, &wanted(&changes), Create);
    assert_eq!(
        sql(&without_schema)[0],
        "CREATE SCHEMA IF NOT EXISTS \"shop\""
    );
    for policy in [SchemaEvolution::None, AddColumns] {
        assert!(plan(None, &changes, policy).is_empty());
    }
}

#[test]
fn all_schemas_of_a_batch_count() {
    let versions = [
        change(&[ID], &[ID, COUNT]),
        change(&[ID], &[ID, BIG_COUNT, STATE]),
        change(&[ID], &[]),
    ];
    let made = plan(None, &versions, Create);
    let [made] = sql(&made)[..] else {
        panic!("{made:?}")
    };
    assert!(made.contains("\"count\" bigint NOT NULL,"), "{made}");
    // rows of the first version have the default for it
    assert!(made.contains("\"state\" text DEFAULT 'new'"), "{made}");
    let text = r#"{"field":"count","type":"bytes"}"#;
    let differing = plan(
        None,
        &[change(&[ID], &[ID, COUNT]), change(&[ID], &[ID, text])],
        Create,
    );
    assert_eq!(differing.statements, []);
    assert!(
        differing.obstacles[0]
            .contains("integer by one of its events' schemas and bytea by another")
    );
}

#[test]
fn a_key_that_is_not_in_the_row_is_a_column_too() {
    let made = plan(None, &[change(&[ID], &[NAME])], Create);
    assert!(sql(&made)[0].contains("(\n  \"id\" bigint NOT NULL,\n  \"name\" text,"));
    let of_deletes = plan(None, &[change(&[ID], &[])], Create);
    assert!(sql(&of_deletes)[0].contains("(\n  \"id\" bigint NOT NULL,\n  PRIMARY KEY"));
}

#[test]
fn what_no_schema_tells_is_not_guessed() {
    let changes = [change(&["id"], &["id", "name"])];
    let made = plan(None, &changes, Create);
    assert_eq!(made.statements, []);
    assert!(
        made.obstacles[0].contains("`landfall check --ddl` proposes"),
        "{made:?}"
    );
    let there = table("orders", "id:int8", &[&["id"]]);
    let added = plan(Some(&there), &changes, AddColumns);
    assert_eq!((added.statements.len(), added.obstacles.len()), (0, 1));
    // what the table has already needs no schema
    let there = table("orders", "id:int8 name:text", &[&["id"]]);
    assert!(plan(Some(&there), &changes, Create).is_empty());
    // a key without a schema is what the row's schema says of it
    assert!(sql(&plan(None, &[change(&["id"], &[ID])], Create))[0].contains("\"id\" bigint"));
}

#[test]
fn a_table_that_topics_share_is_not_made_unless_each_change_is_a_row_of_its_own() {
    let topics = ["a.t".to_owned(), "b.t".to_owned()];
    let shared = wanted(&[change(&[ID], &[ID])]).shared_by(&topics);
    let refused = plan_table(None, true, &shared, Create);
    assert_eq!(refused.statements, []);
    assert!(refused.obstacles[0].contains("(a.t, b.t)"), "{refused:?}");
    let mut appended = shared.clone();
    appended.appended = true;
    assert!(plan_table(None, true, &appended, Create).makes_table());
    // a table that is there was made by somebody who knew
    let there = table("orders", "id:int8", &[&["id"]]);
    assert!(plan_table(Some(&there), true, &shared, Create).is_empty());
}

#[test]
fn a_table_without_one_key_is_not_made() {
    let keyless = plan(None, &[change(&[], &[ID])], Create);
    assert!(keyless.obstacles[0].contains("no key"), "{keyless:?}");
    let two = plan(
        None,
        &[change(&[ID], &[ID, NAME]), change(&[NAME], &[ID, NAME])],
        Create,
    );
    assert!(two.obstacles[0].contains("several keys"), "{two:?}");
}

#[test]
fn a_column_is_added_without_not_null_where_rows_would_have_no_value() {
    let there = table("orders", "id:int8", &[&["id"]]);
    let changes = [change(&[ID], &[ID, NAME, STATE, COUNT])];
    for policy in [AddColumns, Create] {
        let added = plan(Some(&there), &changes, policy);
        assert_eq!(
            sql(&added),
            [
                "ALTER TABLE \"shop\".\"orders\" ADD COLUMN IF NOT EXISTS \"name\" text",
                "ALTER TABLE \"shop\".\"orders\" ADD COLUMN IF NOT EXISTS \"state\" text NOT NULL DEFAULT 'new'",
                "ALTER TABLE \"shop\".\"orders\" ADD COLUMN IF NOT EXISTS \"count\" integer",
            ]
        );
    }
    assert!(plan(Some(&there), &changes, SchemaEvolution::None).is_empty());
}

#[test]
fn rows_that_are_there_get_no_default_that_they_need_not_have_at_the_source() {
    let there = table("orders", "id:int8", &[&["id"]]);
    let chosen = r#"{"field":"a","type":"string","optional":true,"default":"new"}"#;
    let added = plan(Some(&there), &[change(&[ID], &[ID, chosen])], AddColumns);
    assert_eq!(
        sql(&added),
        [
            "ALTER TABLE \"shop\".\"orders\" ADD COLUMN \"a\" text, ALTER COLUMN \"a\" SET DEFAULT 'new'"
        ]
    );
    for (kind, default, is_usual) in [
        ("string", "\"\"", true),
        ("string", "\"{}\"", true),
        ("string", "\"00000000-0000-0000-0000-000000000000\"", false),
        ("string", "\"1970-01-01T00:00:00Z\"", false),
        ("int64", "0", true),
        ("boolean", "false", true),
    ] {
        let column =
            format!(r#"{{"field":"a","type":"{kind}","optional":false,"default":{default}}}"#);
        let changes = [change(&[ID], &[ID, &column])];
        let added = plan(Some(&there), &changes, AddColumns);
        let added = sql(&added)[0];
        assert!(
            !added.contains("DEFAULT") && !added.contains("NOT NULL"),
            "{added}"
        );
        let made = plan(None, &changes, Create);
        let made = sql(&made)[0];
        assert_eq!(made.contains("DEFAULT"), is_usual, "{made}");
        assert_eq!(made.matches("NOT NULL").count(), 2, "{made}");
        // rows of a version without it would get it
        let versions = [change(&[ID], &[ID]), change(&[ID], &[ID, &column])];
        let made = plan(None, &versions, Create);
        assert!(!sql(&made)[0].contains("DEFAULT"), "{made:?}");
    }
}

#[test]
fn a_column_that_is_widened_keeps_its_collation() {
    let mut there = Arc::into_inner(table("orders", "id:int8 name:varchar", &[&["id"]]))
        .expect("it is nobody else's");
    there.columns[1].pg_type.modifier = 7;
    there.columns[1].collation = Some(r#""shop"."german""#.to_owned());
    let widened = plan(Some(&there), &[change(&[ID], &[ID, NAME])], Create);
    assert_eq!(
        sql(&widened),
        [
            "ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"name\" TYPE text COLLATE \"shop\".\"german\""
        ]
    );
}

#[test]
fn a_column_takes_null_once_rows_have_none_for_it_under_create_alone() {
    let mut there = Arc::into_inner(table("orders", "id:int8 count:int4 name:text", &[&["id"]]))
        .expect("it is nobody else's");
    for column in &mut there.columns {
        column.not_null = true;
    }
    let loose = "ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"name\" DROP NOT NULL";
    for row in [&[ID, COUNT, NAME][..], &[ID, COUNT]] {
        let changes = [change(&[ID], row)];
        assert_eq!(sql(&plan(Some(&there), &changes, Create)), [loose]);
        assert!(plan(Some(&there), &changes, AddColumns).is_empty());
    }
    let name = r#"{"field":"name","type":"string","optional":false}"#;
    for row in [&[ID, COUNT, name][..], &["id", "count", "name"], &[]] {
        let changes = [change(&[ID], row)];
        assert!(plan(Some(&there), &changes, Create).is_empty(), "{row:?}");
    }
}

#[test]
fn a_zero_that_may_be_invented_is_no_default_any_more_once_rows_have_no_value() {
    let mut there = Arc::into_inner(table("orders", "id:int8 count:int4", &[&["id"]]))
        .expect("it is nobody else's");
    let untold = r#"{"field":"count","type":"int32","optional":true}"#;
    let count = r#"{"field":"count","type":"int32","optional":true,"default":0}"#;
    let (loose, and_no_default) = (
        "ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"count\" DROP NOT NULL",
        ", ALTER COLUMN \"count\" DROP DEFAULT",
    );
    there.columns[1].not_null = true;
    for (zero_default, row, rest) in [
        (true, &[ID][..], and_no_default),
        (true, &[ID, untold], and_no_default),
        (true, &[ID, count], ""), // it is told beside a column that takes null
        (false, &[ID], ""),       // the source's own, or somebody's
    ] {
        there.columns[1].zero_default = zero_default;
        let plan = plan(Some(&there), &[change(&[ID], row)], Create);
        assert_eq!(sql(&plan), [format!("{loose}{rest}")]);
        assert!(plan.loosens_column("count"));
    }
}

#[test]
fn columns_are_widened_under_create_alone_and_never_narrowed() {
    let changes = [change(&[ID], &[ID, NAME, BIG_COUNT])];
    let narrow = table("orders", "id:int4 name:text count:int2", &[&["id"]]);
    let widened = plan(Some(&narrow), &changes, Create);
    assert_eq!(
        sql(&widened),
        [
            "ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"id\" TYPE bigint",
            "ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"count\" TYPE bigint",
        ]
    );
    assert!(plan(Some(&narrow), &changes, AddColumns).is_empty());
    let wide = table(
        "orders",
        "id:numeric name:text count:int8 more:text",
        &[&["id"]],
    );
    assert!(plan(Some(&wide), &[change(&[ID], &[ID, NAME, COUNT])], Create).is_empty());
    let computed = table("orders", "id:int8 name:text count:int2=", &[&["id"]]);
    assert!(plan(Some(&computed), &changes, Create).is_empty());
    let other = table("orders", "id:int8 name:bool count:int8", &[&["id"]]);
    let proposed = plan(Some(&other), &changes, Create);
    assert_eq!(proposed.statements, []);
    assert_eq!(
        proposed.by_hand,
        ["ALTER TABLE \"shop\".\"orders\" ALTER COLUMN \"name\" TYPE text"]
    );
}

#[test]
fn a_name_that_postgres_does_not_take_is_left_to_the_route() {
    let there = table("orders", "id:int8", &[&["id"]]);
    let long = "é".repeat(32);
    for name in [long.as_str(), "ctid", "xmin", "tableoid", ""] {
        let column = format!(r#"{{"field":"{name}","type":"string"}}"#);
        let changes = [change(&[ID], &[ID, &column, NAME])];
        for now in [Some(&*there), None] {
            let found = plan(now, &changes, Create);
            assert_eq!(found.statements, [], "{name}");
            assert!(
                found.obstacles[0].contains("rename in the topic's [[route]]"),
                "{found:?}"
            );
            assert!(found.obstacles[0].contains("exclude"), "{found:?}");
        }
    }
    let mut of_long_table = wanted(&[change(&[ID], &[ID])]);
    of_long_table.name = TableName::new("shop", "o".repeat(64));
    let found = plan_table(None, true, &of_long_table, Create);
    assert!(found.obstacles[0].contains("64 bytes"), "{found:?}");
}

#[test]
fn names_are_quoted_whatever_they_hold() {
    let column = r#"{"field":"a\" int); DROP TABLE t; --","type":"int32"}"#;
    let made = plan(None, &[change(&[ID], &[ID, column])], Create);
    assert!(
        sql(&made)[0].contains("\"a\"\" int); DROP TABLE t; --\" integer"),
        "{made:?}"
    );
}

#[test]
fn fields_that_differ_in_case_are_columns_of_their_own_only_where_an_event_has_both() {
    const UPPER: &str = r#"{"field":"NAME","type":"string","optional":true}"#;
    let now = table("orders", "id:int8 name:text", &[&["id"]]);
    let plan_of = |now, rows: &[&[&str]]| {
        let changes: Vec<_> = rows.iter().map(|row| change(&[ID], row)).collect();
        let plan = plan(now, &changes, Create);
        sql(&plan).join("; ")
    };
    assert_eq!(plan_of(Some(&now), &[&[ID, UPPER]]), "");
    let added = plan_of(Some(&now), &[&[ID, UPPER, NAME]]);
    assert!(
        added.contains(r#"ADD COLUMN IF NOT EXISTS "NAME" text"#),
        "{added}"
    );
    // however events are spread over batches
    let apart = plan_of(None, &[&[ID, UPPER], &[ID, NAME]]);
    assert!(
        apart.contains(r#""NAME" text"#) && !apart.contains(r#""name""#),
        "{apart}"
    );
    let together = plan_of(None, &[&[ID, UPPER, NAME]]);
    assert!(
        together.contains(r#""NAME" text"#) && together.contains(r#""name" text"#),
        "{together}"
    );
}
