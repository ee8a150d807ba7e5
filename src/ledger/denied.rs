//! What our role is denied, with the statement that lets it: Postgres names a table and no privilege, and whoever reads the
//! log shouldn't have to run `check` to learn what to grant.

use crate::ledger::needed_rights::BookkeepingUse;
use crate::ledger::rights::{find_missing_privileges, read_schema_rights};
use crate::postgres::catalogue::Catalogue;
use crate::postgres::table_rights::{TableUse, grant_schema_sql, read_table_rights};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// What was about to be done.
#[derive(Clone, Copy, Debug)]
pub struct Denied<'d> {
    /// The bookkeeping's, as it is configured.
    pub schema: &'d str,
    /// With the bookkeeping.
    pub used: BookkeepingUse,
    /// With the table that the failure is about, if it is about one.
    pub table: TableUse<'d>,
}

impl Denied<'_> {
    /// Adds to a failure the statements that let our role do what it was denied: those that `check` gives. A failure that
    /// is about something else is returned as it is, such as what a trigger of the table's may not, or row security; and so
    /// is one of which Postgres can't be asked now.
    pub async fn explain(&self, client: &impl UnnamedStatements, failure: Failure) -> Failure {
        if !failure.means_denied() {
            return failure;
        }
        match self.find_grants(client, &failure).await {
            Ok(grants) if grants.is_empty() => failure,
            Ok(grants) => failure.mended_by(&grants.join(" ")),
            Err(error) => {
                tracing::debug!(%error, "can't ask what our role may do");
                failure
            }
        }
    }

    /// On what the failure names, which Postgres quotes in each language as it is: of the table, if it is about one; else of
    /// the bookkeeping, which may be asked about a table.
    async fn find_grants(
        &self,
        client: &impl UnnamedStatements,
        failure: &Failure,
    ) -> Result<Vec<String>, Failure> {
        let said = failure.what();
        if let Some(name) = failure.table() {
            let grants = self.find_table_grants(client, name, said).await?;
            if !grants.is_empty() {
                return Ok(grants);
            }
        }
        let rights = read_schema_rights(client, self.schema).await?;
        if rights.schema_exists && !rights.use_schema {
            let grant = grant_schema_sql(self.schema, &rights.role);
            return Ok(Vec::from_iter(names(said, self.schema).then_some(grant)));
        }
        let missing = find_missing_privileges(client, self.schema, self.used).await?;
        if !missing.iter().any(|lacks| names(said, lacks.on)) {
            return Ok(Vec::new());
        }
        // all at once: who grants the first is asked for the next one
        let grants = missing.iter();
        let grants = grants.map(|lacks| lacks.grant_sql(self.schema, &rights.role));
        Ok(grants.collect())
    }

    async fn find_table_grants(
        &self,
        client: &impl UnnamedStatements,
        name: &TableName,
        said: &str,
    ) -> Result<Vec<String>, Failure> {
        let Some(rights) = read_table_rights(client, name).await? else {
            return Ok(Vec::new());
        };
        let table = Catalogue::default().find_table(client, name).await?;
        let lacked = rights.find_lacked(&table, self.table);
        if !lacked.iter().any(|lacked| names(said, &lacked.on)) {
            return Ok(Vec::new());
        }
        Ok(lacked.into_iter().map(|lacked| lacked.grant).collect())
    }
}

/// Whether a text names it, as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut parts = text.split(name);
    let Some(mut before) = parts.next() else {
        return false;
    };
    parts.any(|after| {
        let is_whole = !is_of_word(before.chars().next_back()) && !is_of_word(after.chars().next());
        before = after;
        is_whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_known_by_its_name_and_not_by_a_part_of_another() {
        let said = "Postgres: permission denied for table audit (SQLSTATE 42501)";
        assert!(names(said, "audit"));
        for other in ["t", "audi", "udit", "audit_log", "orders"] {
            assert!(!names(said, other), "{other}");
        }
        assert!(names("Postgres: keine Berechtigung für Tabelle »t«", "t"));
        assert!(names("no right on t", "t"));
        assert!(!names("", "t"));
    }
}
