//! The bookkeeping schema: its version, and what our role may do with it.

use deadpool_postgres::GenericClient;

use crate::config::{Config, Idempotency, PostgresConfig};
use crate::ledger::migrate;
use crate::operator::check::destination::Server;
use crate::operator::check::finding::Finding;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// The tables, and what `run` does with them.
const LEDGER: [(&str, &str); 3] = [
    ("partitions", "SELECT, INSERT, UPDATE"),
    ("processed_events", "SELECT, INSERT, DELETE"),
    ("dead_letters", "SELECT, INSERT, UPDATE"),
];

/// Of our role, on the database and the schema.
pub struct Rights {
    pub create_schema: bool,
    pub schema_exists: bool,
    pub use_schema: bool,
    pub create_in_schema: bool,
}

/// Is it there, of the right version, and could `run` make it so?
pub fn version(postgres: &PostgresConfig, server: &Server) -> Option<Finding> {
    let (schema, role) = (&postgres.schema, &server.role);
    let Some(version) = server.schema_version else {
        return Some(Finding::problem(
            "schema_forbidden",
            format!("the role {role} may not read the bookkeeping schema {schema}"),
            grants(schema, role),
        ));
    };
    let current = migrate::current();
    if version == current {
        return None;
    }
    if version > current {
        return Some(Finding::problem(
            "schema_too_new",
            format!(
                "the bookkeeping schema {schema} is at version {version}, of a later Landfall; this one knows up to {current}"
            ),
            "use that Landfall, or another postgres.schema",
        ));
    }
    let state = match version {
        0 => format!("the bookkeeping schema {schema} is not there yet"),
        _ => format!(
            "the bookkeeping schema {schema} is at version {version}, and {current} is needed"
        ),
    };
    let rights = &server.rights;
    let may = match rights.schema_exists {
        true => rights.create_in_schema,
        false => rights.create_schema,
    };
    if !postgres.migrate {
        return Some(Finding::problem(
            "schema_not_migrated",
            format!("{state}, and postgres.migrate is false"),
            "run `landfall migrate` as a role that may create it",
        ));
    }
    (!may).then(|| {
        Finding::problem(
            "schema_not_creatable",
            format!("{state}, and the role {role} may not create it"),
            match rights.schema_exists {
                true => format!("GRANT CREATE ON SCHEMA {} TO {};", quote(schema), quote(role)),
                false => format!("run `landfall migrate` as a role that may create it, or CREATE SCHEMA {} AUTHORIZATION {};", quote(schema), quote(role)),
            },
        )
    })
}

const LACKS: &str = "\
    SELECT string_agg(p, ', ') FROM unnest(string_to_array($3, ', ')) p, pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2 AND NOT has_table_privilege(c.oid, p)";

/// Only the owner of a table adds partitions to it.
const ADDS_PARTITIONS: &str = "\
    SELECT pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = 'processed_events'";

/// The statements that let our role do to the days' partitions what retention does: drop them, and
/// delete from the default one. Null if it may.
const MENDS_RETENTION: &str = "\
    SELECT string_agg(CASE WHEN is_default THEN format('GRANT SELECT, DELETE ON %s TO %I;', oid::regclass, current_user) \
                           ELSE format('ALTER TABLE %s OWNER TO %I;', oid::regclass, current_user) END, ' ' ORDER BY relname) \
    FROM (SELECT c.*, pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default FROM pg_catalog.pg_inherits i \
          JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_class l ON l.oid = i.inhparent \
          JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace WHERE n.nspname = $1 AND l.relname = 'processed_events') p \
    WHERE CASE WHEN is_default THEN NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'DELETE')) \
               ELSE NOT pg_has_role(relowner, 'USAGE') END";

/// What the role lacks on the tables that are there.
///
/// # Errors
/// As Postgres says.
pub async fn rights(
    client: &impl GenericClient,
    config: &Config,
    role: &str,
) -> Result<Vec<Finding>, Failure> {
    let schema = &config.postgres.schema;
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for (table, needed) in LEDGER {
        let row = client.query_one(LACKS, &[&schema, &table, &needed]).await?;
        if let Some(lacks) = row.get::<_, Option<String>>(0) {
            missing.push(format!("{lacks} on {schema}.{table}"));
        }
    }
    if !missing.is_empty() {
        findings.push(Finding::problem(
            "schema_forbidden",
            format!("the role {role} lacks {}", missing.join(" and ")),
            grants(schema, role),
        ));
    }
    if config.apply.idempotency == Idempotency::EventId {
        findings.extend(days(client, schema, role).await?);
    }
    Ok(findings)
}

/// What it lacks to look after the days' partitions, without which `run` gets along.
async fn days(
    client: &impl GenericClient,
    schema: &str,
    role: &str,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let adds = client.query_opt(ADDS_PARTITIONS, &[&schema]).await?;
    if !adds.is_none_or(|row| row.get(0)) {
        let (quoted, to) = (quote(schema), quote(role));
        findings.push(Finding::warning(
            "schema_not_owned",
            format!("the role {role} may not add the days' partitions to {schema}.processed_events, which only its owner may: events of all days share the default partition"),
            format!("ALTER TABLE {quoted}.processed_events OWNER TO {to}; GRANT USAGE, CREATE ON SCHEMA {quoted} TO {to};"),
        ));
    }
    let mends = client.query_one(MENDS_RETENTION, &[&schema]).await?;
    if let Some(remedy) = mends.get::<_, Option<String>>(0) {
        findings.push(Finding::warning(
            "ledger_not_prunable",
            format!("the role {role} may not forget the ids of old events (apply.retention), for it owns not all days of {schema}.processed_events or can't delete from its default partition: the ledger grows"),
            format!("{remedy} or let its owner run `landfall prune`"),
        ));
    }
    Ok(findings)
}

fn grants(schema: &str, role: &str) -> String {
    let (schema, role) = (quote(schema), quote(role));
    format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};"
    )
}
