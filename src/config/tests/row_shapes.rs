//! How a route's rows differ from what its events say.

use super::super::{Deletes, Fact, Mask, RowShape, WriteMode};
use super::*;

/// The one route's shape, with these keys.
fn shape(keys: &str) -> Result<RowShape, String> {
    let route = "\n[apply]\nmask_key = 'secret key'\n[[route]]\ntopic = 'x'\ntable = 't'\n";
    let config = Config::parse(&minimal_and(&format!("{route}{keys}")));
    let config = config.map_err(|error| error.to_string())?;
    assert!(!format!("{config:?} {}", config.summary()).contains("secret key"));
    Ok(RowShape::clone(&config.routes[0].shape))
}

fn problem_of(keys: &str) -> String {
    shape(keys).expect_err(keys)
}

#[test]
fn a_route_without_any_of_the_keys_changes_nothing() {
    let plain = shape("").unwrap();
    assert!(plain.keeps_fields() && plain.write == WriteMode::Upsert);
    assert!(plain.applies_deletes(true) && !plain.applies_deletes(false));
}

#[test]
fn fields_are_chosen_renamed_and_masked() {
    let shape = shape(
        "columns = ['id', 'meta', 'email']\nrename = { meta = 'details' }\nmask = { email = 'hash', meta = 'null', id = 'x' }",
    )
    .unwrap();
    assert!(shape.fields.has("meta") && !shape.fields.has("details"));
    assert_eq!(shape.column_of("meta"), "details");
    assert_eq!(shape.mask["email"], Mask::Hash);
    assert_eq!(shape.mask["meta"], Mask::Null);
    assert_eq!(shape.mask["id"], Mask::Text("x".to_owned()));
    let but = self::shape("exclude = ['meta']").unwrap();
    assert!(but.fields.has("id") && !but.fields.has("meta"));
}

#[test]
fn facts_and_texts_have_columns() {
    let lineage = shape("[route.lineage]\nop = '_op'\nstatic = { _from = 'shop' }")
        .unwrap()
        .lineage;
    assert_eq!(lineage.facts, [(Fact::Op, "_op".to_owned())]);
    assert_eq!(lineage.columns().collect::<Vec<_>>(), ["_op", "_from"]);
}

#[test]
fn a_route_says_what_becomes_of_its_deletes_and_else_apply_does() {
    let of = |keys| shape(keys).unwrap();
    let soft = of("deletes = 'soft'\nsoft_delete = 'gone_at'");
    assert_eq!(soft.deletes, Some(Deletes::Soft("gone_at".to_owned())));
    assert!(soft.applies_deletes(false) && !soft.removes_rows(true));
    assert!(of("deletes = true").removes_rows(false));
    assert!(!of("deletes = false").applies_deletes(true));
    let append = of("write = 'append'");
    assert!(append.applies_deletes(false) && !append.removes_rows(true));
    assert!(!of("write = 'append'\ndeletes = false").applies_deletes(true));
}

#[test]
fn what_contradicts_itself_is_said_with_its_key() {
    for (keys, says) in [
        (
            "columns = ['a']\nexclude = ['b']",
            "route[0].exclude: columns is set as well",
        ),
        (
            "key = ['id']\nexclude = ['id']",
            "route[0].exclude: leaves out id",
        ),
        (
            "key = ['id']\ncolumns = ['a']",
            "route[0].columns: leaves out id",
        ),
        (
            "version = 'v'\ncolumns = ['a']",
            "v is the version of the rows",
        ),
        (
            "version = 'v'\nrename = { w = 'v' }\nexclude = ['w']",
            "w is the version of the rows",
        ),
        (
            "version = 'v'\nmask = { v = 'hash' }",
            "route[0].mask: v is the version",
        ),
        (
            "rename = { a = 'x', b = 'x' }",
            "a and b can't both be the column x",
        ),
        (
            "key = ['id']\nmask = { id = 'null' }",
            "id tells rows apart: it can only be hashed",
        ),
        (
            "mask = { a = 1 }",
            "route[0].mask: found a table; allowed: a table of fields",
        ),
        ("deletes = 'soft'", "route[0].deletes: needs soft_delete"),
        (
            "soft_delete = 'gone'",
            "route[0].soft_delete: is about deletes = \"soft\"",
        ),
        ("deletes = 'never'", "allowed: true, false or \"soft\""),
        ("write = 'insert'", "allowed: \"upsert\", \"append\""),
        (
            "write = 'append'\nkey = ['id']",
            "route[0].key: has no meaning",
        ),
        (
            "write = 'append'\nversion = 'v'",
            "route[0].version: has no meaning",
        ),
        (
            "write = 'append'\ndeletes = 'soft'\nsoft_delete = 'gone'",
            "each delete is a row of its own",
        ),
        (
            "[route.lineage]\nop = '_x'\ntopic = '_x'",
            "the column _x is named twice",
        ),
        (
            "rename = { a = '_x' }\n[route.lineage]\nop = '_x'",
            "rename has a field for the column _x already",
        ),
        (
            "deletes = 'soft'\nsoft_delete = 'g'\n[route.lineage]\nop = 'g'",
            "lineage has the column g already",
        ),
        ("[route.lineage]\noperation = 'x'", "unknown key"),
    ] {
        let problem = problem_of(keys);
        assert!(problem.contains(says), "{keys}: {problem}");
    }
}

#[test]
fn a_hash_needs_a_key() {
    let text = minimal_and("\n[[route]]\ntopic = 'x'\ntable = 't'\nmask = { a = 'hash' }\n");
    let problem = Config::parse(&text).unwrap_err().to_string();
    assert!(problem.contains("set apply.mask_key_file"), "{problem}");
}

#[test]
fn rows_that_are_appended_need_the_ids_by_which_events_are_known() {
    let text = minimal_and(
        "\n[apply]\nidempotency = 'offset'\n[[route]]\ntopic = 'x'\ntable = 't'\nwrite = 'append'\n",
    );
    let problem = Config::parse(&text).unwrap_err().to_string();
    assert!(
        problem.contains("apply.idempotency: \"offset\" keeps no event ids"),
        "{problem}"
    );
}
