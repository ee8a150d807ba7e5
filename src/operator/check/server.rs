//! The Postgres server of the destination: what it is, and whether it takes writes.

use crate::config::PostgresConfig;
use crate::ledger::rights::{SchemaRights, read_schema_rights};
use crate::ledger::schema_version::{SchemaState, read_state};
use crate::operator::check::finding::Finding;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::verdict::{Failure, sqlstate};

/// The catalogue's columns that Landfall reads, and partitions with a primary key.
const OLDEST_VERSION_NUMBER: i32 = 120_000;

const SERVER_QUERY: &str = "\
    SELECT current_setting('server_version'), current_setting('server_version_num')::int4, current_user::text, \
           pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

/// What is there, as told by Postgres itself.
pub struct Server {
    /// As people write it.
    pub version: String,
    /// The role that Landfall is logged in as.
    pub role: String,
    /// How the bookkeeping schema is; `None` if our role can't read it.
    pub schema: Option<SchemaState>,
    /// What our role may do with the bookkeeping schema.
    pub rights: SchemaRights,
    version_number: i32,
    in_recovery: bool,
    read_only: bool,
}

/// Asks the server what it is.
///
/// # Errors
/// As Postgres says.
pub async fn read_server(client: &impl UnnamedStatements, schema: &str) -> Result<Server, Failure> {
    let row = client.query_typed_one(SERVER_QUERY, &[]).await?;
    let rights = read_schema_rights(client, schema).await?;
    Ok(Server {
        version: row.get(0),
        version_number: row.get(1),
        role: row.get(2),
        in_recovery: row.get(3),
        read_only: row.get(4),
        schema: read_schema(client, schema, &rights).await?,
        rights,
    })
}

async fn read_schema(
    client: &impl UnnamedStatements,
    schema: &str,
    rights: &SchemaRights,
) -> Result<Option<SchemaState>, Failure> {
    if rights.schema_exists && !rights.use_schema {
        return Ok(None);
    }
    match read_state(client, schema).await {
        Ok(state) => Ok(Some(state)),
        Err(failure) if failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Is the server recent enough, and does it take writes?
pub fn judge_server(postgres: &PostgresConfig, server: &Server) -> Vec<Finding> {
    let mut findings = Vec::new();
    let url = postgres.display_url();
    if server.version_number < OLDEST_VERSION_NUMBER {
        findings.push(Finding::problem(
            "postgres_too_old",
            format!("{url} is Postgres {}", server.version),
            "use Postgres 12 or later",
        ));
    }
    if server.in_recovery {
        findings.push(Finding::problem(
            "postgres_standby",
            format!("{url} is a standby, which takes no writes"),
            "let postgres.url name the primary (with several hosts: ?target_session_attrs=read-write)",
        ));
    } else if server.read_only {
        findings.push(Finding::problem(
            "postgres_read_only",
            format!(
                "transactions of the role {} at {url} are read-only",
                server.role
            ),
            "unset default_transaction_read_only for the role, the database or the server",
        ));
    }
    findings
}
