use std::borrow::Cow;

use super::*;
use crate::rows::fold::Row;
use crate::rows::key_identity::Key;
use crate::rows::key_kind::KeyKind;
use crate::rows::table::Equality;
use crate::rows::table_testing::table;

fn text(value: &'static str) -> Text<'static> {
    Some(value.into())
}

/// A net change whose key is its first `key` columns.
fn net(
    table: &Arc<Table>,
    key: usize,
    cells: &[(usize, &'static str)],
    whole: bool,
    delete_first: bool,
) -> Net<'static, 'static> {
    let (columns, texts): (Vec<usize>, Vec<_>) =
        cells.iter().map(|(at, value)| (*at, text(value))).unzip();
    let is_row = columns.len() > key || !delete_first;
    Net {
        layout: Cow::Owned(Arc::new(Layout {
            table: table.clone(),
            key: columns[..key].to_vec(),
            columns: if is_row { columns } else { Vec::new() },
        })),
        key: Key {
            texts: texts[..key].to_vec().leak(),
            identity: None,
        },
        other_spellings: Vec::new(),
        any_spelling: false,
        row: is_row.then_some(Row {
            marks: false,
            texts: Cow::Owned(texts),
            whole,
            fills: false,
        }),
        created: false,
        delete_first,
    }
}

fn built(nets: Vec<Net<'static, 'static>>) -> Vec<Statement<'static>> {
    build_statements(nets.leak(), Conflicts::Unexpected)
}

fn only(nets: Vec<Net<'static, 'static>>) -> Statement<'static> {
    let mut statements = built(nets);
    assert_eq!(statements.len(), 1);
    statements.remove(0)
}

fn texts<'s>(statement: &'s Statement<'_>) -> Vec<&'s [Option<&'s str>]> {
    let columns = statement.columns.iter();
    columns.map(|column| column.texts.as_slice()).collect()
}

#[test]
fn a_whole_row_is_inserted_or_replaces_what_it_names() {
    let t = table("t", "id:int4 name:text", &[&["id"]]);
    let statement = only(vec![net(&t, 1, &[(0, "1"), (1, "x")], true, false)]);
    assert_eq!(
        statement.sql,
        r#"INSERT INTO "public"."t" AS t ("id", "name") OVERRIDING SYSTEM VALUE SELECT unnest($1::int4[])::"pg_catalog"."int4", unnest($2::text[])::"pg_catalog"."text" ON CONFLICT ("id") DO UPDATE SET "name" = EXCLUDED."name""#
    );
    assert_eq!(texts(&statement), [[Some("1")], [Some("x")]]);
    assert_eq!(statement.count_sql, None);
}

#[test]
fn a_row_that_is_new_is_inserted_unless_something_may_be_in_its_way() {
    let t = table("t", "id:int4 name:text", &[&["id"]]);
    let mut new = net(&t, 1, &[(0, "1"), (1, "x")], true, false);
    new.created = true;
    let nets = [new.clone()];
    let statements = build_statements(&nets, Conflicts::Unexpected);
    assert_eq!(statements[0].kind, StatementKind::Insert);
    assert_eq!(
        statements[0].sql,
        r#"INSERT INTO "public"."t" AS t ("id", "name") OVERRIDING SYSTEM VALUE SELECT unnest($1::int4[])::"pg_catalog"."int4", unnest($2::text[])::"pg_catalog"."text""#
    );
    assert_eq!(
        build_statements(&nets, Conflicts::Possible)[0].kind,
        StatementKind::Upsert
    );
    let again = [Net {
        delete_first: true,
        ..new
    }];
    assert_eq!(
        build_statements(&again, Conflicts::Unexpected)[0].kind,
        StatementKind::Replace
    );
}

#[test]
fn names_are_quoted_whatever_they_hold() {
    let t = table(
        r#"ta"ble; DROP"#,
        r#"Id:int4 select:text a"b:text"#,
        &[&["Id"]],
    );
    let statement = only(vec![net(
        &t,
        1,
        &[(0, "1"), (1, "x"), (2, "y")],
        true,
        false,
    )]);
    assert!(
        statement
            .sql
            .starts_with(r#"INSERT INTO "public"."ta""ble; DROP" AS t ("Id", "select", "a""b") "#)
    );
    assert!(statement.sql.ends_with(
        r#"ON CONFLICT ("Id") DO UPDATE SET "select" = EXCLUDED."select", "a""b" = EXCLUDED."a""b""#
    ));
}

#[test]
fn a_composite_key_is_matched_by_all_of_its_columns() {
    let t = table("t", "a:int4 b:uuid c:text", &[&["a", "b"]]);
    let delete = only(vec![net(&t, 2, &[(0, "1"), (1, "u")], true, true)]);
    assert_eq!(
        delete.sql,
        r#"DELETE FROM "public"."t" AS t USING (SELECT unnest($1::int4[]) AS c1, unnest($2::text[]) AS c2) AS u WHERE t."a" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."int4" AND t."b" OPERATOR("pg_catalog".=) u.c2::"pg_catalog"."uuid""#
    );
    let upsert = only(vec![net(
        &t,
        2,
        &[(0, "1"), (1, "u"), (2, "x")],
        true,
        false,
    )]);
    assert!(
        upsert
            .sql
            .ends_with(r#"ON CONFLICT ("a", "b") DO UPDATE SET "c" = EXCLUDED."c""#)
    );
}

#[test]
fn a_key_is_compared_as_its_index_compares_it() {
    let t = table("t", "id:varchar name:text", &[&["id"]]);
    let mut t = Arc::into_inner(t).unwrap();
    t.unique_keys[0].equality[0] = Equality {
        operator: r#"OPERATOR("ext".=)"#.to_owned(),
        operand: Some(r#""ext"."citext""#.to_owned()),
        collation: Some(r#""ext"."blind""#.to_owned()),
    };
    let delete = only(vec![net(&Arc::new(t), 1, &[(0, "x")], true, true)]);
    let compared = r#"WHERE t."id"::"ext"."citext" OPERATOR("ext".=) u.c1::"pg_catalog"."varchar"::"ext"."citext" COLLATE "ext"."blind""#;
    assert!(delete.sql.ends_with(compared), "{}", delete.sql);
}

#[test]
fn a_table_that_is_nothing_but_its_key_has_nothing_to_set() {
    let t = table("t", "a:int4 b:int4", &[&["a", "b"]]);
    let upsert = only(vec![net(&t, 2, &[(0, "1"), (1, "2")], true, false)]);
    assert!(upsert.sql.ends_with(r#"ON CONFLICT ("a", "b") DO NOTHING"#));
}

#[test]
fn an_identity_column_is_inserted_and_never_set() {
    let t = table("t", "id:int4 n:int8! x:text", &[&["id"]]);
    let cells = [(0, "1"), (1, "7"), (2, "x")];
    let upsert = only(vec![net(&t, 1, &cells, true, false)]);
    assert!(
        upsert
            .sql
            .contains(r#"("id", "n", "x") OVERRIDING SYSTEM VALUE"#)
    );
    assert!(upsert.sql.ends_with(r#"DO UPDATE SET "x" = EXCLUDED."x""#));
    let update = only(vec![net(&t, 1, &cells, false, false)]);
    assert!(
        update
            .sql
            .contains(r#"SET "x" = u.c3::"pg_catalog"."text" FROM"#)
    );
}

#[test]
fn part_of_a_row_updates_and_can_be_counted() {
    let t = table("t", "id:int4 a:text b:text", &[&["id"]]);
    let update = only(vec![net(&t, 1, &[(0, "1"), (2, "y")], false, false)]);
    assert_eq!(
        update.sql,
        r#"UPDATE "public"."t" AS t SET "b" = u.c2::"pg_catalog"."text" FROM (SELECT unnest($1::int4[]) AS c1, unnest($2::text[]) AS c2) AS u WHERE t."id" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."int4""#
    );
    assert_eq!(
        update.count_sql.as_deref(),
        Some(
            r#"SELECT count(*) FROM "public"."t" AS t, (SELECT unnest($1::int4[]) AS c1, unnest($2::text[]) AS c2) AS u WHERE t."id" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."int4""#
        )
    );
    let nothing_but_the_key = only(vec![net(&t, 1, &[(0, "1")], false, false)]);
    assert!(
        nothing_but_the_key
            .sql
            .contains(r#"SET "id" = t."id" FROM"#)
    );
}

#[test]
fn a_row_that_is_replaced_is_never_deleted_and_starts_from_its_defaults() {
    let t = table("t", "id:int4 a:text b:text", &[&["id"]]);
    let statements = built(vec![
        net(&t, 1, &[(0, "2"), (1, "y")], true, false),
        net(&t, 1, &[(0, "1"), (1, "x")], true, true),
    ]);
    let kinds: Vec<StatementKind> = statements.iter().map(|s| s.kind).collect();
    assert_eq!(kinds, [StatementKind::Replace, StatementKind::Upsert]);
    assert_eq!(texts(&statements[0]), [[Some("1")], [Some("x")]]);
    let set = r#"DO UPDATE SET "a" = EXCLUDED."a", "b" = DEFAULT"#;
    assert!(statements[0].sql.ends_with(set), "{}", statements[0].sql);
    assert_eq!(texts(&statements[1]), [[Some("2")], [Some("y")]]);
}

#[test]
fn parents_are_written_first_and_go_once_nothing_can_refer_to_them() {
    let related = |name, rank, referenced| {
        let table = table(name, "id:int4", &[&["id"]]);
        let mut table = Arc::into_inner(table).unwrap();
        (table.rank, table.referenced) = (rank, referenced);
        Arc::new(table)
    };
    let (a, b) = (related("a", 2, false), related("b", 1, true));
    let (c, other) = (related("c", 0, true), related("d", 0, false));
    let gone = |table| net(table, 1, &[(0, "1")], true, true);
    let row = |table| net(table, 1, &[(0, "2")], true, false);
    let nets = [&a, &b, &c, &other].map(|t| [gone(t), row(t)]);
    let order: Vec<_> = built(nets.into_iter().flatten().collect())
        .iter()
        .map(|s| (s.kind, s.table.name.name.clone()))
        .collect();
    let (d, u) = (StatementKind::Delete, StatementKind::Upsert);
    let written = [(u, "c"), (u, "d"), (u, "b"), (u, "a")];
    let expected = [&[(d, "a"), (d, "d")][..], &written, &[(d, "b"), (d, "c")]].concat();
    let expected = expected
        .into_iter()
        .map(|(kind, name)| (kind, name.to_owned()));
    assert_eq!(order, expected.collect::<Vec<_>>());
}

#[test]
fn rows_come_in_the_order_of_their_keys_and_statements_in_that_of_their_tables() {
    let (t, u) = (
        table("t", "id:int4 a:text", &[&["id"]]),
        table("u", "id:int4 a:text", &[&["id"]]),
    );
    let row = |table, id, a| net(table, 1, &[(0, id), (1, a)], true, false);
    let statements = built(vec![
        row(&u, "3", "c"),
        row(&t, "2", "b"),
        row(&u, "1", "a"),
        row(&t, "1", "z"),
    ]);
    let tables: Vec<&str> = statements
        .iter()
        .map(|s| s.table.name.name.as_str())
        .collect();
    assert_eq!(tables, ["t", "u"]);
    assert_eq!(
        texts(&statements[0]),
        [[Some("1"), Some("2")], [Some("z"), Some("b")]]
    );
    assert_eq!(
        texts(&statements[1]),
        [[Some("1"), Some("3")], [Some("a"), Some("c")]]
    );
    assert_eq!(statements[0].row_count(), 2);
}

#[test]
fn rows_with_other_columns_go_into_a_statement_of_their_own() {
    let t = table("t", "id:int4 a:text b:text", &[&["id"]]);
    let statements = built(vec![
        net(&t, 1, &[(0, "1"), (1, "x")], true, false),
        net(&t, 1, &[(0, "2"), (2, "y")], true, false),
    ]);
    assert_eq!(statements.len(), 2);
    assert!(statements.iter().all(|s| s.row_count() == 1));
}

#[test]
fn a_key_that_is_kept_as_it_is_written_is_written_as_it_is_spelled_now_and_deleted_only_so() {
    let mut t = Arc::into_inner(table("t", "id:numeric name:text", &[&["id"]])).unwrap();
    t.columns[0].pg_type.modifier = ((10 << 16) | 2) + 4;
    t.unique_keys[0].sameness[0].kind = KeyKind::KeptAsWritten;
    let t = Arc::new(t);
    let cells = [(0, "1"), (1, "x")];
    let upsert = only(vec![net(&t, 1, &cells, true, false)]);
    let sets = r#"DO UPDATE SET "id" = EXCLUDED."id", "name" = EXCLUDED."name""#;
    assert!(upsert.sql.ends_with(sets), "{}", upsert.sql);
    let update = only(vec![net(&t, 1, &cells, false, false)]);
    let set = r#"SET "id" = u.c1::"pg_catalog"."numeric", "name" ="#;
    assert!(update.sql.contains(set), "{}", update.sql);
    let delete = only(vec![net(&t, 1, &cells[..1], true, true)]);
    let equal = r#"t."id" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."numeric"(10,2)"#;
    let spelled = r#"t."id"::"pg_catalog"."text" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."numeric"(10,2)::"pg_catalog"."text" COLLATE "pg_catalog"."C""#;
    assert!(
        delete
            .sql
            .ends_with(&format!("WHERE {equal} AND {spelled}")),
        "{}",
        delete.sql
    );
    let respelled = delete.respelled_sql.unwrap();
    assert!(
        respelled.ends_with(&format!("WHERE {equal} AND NOT ({spelled})")),
        "{respelled}"
    );
    let mut written = net(&t, 1, &cells[..1], true, true);
    written.any_spelling = true;
    let delete = only(vec![written]);
    assert!(
        delete.sql.ends_with(&format!("WHERE {equal}")),
        "{}",
        delete.sql
    );
    assert_eq!(delete.respelled_sql, None);
}

#[test]
fn what_is_filled_in_keeps_the_key_as_it_is_spelled_and_needs_no_row() {
    let mut table = table("t", "id:citext a:text", &[&["id"]]);
    Arc::get_mut(&mut table).unwrap().may_have_heirs = true;
    let mut fill = net(&table, 1, &[(0, "X"), (1, "v")], false, false);
    if let Some(row) = &mut fill.row {
        row.fills = true;
    }
    let statement = only(vec![fill]);
    assert_eq!(statement.kind, StatementKind::Fill);
    assert_eq!(statement.count_sql, None);
    assert!(
        statement.sql.starts_with("UPDATE ONLY "),
        "{}",
        statement.sql
    );
    assert!(statement.sql.contains("SET \"a\" = "), "{}", statement.sql);
    assert!(!statement.sql.contains("SET \"id\""), "{}", statement.sql);
}

#[test]
fn of_many_rows_it_is_not_said_among_which_values_they_are() {
    let mut table = table("t", "id:int8", &[&["id"]]);
    Arc::get_mut(&mut table).unwrap().is_partitioned = true;
    for (rows, says) in [(32, true), (33, false)] {
        let id = |n: usize| &*n.to_string().leak();
        let deletes = (0..rows).map(|n| net(&table, 1, &[(0, id(n))], true, true));
        let sql = only(deletes.collect()).sql;
        assert_eq!(sql.contains("ANY"), says, "{sql}");
    }
}

#[test]
fn of_a_partitioned_table_only_the_partitions_concerned_are_asked_for() {
    let delete_of = |alter: fn(&mut Table)| {
        let mut table = table("t", "id:int8 day:date name:text", &[&["id", "day"]]);
        alter(Arc::get_mut(&mut table).unwrap());
        let values = [(0, "1"), (1, "2026-01-01")];
        only(vec![net(&table, 2, &values, true, true)]).sql
    };
    let sql = delete_of(|_| ());
    assert!(!sql.contains("ANY"), "{sql}");
    let sql = delete_of(|table| table.is_partitioned = true);
    for among in [
        r#" AND t."id" OPERATOR("pg_catalog".=) ANY ($1::int8[])"#,
        r#" AND t."day" OPERATOR("pg_catalog".=) ANY ($2::date[])"#,
    ] {
        assert!(sql.contains(among), "{sql}");
    }
    // of a varchar the index compares the text
    let sql = delete_of(|table| {
        table.is_partitioned = true;
        (table.columns[0].pg_type.name, table.columns[0].cast) =
            ("varchar".to_owned(), r#""pg_catalog"."varchar""#.to_owned());
        table.unique_keys[0].equality[0].operand = Some(r#""pg_catalog"."text""#.to_owned());
    });
    let among = r#" AND t."id" OPERATOR("pg_catalog".=) ANY ($1::text[])"#;
    assert!(sql.contains(among), "{sql}");
    // what becomes another value first, or is compared in another way, tells no partition
    let sql = delete_of(|table| {
        table.is_partitioned = true;
        table.columns[0].pg_type.modifier = 5;
        table.unique_keys[0].equality[1].operand = Some("x".to_owned());
    });
    assert!(!sql.contains("ANY"), "{sql}");
}
