//! What our role may do with a table: on the table, on the columns that events carry, and on the sequences that fill others.

use crate::operator::check::finding::Finding;
use crate::operator::check::relation::Relation;
use crate::operator::check::table_fit::Needs;
use crate::postgres::table_rights::TableUse;

/// The privileges that the role lacks.
pub fn find_missing_privileges(relation: &Relation, needs: &Needs) -> Vec<&'static str> {
    let rights = &relation.rights;
    rights.find_lacked_privileges(&relation.table, table_use(needs))
}

/// What our role may not do with a table, each with the statement that lets it.
pub fn judge_rights(relation: &Relation, needs: &Needs) -> Vec<Finding> {
    let lacked = relation
        .rights
        .find_lacked(&relation.table, table_use(needs));
    let findings = lacked.into_iter().map(|lacked| match lacked.is_of_schema {
        true => Finding::problem("schema_forbidden", lacked.found, lacked.grant),
        false => Finding::problem("privileges_missing", lacked.found, lacked.grant),
    });
    findings.collect()
}

fn table_use(needs: &Needs) -> TableUse<'_> {
    TableUse {
        columns: &needs.columns,
        deletes: needs.deletes,
        appends: needs.appends,
    }
}
