//! Does a table fit its topic's events? Plain values in, findings out.

use std::collections::BTreeSet;

use crate::format::change::Change;
use crate::operator::check::finding::Finding;
use crate::operator::check::observe::TableSample;
use crate::operator::check::relation::Relation;
use crate::operator::check::required_columns::find_required_columns;
use crate::operator::check::table_rights::judge_rights;
use crate::operator::check::values;
use crate::rows::evolution::{MAX_NAME_BYTES, explain_column_name};
use crate::rows::sql::quote;
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::table_name::TableName;

/// What a table must be able to do.
pub struct Needs {
    /// The key's columns, in each form that the events have it; none if nothing tells.
    pub keys: BTreeSet<Vec<String>>,
    /// All columns that the events carry, the key's included, in their order. What an envelope tells of the event beside its row
    /// (`action_id`, `__deleted`) is none: it is landed only where the table has a column for it.
    pub columns: Vec<String>,
    /// Whether rows are deleted.
    pub deletes: bool,
    /// Whether each change is a row of its own, so that nothing has to tell rows apart.
    pub appends: bool,
}

impl Needs {
    /// What these events need; where there are none, what the route's key tells.
    pub fn of_events(changes: &[Change<'_>], routed_key: Option<&[String]>, deletes: bool) -> Self {
        let mut columns = Vec::new();
        let mut keys = BTreeSet::new();
        for change in changes {
            change.add_columns(&mut columns);
            keys.insert(change.key.own_names().map(str::to_owned).collect());
        }
        if let Some(key) = routed_key
            && keys.is_empty()
        {
            columns.extend_from_slice(key);
            keys.insert(key.to_vec());
        }
        Self {
            keys,
            columns,
            deletes,
            appends: false,
        }
    }
}

/// Does the name fit into Postgres?
pub fn judge_name(table: &TableName) -> Option<Finding> {
    let too_long = |part: &str| part.len() > MAX_NAME_BYTES;
    (too_long(&table.schema) || too_long(&table.name)).then(|| {
        Finding::problem(
            "name_too_long",
            format!(
                "the name {table} is longer than the {MAX_NAME_BYTES} bytes that Postgres' names have"
            ),
            "send its events to a table with a shorter name, with a [[route]]",
        )
    })
}

/// That the table isn't there, with tables that may be meant.
pub fn report_missing(table: &TableName, needs: &Needs, similar: &[TableName]) -> Finding {
    let columns = match needs.columns.as_slice() {
        [] => String::new(),
        columns => format!(" with the columns {}", columns.join(", ")),
    };
    let key = match needs.keys.first() {
        Some(key) => format!(" and the primary key ({})", key.join(", ")),
        None => String::new(),
    };
    let instead = match similar {
        [] => String::new(),
        tables => {
            let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
            format!(" (there is {})", names.join(", "))
        }
    };
    Finding::problem(
        "table_missing",
        format!("table {table} does not exist{instead}"),
        format!(
            "create {}{columns}{key}, or send its events elsewhere with a [[route]]",
            quote_name(table)
        ),
    )
}

/// Everything that is wrong with a table that is there. `reading`: what the configuration says of values.
pub fn judge_table(
    relation: &Relation,
    needs: &Needs,
    sample: &TableSample<'_>,
    reading: &Reading,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let changes = &sample.changes;
    findings.extend(judge_columns(relation, needs));
    findings.extend(judge_keys(relation, needs));
    findings.extend(find_hidden_keys(relation, needs, changes));
    findings.extend(find_required_columns(relation, sample, reading));
    findings.extend(values::judge_conversions(relation, sample, reading));
    findings.extend(judge_rights(relation, needs));
    findings.extend(find_rules(relation));
    if let Some((what, remedy)) = relation.table.explain_hidden_rows() {
        findings.push(Finding::problem("row_security", what, remedy));
    }
    findings
}

/// The events' columns that the table lacks.
pub fn find_missing_columns<'n>(relation: &Relation, needs: &'n Needs) -> Vec<&'n str> {
    let columns = needs.columns.iter().map(String::as_str);
    columns
        .filter(|name| relation.table.column_index(name).is_none())
        .collect()
}

/// What a rule does instead Postgres takes for done, and so do we.
fn find_rules(relation: &Relation) -> Option<Finding> {
    let (table, rules) = (&relation.table.name, &relation.rules_instead);
    let first = rules.first()?;
    Some(Finding::warning(
        "rules_instead",
        format!(
            "rules of table {table} do something else instead of a change: {}; nothing tells then whether a row was written",
            rules.join(", ")
        ),
        format!(
            "DROP RULE {} ON {}; or see to it that rows are written all the same",
            quote(first),
            quote_name(table)
        ),
    ))
}

fn judge_columns(relation: &Relation, needs: &Needs) -> Option<Finding> {
    let lacking = find_missing_columns(relation, needs);
    if lacking.is_empty() {
        return None;
    }
    let mut several = lacking
        .iter()
        .filter_map(|name| Some((name, relation.table.find_column(name).err()?)));
    if let Some((name, several)) = several.next() {
        return Some(Finding::problem(
            "columns_alike",
            format!(
                "table {} has several columns that {name} of its events may mean, and none of that name: {several}",
                relation.table.name
            ),
            format!("say which with rename = {{ {name:?} = … }} in the topic's [[route]]"),
        ));
    }
    let table = &relation.table.name;
    let impossible: Vec<String> = lacking
        .iter()
        .filter_map(|name| explain_column_name(table, name))
        .collect();
    let add: Vec<String> = lacking
        .iter()
        .filter(|name| explain_column_name(table, name).is_none())
        .map(|name| format!("ADD COLUMN {} …", quote(name)))
        .collect();
    let mut remedies = impossible;
    if !add.is_empty() {
        remedies.push(format!(
            "ALTER TABLE {} {}, each with a type that takes the source's values (`landfall check --ddl` prints the statements)",
            quote_name(table),
            add.join(", ")
        ));
    }
    Some(Finding::problem(
        "columns_missing",
        format!(
            "table {} lacks columns that its events carry: {}",
            relation.table.name,
            lacking.join(", ")
        ),
        remedies.join("; "),
    ))
}

fn judge_keys(relation: &Relation, needs: &Needs) -> Vec<Finding> {
    let table = &relation.table;
    if needs.appends {
        return Vec::new();
    }
    if needs.keys.is_empty() && table.unique_keys.is_empty() {
        return vec![Finding::problem(
            "no_unique_index",
            format!(
                "table {} has no primary key and no unique index",
                table.name
            ),
            "create one on the columns of the events' key; an upsert needs it",
        )];
    }
    let unusable = needs.keys.iter();
    unusable.filter_map(|key| judge_key(table, key)).collect()
}

/// That the key doesn't tell the table's rows apart, so that its events can neither write nor remove them.
fn judge_key(table: &Table, key: &[String]) -> Option<Finding> {
    let at: Option<Vec<usize>> = key.iter().map(|name| table.column_index(name)).collect();
    let mut at = at?;
    at.sort_unstable();
    at.dedup();
    let (computed, at): (Vec<usize>, Vec<usize>) = at
        .into_iter()
        .partition(|column| table.is_computed(*column));
    if table.is_unique(&at) {
        return None;
    }
    let is_computed = |name: &str| {
        let column = table.column_index(name);
        column.is_some_and(|column| table.is_computed(column))
    };
    let plain: Vec<&str> = key
        .iter()
        .map(String::as_str)
        .filter(|name| !is_computed(name))
        .collect();
    let lacks = format!(
        "table {} has no primary key or unique index on exactly ({})",
        table.name,
        plain.join(", ")
    );
    if computed.is_empty() {
        let quoted_key: Vec<String> = key.iter().map(|name| quote(name)).collect();
        return Some(Finding::problem(
            "no_unique_index",
            format!("{lacks}, the key of its events"),
            format!(
                "CREATE UNIQUE INDEX ON {} ({}), without WHERE, or set key in the topic's [[route]]",
                quote_name(&table.name),
                quoted_key.join(", ")
            ),
        ));
    }
    let drop: Vec<String> = computed
        .iter()
        .filter_map(|column| table.columns.get(*column))
        .map(|column| format!("ALTER COLUMN {} DROP EXPRESSION", quote(&column.name)))
        .collect();
    Some(Finding::problem(
        "no_unique_index",
        format!(
            "{lacks}, the key of its events without {}, which Postgres computes",
            table.column_names(&computed)
        ),
        format!(
            "ALTER TABLE {} {}, or set key in the topic's [[route]]",
            quote_name(&table.name),
            drop.join(", ")
        ),
    ))
}

/// That events don't tell which row is gone.
fn find_hidden_keys(relation: &Relation, needs: &Needs, changes: &[Change<'_>]) -> Option<Finding> {
    let hiding = changes.iter().filter(|change| change.hides_key);
    let hiding: Vec<&Change<'_>> = hiding.filter(|_| needs.deletes).collect();
    let columns = hiding.first()?.key.names().join(", ");
    Some(Finding::problem(
        "key_hidden",
        format!(
            "{} of {} sampled events of table {} have no more than the record's key in their before, and the route's key is ({columns}): nothing tells which row is gone",
            hiding.len(),
            changes.len(),
            relation.table.name
        ),
        "have the source log whole rows (Postgres: ALTER TABLE … REPLICA IDENTITY FULL, MySQL: binlog_row_image = full); if it does, and the rows have but zeros and defaults, or events have no schemas, set whole_rows = true in the [[route]]; or set there the record's key as key, or fixed_key = true if only updates are concerned and none ever changes these columns",
    ))
}

/// A table's name as SQL.
pub fn quote_name(table: &TableName) -> String {
    format!("{}.{}", quote(&table.schema), quote(&table.name))
}

#[cfg(test)]
#[path = "table_fit_tests.rs"]
mod tests;
