//! What our role may do with a table: on the table, on the columns that events carry, and on the sequences that fill others.

use crate::operator::check::finding::Finding;
use crate::operator::check::relation::{Relation, TABLE_PRIVILEGES};
use crate::operator::check::table_fit::{Needs, quote_name};
use crate::rows::sql::quote;

/// The privileges that the role lacks.
pub fn find_missing_privileges(relation: &Relation, needs: &Needs) -> Vec<&'static str> {
    TABLE_PRIVILEGES
        .into_iter()
        .filter(|privilege| match *privilege {
            "DELETE" => needs.deletes,
            "UPDATE" | "SELECT" => !needs.appends,
            _ => true,
        })
        .filter(|privilege| !relation.privileges.contains(privilege))
        .filter(|privilege| find_denied_columns(relation, needs, privilege) != Some(Vec::new()))
        .collect()
}

/// The columns that need the privilege and lack it. `None`: none has it, or nothing tells which need it.
fn find_denied_columns<'n>(
    relation: &Relation,
    needs: &'n Needs,
    privilege: &str,
) -> Option<Vec<&'n str>> {
    let denied = relation.denied_columns(privilege, &needs.columns)?;
    (!needs.columns.is_empty()).then_some(denied)
}

/// What our role may not do with a table, each with the statement that lets it.
pub fn judge_rights(relation: &Relation, needs: &Needs) -> Vec<Finding> {
    let (table, role) = (&relation.table.name, quote(&relation.role));
    let mut findings = Vec::new();
    if !relation.usage {
        findings.push(Finding::problem(
            "schema_forbidden",
            format!(
                "the role {} may not use the schema {}",
                relation.role, table.schema
            ),
            format!("GRANT USAGE ON SCHEMA {} TO {role};", quote(&table.schema)),
        ));
    }
    let denied = find_missing_privileges(relation, needs);
    if !denied.is_empty() {
        let in_words = |quoting: fn(&str) -> String| {
            let words = denied.iter().map(|privilege| {
                match find_denied_columns(relation, needs, privilege) {
                    None => (*privilege).to_owned(),
                    Some(columns) => {
                        let columns: Vec<String> = columns.into_iter().map(quoting).collect();
                        format!("{privilege} ({})", columns.join(", "))
                    }
                }
            });
            words.collect::<Vec<_>>().join(", ")
        };
        findings.push(Finding::problem(
            "privileges_missing",
            format!(
                "the role {} lacks {} on {table}",
                relation.role,
                in_words(str::to_owned)
            ),
            format!(
                "GRANT {} ON {} TO {role};",
                in_words(quote),
                quote_name(table)
            ),
        ));
    }
    findings.extend(judge_sequences(relation, needs));
    findings
}

/// Sequences whose numbers stand for what no event carries.
fn judge_sequences(relation: &Relation, needs: &Needs) -> Vec<Finding> {
    let is_carried = |column: &str| {
        let at = relation.table.column_index(column);
        let mut carried = needs.columns.iter();
        carried.any(|name| relation.table.column_index(name) == at)
    };
    let denied = relation.denied_sequences.iter();
    let needed = denied.filter(|denied| !needs.columns.is_empty() && !is_carried(&denied.column));
    let findings = needed.map(|denied| {
        Finding::problem(
            "privileges_missing",
            format!(
                "the role {} lacks USAGE on the sequence {}, which fills column {} of {}",
                relation.role, denied.name, denied.column, relation.table.name
            ),
            format!(
                "GRANT USAGE ON SEQUENCE {} TO {};",
                denied.name,
                quote(&relation.role)
            ),
        )
    });
    findings.collect()
}
