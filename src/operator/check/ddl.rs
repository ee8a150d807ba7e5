//! `landfall check --ddl`: every statement that `schema_evolution = "create"` would run for the sampled topics, for psql.

use std::collections::BTreeMap;

use deadpool_postgres::Object;

use crate::config::SchemaEvolution;
use crate::ledger::destination_tables::DestinationTables;
use crate::operator::check::destination::answer_in_time;
use crate::operator::check::report::TopicLine;
use crate::operator::terminal::printable;
use crate::postgres::evolve::{NotedPlan, foresee_plan};
use crate::rows::evolution::WantedTable;
use crate::table_name::TableName;

/// The statements for all tables of these lines, as SQL and comments.
pub async fn write_ddl(
    client: Option<&Object>,
    ledger: Option<&str>,
    lines: &[TopicLine],
) -> String {
    let Some(client) = client else {
        return "-- Postgres can't be reached, and what its tables lack isn't known\n".to_owned();
    };
    let notes = ledger.map(|schema| DestinationTables::new(schema).table_notes());
    let (mut text, policy) = (String::new(), SchemaEvolution::Create);
    for (name, (topics, wanted)) in group_by_table(lines) {
        let plan = foresee_plan(client, &name, policy, notes.as_ref(), |_| wanted.clone());
        text += &comment(&format!("table {name}, of {}", topics.join(", ")));
        match answer_in_time(plan).await {
            Ok(plan) => text += &write_plan(&plan),
            Err(failure) => text += &comment(&failure.log_line),
        }
        text.push('\n');
    }
    if text.is_empty() {
        text = "-- no sampled event names a table\n".to_owned();
    }
    text
}

/// What all topics that lead to a table ask of it together.
fn group_by_table(lines: &[TopicLine]) -> BTreeMap<TableName, (Vec<&str>, WantedTable)> {
    let mut tables: BTreeMap<TableName, (Vec<&str>, WantedTable)> = BTreeMap::new();
    for line in lines {
        let Some(wanted) = &line.wanted else { continue };
        match tables.get_mut(&wanted.name) {
            Some((topics, all)) => {
                topics.push(&line.topic);
                all.add_wanted(wanted.clone());
            }
            None => {
                let first = (vec![&*line.topic], wanted.clone());
                tables.insert(wanted.name.clone(), first);
            }
        }
    }
    tables
}

fn write_plan(noted: &NotedPlan) -> String {
    let plan = &noted.plan;
    let mut text = String::new();
    for obstacle in &plan.obstacles {
        text += &comment(obstacle);
    }
    for ddl in &plan.statements {
        text += &ddl.comment.as_deref().map(comment).unwrap_or_default();
        text += &statement(&ddl.sql);
    }
    for by_hand in &plan.by_hand {
        text += &comment(&format!("never run by itself: {by_hand};"));
    }
    for ddl in &noted.left {
        let why = "not run by itself, as Landfall didn't make the column";
        text += &comment(&format!("{why}: {};", ddl.sql));
    }
    if plan.is_empty() && noted.left.is_empty() {
        text += &comment("it has all that its sampled events ask for");
    }
    text
}

/// A name that would steer the terminal can't be printed as it is.
fn statement(sql: &str) -> String {
    let is_plain = sql.lines().all(|line| printable(line) == line);
    match is_plain {
        true => format!("{sql};\n"),
        false => comment(&format!(
            "left out, as a name has control characters: {sql}"
        )),
    }
}

fn comment(text: &str) -> String {
    format!("-- {}\n", printable(text))
}
