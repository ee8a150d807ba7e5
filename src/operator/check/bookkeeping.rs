//! The bookkeeping schema: its version, and what our role may do with it.

use crate::config::{Config, Idempotency, PostgresConfig};
use crate::ledger::needed_rights::BookkeepingUse;
use crate::ledger::rights;
use crate::ledger::schema_version::{
    NO_WAY_BACK_REMEDY, SchemaState, TOO_NEW_REMEDY, current_version,
};
use crate::operator::check::finding::Finding;
use crate::operator::check::server::Server;
use crate::postgres::table_rights::grant_schema_sql;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// Is the bookkeeping schema there, of the right version, and could `run` make it so?
pub fn judge_schema_version(postgres: &PostgresConfig, server: &Server) -> Option<Finding> {
    let (schema, role) = (&postgres.schema, &server.role);
    let rights = &server.rights;
    if rights.schema_exists && !rights.use_schema {
        return Some(Finding::problem(
            "schema_forbidden",
            format!("the role {role} may not use the bookkeeping schema {schema}"),
            grant_schema_sql(schema, role),
        ));
    }
    // what else keeps us from reading it is told with the other rights on its tables
    let found = server.schema.as_ref()?;
    let state = match (found, found.describe_hindrance(schema)) {
        (SchemaState::TooNew { .. }, why) => {
            let why = why.unwrap_or_default();
            return Some(Finding::problem("schema_too_new", why, TOO_NEW_REMEDY));
        }
        (_, Some(why)) => {
            return Some(refuse_upgrade(why));
        }
        (SchemaState::Usable(_), _) => return None,
        (SchemaState::Absent | SchemaState::Behind { version: 0, .. }, _) => {
            format!("the bookkeeping schema {schema} is not there yet")
        }
        (SchemaState::Behind { version, .. }, _) => format!(
            "the bookkeeping schema {schema} is at version {version}, and {} is needed",
            current_version()
        ),
    };
    let may = if rights.schema_exists {
        rights.create_in_schema
    } else {
        rights.create_schema
    };
    if !postgres.migrate {
        return Some(Finding::problem(
            "schema_not_migrated",
            format!("{state}, and postgres.migrate is false"),
            "run `landfall migrate` as a role that may create it",
        ));
    }
    let (quoted, to) = (quote(schema), quote(role));
    let remedy = if rights.schema_exists {
        format!("GRANT CREATE ON SCHEMA {quoted} TO {to};")
    } else {
        format!(
            "run `landfall migrate` as a role that may create it, or CREATE SCHEMA {quoted} AUTHORIZATION {to};"
        )
    };
    (!may).then(|| {
        let found = format!("{state}, and the role {role} may not create it");
        Finding::problem("schema_not_creatable", found, remedy)
    })
}

fn refuse_upgrade(why: String) -> Finding {
    Finding::problem("schema_no_way_back", why, NO_WAY_BACK_REMEDY)
}

/// What the role lacks on the tables that are there.
///
/// # Errors
/// As Postgres says.
pub async fn find_missing_rights(
    client: &impl UnnamedStatements,
    config: &Config,
    role: &str,
) -> Result<Vec<Finding>, Failure> {
    let schema = &config.postgres.schema;
    let mut findings = Vec::new();
    let missing = rights::find_missing_privileges(client, schema, BookkeepingUse::Landing).await?;
    if !missing.is_empty() {
        let named = missing.iter();
        let named = named.map(|lacks| format!("{} on {schema}.{}", lacks.privileges, lacks.on));
        let grants = missing.iter().map(|lacks| lacks.grant_sql(schema, role));
        findings.push(Finding::problem(
            "schema_forbidden",
            format!(
                "the role {role} lacks {}",
                named.collect::<Vec<_>>().join(" and ")
            ),
            grants.collect::<Vec<_>>().join(" "),
        ));
    }
    if config.apply.idempotency == Idempotency::EventId {
        findings.extend(find_missing_day_rights(client, schema, role).await?);
    }
    Ok(findings)
}

/// What the role lacks to look after the days' partitions, without which `run` gets along.
async fn find_missing_day_rights(
    client: &impl UnnamedStatements,
    schema: &str,
    role: &str,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let table = rights::event_ids_table(schema);
    if !rights::may_add_days(client, schema).await? {
        findings.push(Finding::warning(
            "schema_not_owned",
            format!("the role {role} may not add the days' partitions to {table}, which only its owner may: events of all days share the default partition"),
            rights::remedy_for_days(schema, role),
        ));
    }
    if let Some(remedy) = rights::find_retention_remedy(client, schema).await? {
        findings.push(Finding::warning(
            "ledger_not_prunable",
            format!("the ledger {table} grows: the role {role} may not delete the ids of old events (apply.retention), because it doesn't own each day's partition or may not delete from the default partition"),
            format!("{remedy} or let its owner run `landfall prune`"),
        ));
    }
    Ok(findings)
}
