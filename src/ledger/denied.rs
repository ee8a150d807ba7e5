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
    /// is about something else is returned as it is, and so is one of which Postgres can't be asked now.
    pub async fn explain(&self, client: &impl UnnamedStatements, failure: Failure) -> Failure {
        if !failure.means_denied() {
            return failure;
        }
        match self.find_grants(client, failure.table()).await {
            Ok(grants) if grants.is_empty() => failure, // of a trigger, say, or by row security
            Ok(grants) => failure.mended_by(&grants.join(" ")),
            Err(error) => {
                tracing::debug!(%error, "can't ask what our role may do");
                failure
            }
        }
    }

    /// The table's, if it is about a table and lacks any there; else the bookkeeping's, which may be asked about a table.
    async fn find_grants(
        &self,
        client: &impl UnnamedStatements,
        table: Option<&TableName>,
    ) -> Result<Vec<String>, Failure> {
        if let Some(name) = table {
            let grants = self.find_table_grants(client, name).await?;
            if !grants.is_empty() {
                return Ok(grants);
            }
        }
        let rights = read_schema_rights(client, self.schema).await?;
        if rights.schema_exists && !rights.use_schema {
            return Ok(vec![grant_schema_sql(self.schema, &rights.role)]);
        }
        let missing = find_missing_privileges(client, self.schema, self.used).await?;
        let grants = missing.iter();
        let grants = grants.map(|lacks| lacks.grant_sql(self.schema, &rights.role));
        Ok(grants.collect())
    }

    async fn find_table_grants(
        &self,
        client: &impl UnnamedStatements,
        name: &TableName,
    ) -> Result<Vec<String>, Failure> {
        let Some(rights) = read_table_rights(client, name).await? else {
            return Ok(Vec::new());
        };
        let table = Catalogue::default().find_table(client, name).await?;
        let lacked = rights.find_lacked(&table, self.table);
        Ok(lacked.into_iter().map(|lacked| lacked.grant).collect())
    }
}
