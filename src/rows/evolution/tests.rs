//! What tables become of which schemas.

mod plans;
mod types;
mod widths;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ExtensionTypes, Plan, WantedTable, plan_table};
use crate::config::SchemaEvolution;
use crate::format::change::{Change, Fields, Operation, RowKey, Shape};
use crate::format::schema::{self, Field};
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::table_name::TableName;

fn field(schema: &str) -> Field {
    schema::parse(schema).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

fn extensions(names: &[&str]) -> ExtensionTypes {
    let types = names.iter();
    let types = types.map(|name| ((*name).to_owned(), "ext".to_owned()));
    ExtensionTypes(types.collect::<BTreeMap<_, _>>())
}

/// A struct of these fields, as an event has it; without a schema where one is written as a bare name.
fn fields(list: &[&str]) -> Fields<'static> {
    if list.is_empty() {
        return Fields::default();
    }
    let bare = list.iter().all(|field| !field.starts_with('{'));
    let names = |list: &[&str]| list.iter().map(|name| Box::from(*name)).collect();
    let shape = if bare {
        Shape::new(names(list), None)
    } else {
        let whole = format!(r#"{{"type":"struct","fields":[{}]}}"#, list.join(","));
        let whole = Arc::new(field(&whole));
        let found: Vec<&str> = whole.fields().iter().map(|field| &*field.name).collect();
        Shape::new(names(&found), Some(whole.clone()))
    };
    let values: Vec<&str> = shape.names.iter().map(|_| "1").collect();
    Fields {
        shape: Some(Arc::new(shape)),
        values: values.leak(),
    }
}

fn change(key: &[&str], row: &[&str]) -> Change<'static> {
    let operation = match row {
        [] => Operation::Delete,
        _ => Operation::Create,
    };
    let row_key = RowKey {
        table: Some(Arc::new(TableName::new("shop", "orders"))),
        key: fields(key),
    };
    Change {
        operation,
        row: fields(row),
        ..row_key.to_change().expect("it has a table")
    }
}

fn wanted(changes: &[Change<'_>]) -> WantedTable {
    let changes: Vec<&Change<'_>> = changes.iter().collect();
    let name = TableName::new("shop", "orders");
    WantedTable::of_changes(
        &name,
        &changes,
        &Reading::default(),
        &ExtensionTypes::default(),
    )
}

fn plan(now: Option<&Table>, changes: &[Change<'_>], policy: SchemaEvolution) -> Plan {
    plan_table(now, true, &wanted(changes), policy)
}

fn sql(plan: &Plan) -> Vec<&str> {
    assert_eq!(plan.obstacles, Vec::<String>::new());
    plan.statements.iter().map(|ddl| &*ddl.sql).collect()
}
