use std::sync::Arc;

use super::*;
use crate::format::change::Decoded;
use crate::format::decode::Decoder;
use crate::format::partition_memory::PartitionMemory;
use crate::operator::check::observe::Place;
use crate::operator::check::relation::NotNull;
use crate::operator::check::table_rights::find_missing_privileges;
use crate::operator::check::testing::{event, table as table_with};
use crate::postgres::table_rights::{DeniedSequence, TABLE_PRIVILEGES, TableRights};
use crate::record::Record;

fn relation(columns: &[(&str, &str)], unique_keys: &[&[usize]]) -> Relation {
    Relation {
        table: Arc::new(table_with(columns, unique_keys)),
        not_null: Vec::new(),
        rights: TableRights {
            oid: 1,
            role: "sink".to_owned(),
            usage: true,
            privileges: TABLE_PRIVILEGES.to_vec(),
            on_columns: Vec::new(),
            denied_sequences: Vec::new(),
        },
        rules_instead: Vec::new(),
    }
}

fn judged(relation: &Relation, records: &[Record]) -> Vec<Finding> {
    let mut decoder = Decoder::new(Vec::new().into(), true);
    let mut memory = PartitionMemory::default();
    let arena = bumpalo::Bump::new();
    let changes: Vec<_> = records
        .iter()
        .map(|record| {
            match decoder
                .decode_record(record, &arena, None, &mut memory)
                .unwrap()
            {
                Decoded::Change(change) => change,
                Decoded::Unplaced(tombstone) => {
                    tombstone.into_change(Arc::new(TableName::new("public", "t")))
                }
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let needs = Needs::of_events(&changes, None, true);
    let places = (0..changes.len()).map(|at| Place {
        partition: 0,
        offset: at as i64,
    });
    let sample = TableSample {
        places: places.collect(),
        changes,
    };
    judge_table(relation, &needs, &sample, &Reading::default())
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

const KEY: &str = r#"{"id":1}"#;

#[test]
fn a_table_that_fits_is_left_alone() {
    let relation = relation(&[("id", "int4"), ("name", "text")], &[&[0]]);
    let records = [
        event("c", KEY, r#"{"id":1,"name":"a"}"#),
        event("d", KEY, "null"),
    ];
    assert_eq!(judged(&relation, &records), []);
}

#[test]
fn every_missing_column_is_listed_in_one_finding() {
    let relation = relation(&[("id", "int4")], &[&[0]]);
    let records = [
        event("c", KEY, r#"{"id":1,"a":1}"#),
        event("c", KEY, r#"{"id":1,"b":1}"#),
    ];
    let findings = judged(&relation, &records);
    assert_eq!(codes(&findings), ["columns_missing"]);
    assert!(
        findings[0].found.ends_with(": a, b"),
        "{}",
        findings[0].found
    );
    assert!(
        findings[0]
            .remedy
            .contains(r#"ADD COLUMN "a" …, ADD COLUMN "b" …"#)
    );
}

#[test]
fn the_key_needs_an_index_on_exactly_its_columns() {
    let both = relation(&[("id", "int4"), ("name", "text")], &[&[0, 1]]);
    let findings = judged(&both, &[event("c", KEY, r#"{"id":1,"name":"a"}"#)]);
    assert_eq!(codes(&findings), ["no_unique_index"]);
    assert!(findings[0].remedy.contains(r#"("id")"#));
    // the index is found whatever the order of the key's fields
    let records = [event(
        "c",
        r#"{"name":"a","id":1}"#,
        r#"{"id":1,"name":"a"}"#,
    )];
    assert_eq!(judged(&both, &records), []);
}

#[test]
fn a_topic_that_only_deletes_needs_an_index_on_its_key_just_the_same() {
    let both = relation(&[("id", "int4"), ("name", "text")], &[&[0, 1]]);
    let findings = judged(&both, &[event("d", KEY, "null")]);
    assert_eq!(codes(&findings), ["no_unique_index"]);
    let mut tombstone = event("d", KEY, "null");
    tombstone.value = None;
    assert_eq!(codes(&judged(&both, &[tombstone])), ["no_unique_index"]);
}

#[test]
fn a_key_column_that_postgres_computes_is_told_unless_the_others_are_unique_without_it() {
    let computed = |unique_keys: &[&[usize]]| {
        let mut table = table_with(&[("id", "int4"), ("norm", "text")], unique_keys);
        table.columns[1].generated = true;
        Relation {
            table: Arc::new(table),
            ..relation(&[], &[])
        }
    };
    let key = r#"{"id":1,"norm":"a"}"#;
    for (op, row) in [("c", key), ("d", "null")] {
        let findings = judged(&computed(&[&[0, 1]]), &[event(op, key, row)]);
        assert_eq!(codes(&findings), ["no_unique_index"], "{op}");
        let found = &findings[0].found;
        assert!(
            found.contains("(id)") && found.ends_with("without norm, which Postgres computes"),
            "{found}"
        );
        assert!(
            findings[0]
                .remedy
                .contains(r#"ALTER COLUMN "norm" DROP EXPRESSION"#)
        );
        assert_eq!(
            judged(&computed(&[&[0]]), &[event(op, key, row)]),
            [],
            "{op}"
        );
    }
}

#[test]
fn a_required_column_must_be_in_every_whole_row() {
    let mut relation = relation(
        &[
            ("id", "int4"),
            ("name", "text"),
            ("at", "timestamptz"),
            ("note", "text"),
        ],
        &[&[0]],
    );
    relation.not_null = [("id", false), ("name", false), ("at", true)]
        .map(|(column, has_default)| NotNull {
            column: column.to_owned(),
            has_default,
        })
        .to_vec();
    let findings = judged(&relation, &[event("c", KEY, r#"{"id":1}"#)]);
    assert_eq!(codes(&findings), ["required_columns"]);
    let told = "1 of 1 sampled events don't carry: name;";
    assert!(findings[0].is_problem() && findings[0].found.contains(told));
    // as a worker sees it: it may be this one row
    let whole = event("c", KEY, r#"{"id":1,"name":"a"}"#);
    let findings = judged(&relation, &[whole, event("c", KEY, r#"{"id":1}"#)]);
    assert_eq!(codes(&findings), ["required_columns"]);
    assert!(!findings[0].is_problem() && findings[0].found.contains("1 of 2"));
    // an update that leaves a value out updates what is there
    let partial = event(
        "u",
        KEY,
        r#"{"id":1,"note":"__debezium_unavailable_value"}"#,
    );
    assert_eq!(judged(&relation, &[partial]), []);
}

#[test]
fn values_that_never_fit_are_a_problem_and_single_ones_a_warning() {
    let relation = relation(&[("id", "int4"), ("n", "int4")], &[&[0]]);
    let wrong = event("c", KEY, r#"{"id":1,"n":{"secret":1}}"#);
    let findings = judged(&relation, std::slice::from_ref(&wrong));
    assert_eq!(codes(&findings), ["values_unfit"]);
    assert!(findings[0].is_problem() && !findings[0].found.contains("secret"));
    let findings = judged(&relation, &[wrong, event("c", KEY, r#"{"id":1,"n":2}"#)]);
    assert!(!findings[0].is_problem() && findings[0].found.contains("1 of 2"));
}

#[test]
fn columns_that_are_each_odd_in_some_events_are_a_problem_where_no_event_fits() {
    let mut relation = relation(&[("id", "int4"), ("n", "int4"), ("m", "int4")], &[&[0]]);
    relation.not_null = vec![NotNull {
        column: "m".to_owned(),
        has_default: false,
    }];
    let of_value = event("c", KEY, r#"{"id":1,"n":{"a":1},"m":1}"#);
    let of_null = event("c", KEY, r#"{"id":1,"n":1,"m":null}"#);
    let findings = judged(&relation, &[of_value.clone(), of_null.clone()]);
    assert_eq!(codes(&findings), ["values_unfit", "nulls"]);
    assert!(findings.iter().all(Finding::is_problem), "{findings:?}");
    let fits = event("c", KEY, r#"{"id":1,"n":1,"m":1}"#);
    let findings = judged(&relation, &[of_value, of_null, fits]);
    assert_eq!(codes(&findings), ["values_unfit", "nulls"]);
    assert!(!findings.iter().any(Finding::is_problem), "{findings:?}");
}

#[test]
fn values_whose_meaning_nobody_tells_are_a_problem_that_names_column_and_key() {
    let relation = relation(&[("id", "int4"), ("at", "timestamptz")], &[&[0]]);
    let wrong = event("c", KEY, r#"{"id":1,"at":true}"#);
    let undeclared = event("c", KEY, r#"{"id":1,"at":1704103200123}"#);
    let told = event("c", KEY, r#"{"id":1,"at":"2024-01-01T10:00:00.123Z"}"#);
    let findings = judged(&relation, &[wrong, told.clone(), undeclared]);
    assert_eq!(codes(&findings), ["values_undeclared"]);
    assert!(findings[0].is_problem(), "{findings:?}");
    for part in ["column at of", "2 of 3", "format.schemaless.timestamps"] {
        assert!(findings[0].found.contains(part), "{findings:?}");
    }
    assert_eq!(judged(&relation, &[told]), []);
}

/// What `check` proposes for that value in a column of that type.
fn proposed(column: &str, values: &[&str]) -> String {
    let relation = relation(&[("id", "int4"), ("v", column)], &[&[0]]);
    let record = |value: &&str| event("c", KEY, &format!(r#"{{"id":1,"v":{value}}}"#));
    let findings = judged(&relation, &values.iter().map(record).collect::<Vec<_>>());
    assert_eq!(codes(&findings), ["values_undeclared"]);
    findings[0].remedy.clone()
}

#[test]
fn what_to_set_is_proposed_with_what_the_sampled_values_come_out_as() {
    let or = "or have the connector send schemas (schemas.enable)";
    for (column, values, remedy) in [
        (
            "timestamp",
            &["1704103200123"][..],
            "set timestamps = \"millis\" under [format.schemaless], if that is what the source has: the first \
             comes out as 2024-01-01 10:00:00.123 as millis",
        ),
        (
            "timestamp",
            &["1704103200123456", "0"],
            "set timestamps = \"micros\" under [format.schemaless], if that is what the source has: the first \
             comes out as 2024-01-01 10:00:00.123456 as micros",
        ),
        (
            "time",
            &["45296789"],
            "set times under [format.schemaless] to what the source sends: the first comes out as 12:34:56.789 \
             as millis, 00:00:45.296789 as micros",
        ),
        (
            "time",
            &["45296789", "45296789000"],
            "set times = \"micros\" under [format.schemaless], if that is what the source has: the first comes out as \
             00:00:45.296789 as micros",
        ),
        (
            "money",
            &["\"BNI=\""],
            "set decimals = \"base64\" under [format.schemaless], if that is what the source has: the first \
             comes out as 12.34 as base64 with the scale 2 of the column (if the source's is another: scales = \
             { \"public.orders.v\" = … })",
        ),
        (
            "money",
            &["\"1234\""],
            "set decimals under [format.schemaless] to what the source sends: the first comes out as \
             -26588.24 as base64 with the scale 2 of the column (if the source's is another: scales = \
             { \"public.orders.v\" = … }), 1234 as string, 1234 as number",
        ),
        (
            "bytea",
            &["\"0001feff\""],
            "set bytes under [format.schemaless] to what the source sends: the first comes out as \
             \\xd34d357de7df as base64, \\x0001feff as hex, \\xd34d357de7df as base64-url-safe",
        ),
    ] {
        let alone = match column {
            "timestamp" | "time" => {
                "; if other columns count otherwise, units = { \"public.orders.v\" = … } is for this one"
            }
            _ => "",
        };
        assert_eq!(proposed(column, values), format!("{remedy}{alone}; {or}"));
    }
    let none = proposed("timestamp", &["1704103200123456", "1704103200123"]);
    assert!(
        none.starts_with("no timestamps of [format.schemaless] fit all of them: have"),
        "{none}"
    );
    assert_eq!(
        proposed("numeric", &["\"BNI=\""]),
        "no decimals of [format.schemaless] fit all of them: have the connector send schemas (schemas.enable)"
    );
}

#[test]
fn what_looks_like_a_placeholder_of_another_setting_is_told_and_never_shown() {
    let relation = relation(&[("id", "int4"), ("note", "text")], &[&[0]]);
    let update = |note: &str| event("u", KEY, &format!(r#"{{"id":1,"note":"{note}"}}"#));
    let records = [update("__toast__"), update("a note of __init__")];
    let findings = judged(&relation, &records);
    assert_eq!(codes(&findings), ["placeholder_unknown"]);
    let (found, remedy) = (&findings[0].found, &findings[0].remedy);
    assert!(!findings[0].is_problem() && found.contains("column note") && found.contains("1 of 2"));
    assert!(remedy.contains("format.unavailable_placeholder") && !found.contains("toast"));
}

#[test]
fn missing_privileges_come_with_their_grant() {
    let mut relation = relation(&[("id", "int4")], &[&[0]]);
    relation.rights.privileges = vec!["SELECT"];
    relation.rights.usage = false;
    let findings = judged(&relation, &[event("c", KEY, r#"{"id":1}"#)]);
    assert_eq!(codes(&findings), ["schema_forbidden", "privileges_missing"]);
    assert_eq!(
        findings[0].remedy,
        r#"GRANT USAGE ON SCHEMA "public" TO "sink";"#
    );
    assert_eq!(
        findings[1].remedy,
        r#"GRANT INSERT, UPDATE, DELETE ON "public"."orders" TO "sink";"#
    );
    // whoever never deletes needs no right to
    let keeps = Needs::of_events(&[], None, false);
    assert_eq!(
        find_missing_privileges(&relation, &keeps),
        ["INSERT", "UPDATE"]
    );
}

#[test]
fn a_grant_on_columns_is_enough_where_it_has_those_that_events_carry() {
    let columns = [("id", "int4"), ("note", "text"), ("internal", "text")];
    let mut relation = relation(&columns, &[&[0]]);
    relation.rights.privileges = vec!["SELECT", "DELETE"];
    let granted = |privilege: &str, column: &str| (privilege.to_owned(), column.to_owned());
    relation.rights.on_columns = vec![
        granted("INSERT", "id"),
        granted("INSERT", "note"),
        granted("UPDATE", "id"),
    ];
    let records = [event("c", KEY, r#"{"id":1,"note":"n"}"#)];
    let findings = judged(&relation, &records);
    assert_eq!(codes(&findings), ["privileges_missing"]);
    assert!(findings[0].found.contains("lacks UPDATE (note) on"));
    assert_eq!(
        findings[0].remedy,
        r#"GRANT UPDATE ("note") ON "public"."orders" TO "sink";"#
    );
    relation.rights.on_columns.push(granted("UPDATE", "note"));
    assert!(judged(&relation, &records).is_empty());
}

#[test]
fn a_rule_that_does_something_else_instead_is_worth_a_warning() {
    let mut relation = relation(&[("id", "int4")], &[&[0]]);
    relation.rules_instead = vec!["nothing".to_owned()];
    let findings = judged(&relation, &[event("c", KEY, r#"{"id":1}"#)]);
    assert_eq!(codes(&findings), ["rules_instead"]);
    assert!(!findings[0].is_problem());
    assert!(
        findings[0]
            .remedy
            .starts_with(r#"DROP RULE "nothing" ON "public"."orders";"#)
    );
}

#[test]
fn a_sequence_is_needed_where_events_leave_its_column_out() {
    let mut relation = relation(&[("id", "int4"), ("note", "text"), ("n", "int4")], &[&[0]]);
    let denied = |column: &str| DeniedSequence {
        column: column.to_owned(),
        name: format!("public.orders_{column}_seq"),
        plain: format!("orders_{column}_seq"),
    };
    relation.rights.denied_sequences = vec![denied("id"), denied("n")];
    let findings = judged(&relation, &[event("c", KEY, r#"{"id":1,"note":"n"}"#)]);
    assert_eq!(codes(&findings), ["privileges_missing"]);
    assert_eq!(
        findings[0].remedy,
        r#"GRANT USAGE ON SEQUENCE public.orders_n_seq TO "sink";"#
    );
}

#[test]
fn a_name_that_postgres_would_cut_is_told() {
    assert!(judge_name(&TableName::new("public", "o".repeat(63))).is_none());
    assert!(judge_name(&TableName::new("public", "ö".repeat(32))).is_some());
}

#[test]
fn a_missing_table_is_told_with_what_it_needs() {
    let needs = Needs::of_events(&[], Some(&["id".to_owned()]), true);
    let like = [TableName::new("public", "Orders")];
    let finding = report_missing(&TableName::new("public", "orders"), &needs, &like);
    assert!(finding.found.ends_with("(there is public.Orders)"));
    assert!(finding.remedy.contains("the primary key (id)"));
}
