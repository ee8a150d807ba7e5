use super::*;
use crate::config::{SchemalessConfig, TimeUnit};
use crate::rows::table_testing::table;
use uuid::Uuid;

/// `{"name":value}`, each value as JSON.
fn fields(cells: &[(&str, &'static str)]) -> Fields<'static> {
    let names = cells.iter().map(|(name, _)| (*name).into()).collect();
    let values: Vec<&str> = cells.iter().map(|(_, raw)| *raw).collect();
    Fields {
        shape: (!cells.is_empty()).then(|| {
            Arc::new(Shape {
                names,
                schema: None,
                ..Default::default()
            })
        }),
        values: values.leak(), // of a test, which ends soon
    }
}

fn change(
    operation: Operation,
    key: &[(&str, &'static str)],
    row: &[(&str, &'static str)],
) -> Change<'static> {
    Change {
        landing: Landing::Row,
        of_binlog: false,
        source_time: 0,
        id: Uuid::nil(),
        table: Arc::new(crate::table_name::TableName::new("public", "t")),
        operation,
        key: fields(key),
        old_key: None,
        hides_key: false,
        key_move: None,
        row_stays: false,
        row: fields(row),
        order: Default::default(),
        version: None,
        standing: Default::default(),
    }
}

fn mapped(change: &Change<'static>, table: &Arc<Table>) -> Result<RowChange<'static>, Failure> {
    Mapping::new(change, table, Arc::default())?.map_change(change)
}

fn refused(change: &Change<'static>, table: &Arc<Table>) -> (Verdict, String) {
    let failure = mapped(change, table).unwrap_err();
    (failure.verdict, failure.message)
}

#[test]
fn a_delete_or_a_tombstone_by_part_of_the_key_is_refused_as_an_upsert_is() {
    let orders = table("orders", "id:int4 customer:int4", &[&["id"]]);
    let key = [("customer", "7")];
    let upsert = refused(&change(Operation::Update, &key, &key), &orders);
    assert_eq!(upsert.0, Verdict::Systemic);
    assert!(
        upsert.1.contains("unique index on exactly (customer)"),
        "{}",
        upsert.1
    );
    for operation in [Operation::Delete, Operation::Tombstone] {
        assert_eq!(refused(&change(operation, &key, &[]), &orders), upsert);
    }
    // nor by more than the key, as for an upsert, which has no index to go by then
    let more = [("id", "1"), ("customer", "7")];
    let more = refused(&change(Operation::Delete, &more, &[]), &orders);
    assert_eq!(more.0, Verdict::Systemic);
}

#[test]
fn a_delete_by_a_unique_key_removes_its_row() {
    let orders = table("orders", "id:int4 customer:int4", &[&["id"]]);
    let gone = mapped(&change(Operation::Delete, &[("id", "1")], &[]), &orders).unwrap();
    assert_eq!(
        (gone.effect, gone.key),
        (Effect::Gone, vec![Some("1".into())])
    );
}

#[test]
fn a_key_column_that_postgres_computes_is_named_where_the_others_are_not_unique() {
    let columns = "tenant:int4 norm:text=";
    let key = [("tenant", "1"), ("norm", "\"a\"")];
    for (operation, row) in [
        (Operation::Create, &key[..]),
        (Operation::Delete, &key[..0]),
    ] {
        let change = change(operation, &key, row);
        let both = table("codes", columns, &[&["tenant", "norm"]]);
        let (verdict, message) = refused(&change, &both);
        assert_eq!(verdict, Verdict::Systemic);
        let words = "on exactly (tenant), which the events' key needs without norm, which Postgres computes";
        assert!(message.contains(words), "{message}");

        let unique_without = table("codes", columns, &[&["tenant"]]);
        let mapped = mapped(&change, &unique_without).unwrap();
        assert_eq!(mapped.key, [Some("1".into())], "{operation:?}");
    }
    let all_computed = change(Operation::Delete, &key[1..], &[]);
    let codes = table("codes", columns, &[&["norm"]]);
    let (verdict, message) = refused(&all_computed, &codes);
    assert_eq!(verdict, Verdict::Systemic);
    assert!(
        message.contains("norm, which Postgres computes"),
        "{message}"
    );
}

#[test]
fn an_event_without_a_key_is_an_events_fault_and_not_the_tables() {
    let orders = table("orders", "id:int4", &[&["id"]]);
    let (verdict, _) = refused(&change(Operation::Delete, &[], &[]), &orders);
    assert_eq!(verdict, Verdict::Reject(Reason::MissingKey));
}

/// An update that gives the row of this `sku` the one that it has in the row.
fn resku(was: &'static str, row: &[(&str, &'static str)]) -> Change<'static> {
    Change {
        old_key: Some(Box::new(fields(&[("sku", was)]))),
        ..change(Operation::Update, &row[..1], row)
    }
}

#[test]
fn an_update_of_a_key_column_says_which_row_goes() {
    let stock = table("stock", "sku:text note:text", &[&["sku"]]);
    let row = [("sku", "\"b\""), ("note", "\"x\"")];
    let moved = mapped(&resku("\"a\"", &row), &stock).unwrap();
    assert_eq!(moved.key, [Some("b".into())]);
    assert_eq!(moved.old_key.as_deref(), Some(&[Some("a".into())][..]));
    // also where the new row is told in part only
    let part = [row[0], ("note", "\"__debezium_unavailable_value\"")];
    let moved = mapped(&resku("\"a\"", &part), &stock).unwrap();
    assert_eq!(moved.effect, Effect::Part);
    assert_eq!(moved.old_key.as_deref(), Some(&[Some("a".into())][..]));
}

#[test]
fn a_key_that_is_only_spelled_in_another_way_removes_no_row() {
    let stock = table("stock", "sku:text note:text", &[&["sku"]]);
    let row = [("sku", "\"b\"")];
    for was in ["\"\\u0062\"", "null", "\"__debezium_unavailable_value\""] {
        let moved = mapped(&resku(was, &row), &stock).unwrap();
        assert_eq!(moved.old_key, None, "{was}");
    }
}

#[test]
fn an_event_that_hides_which_row_is_gone_is_the_set_ups_fault_and_says_what_helps() {
    let stock = table("stock", "sku:text note:text", &[&["sku"]]);
    let row = [("sku", "\"b\"")];
    for (operation, helps) in [
        (Operation::Update, "fixed_key = true"),
        (Operation::Delete, "which row it deletes"),
    ] {
        let change = Change {
            hides_key: true,
            ..change(
                operation,
                &row,
                if helps.starts_with('f') { &row } else { &[] },
            )
        };
        let (verdict, message) = refused(&change, &stock);
        assert_eq!(verdict, Verdict::Systemic);
        for part in [
            "public.t",
            "(sku)",
            "REPLICA IDENTITY FULL",
            "whole_rows",
            helps,
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}

fn map_visit(
    at: &'static str,
    timestamps: Option<TimeUnit>,
) -> Result<RowChange<'static>, Failure> {
    let visits = table("visits", "id:int8 at:timestamp", &[&["id"]]);
    let row = [("id", "1"), ("at", at)];
    let change = change(Operation::Create, &row[..1], &row);
    let schemaless = SchemalessConfig {
        timestamps,
        ..SchemalessConfig::default()
    };
    let reading = Arc::new(Reading::of_schemaless(schemaless));
    Mapping::new(&change, &visits, reading)?.map_change(&change)
}

#[test]
fn a_column_whose_meaning_nobody_tells_is_a_matter_of_the_set_up_that_names_column_and_key() {
    let failure = map_visit("1704103200123", None).unwrap_err();
    assert_eq!(failure.verdict, Verdict::Systemic);
    assert_eq!(
        failure.message,
        "column at of public.visits: without a schema nothing tells what this number counts: set \
         format.schemaless.timestamps to millis, micros or nanos, or have the connector send schemas"
    );
}

#[test]
fn a_column_whose_meaning_the_configuration_tells_is_read_so() {
    let row = map_visit("1704103200123", Some(TimeUnit::Millis)).unwrap();
    assert_eq!(row.texts[1].as_deref(), Some("2024-01-01 10:00:00.123"));
}

#[test]
fn a_value_that_the_configured_meaning_does_not_fit_is_that_events_fault() {
    for at in ["19723", "1704103200123456", "true"] {
        let failure = map_visit(at, Some(TimeUnit::Millis)).unwrap_err();
        assert_eq!(failure.verdict, Verdict::Reject(Reason::Value), "{at}");
    }
}

#[test]
fn a_column_that_a_field_names_exactly_is_no_other_fields() {
    let orders = table("orders", "id:int4 status:text note:text", &[&["id"]]);
    let update = |row: &[(&str, &'static str)]| change(Operation::Update, &[("id", "1")], row);
    let alone = update(&[("id", "1"), ("Status", r#""a""#)]);
    assert!(mapped(&alone, &orders).is_ok(), "its only name");
    for both in [["status", "Status"], ["Status", "status"]] {
        let (verdict, why) = refused(
            &update(&[("id", "1"), (both[0], r#""a""#), (both[1], r#""b""#)]),
            &orders,
        );
        assert_eq!(verdict, Verdict::Systemic);
        assert!(
            why.contains("have both Status and status") && why.contains(r#"ADD COLUMN "Status""#),
            "{why}"
        );
    }
    // each has its own once there is one
    let both = table("orders", "id:int4 status:text Status:text", &[&["id"]]);
    let row = update(&[("id", "1"), ("Status", r#""a""#), ("status", r#""b""#)]);
    let row = mapped(&row, &both).unwrap();
    assert_eq!(
        row.texts,
        [Some("1".into()), Some("b".into()), Some("a".into())]
    );
    // nor does a key take the column of another field of its row
    let other = change(
        Operation::Update,
        &[("ID", "1")],
        &[("ID", "1"), ("id", "9")],
    );
    assert_eq!(refused(&other, &orders).0, Verdict::Systemic);
    // a key that the route names is in the row as the source writes it
    let routed = update(&[("ID", "1"), ("note", r#""n""#)]);
    assert!(mapped(&routed, &orders).is_ok());
}
