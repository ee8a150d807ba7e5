//! What our role may do with the bookkeeping tables.

use tokio_postgres::types::Type;

use crate::ledger::needed_rights::BookkeepingUse;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::Failure;

const SCHEMA_RIGHTS_QUERY: &str = "\
    SELECT has_database_privilege(current_database(), 'CREATE'), n.oid IS NOT NULL, \
           coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false), \
           current_user::text \
    FROM (SELECT) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1";

const MISSING_PRIVILEGES_QUERY: &str = "\
    SELECT string_agg(p, ', ') FROM unnest(string_to_array($3, ', ')) p, pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2 AND NOT has_table_privilege(c.oid, p)";

const MAY_EXECUTE_QUERY: &str = "\
    SELECT coalesce(bool_and(has_function_privilege(p.oid, 'EXECUTE')), true) FROM pg_catalog.pg_proc p \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 AND p.proname = $2";

/// Only the owner of a table adds partitions to it.
const MAY_ADD_DAYS_QUERY: &str = "\
    SELECT pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = 'processed_events'";

/// Null if the role may do all of it.
const RETENTION_REMEDY_QUERY: &str = "\
    SELECT string_agg(CASE WHEN is_default THEN format('GRANT SELECT, TRUNCATE ON %s TO %I;', oid::regclass, current_user) \
                           ELSE format('ALTER TABLE %s OWNER TO %I;', oid::regclass, current_user) END, ' ' ORDER BY relname) \
    FROM (SELECT c.*, pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default FROM pg_catalog.pg_inherits i \
          JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_class l ON l.oid = i.inhparent \
          JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace WHERE n.nspname = $1 AND l.relname = 'processed_events') p \
    WHERE CASE WHEN is_default THEN NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'TRUNCATE')) \
               ELSE NOT pg_has_role(relowner, 'USAGE') END";

/// What our role may do with the database and the bookkeeping schema.
pub struct SchemaRights {
    /// Create schemas in the database.
    pub create_schema: bool,
    /// Whether the bookkeeping schema is there.
    pub schema_exists: bool,
    /// Name what is in the bookkeeping schema.
    pub use_schema: bool,
    /// Create tables in the bookkeeping schema.
    pub create_in_schema: bool,
    /// Who we are.
    pub role: String,
}

/// What our role lacks on one of the tables, or functions.
pub struct MissingPrivileges {
    /// Its name, without the schema.
    pub on: &'static str,
    /// The privileges, separated by commas.
    pub privileges: String,
    is_function: bool,
}

impl MissingPrivileges {
    /// The statement that gives the role what it lacks.
    pub fn grant_sql(&self, schema: &str, role: &str) -> String {
        let kind = if self.is_function { "FUNCTION " } else { "" };
        let on = format!("{}.{}", quote(schema), quote(self.on));
        format!(
            "GRANT {} ON {kind}{on} TO {};",
            self.privileges,
            quote(role)
        )
    }
}

/// Reads what our role may do with the bookkeeping schema, be it there or not.
///
/// # Errors
/// As Postgres says.
pub async fn read_schema_rights(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<SchemaRights, Failure> {
    let row = client
        .query_typed_one(SCHEMA_RIGHTS_QUERY, &[(&schema, Type::TEXT)])
        .await?;
    Ok(SchemaRights {
        create_schema: row.get(0),
        schema_exists: row.get(1),
        use_schema: row.get(2),
        create_in_schema: row.get(3),
        role: row.get(4),
    })
}

/// Finds what our role lacks for this use of the tables and functions.
///
/// # Errors
/// As Postgres says.
pub async fn find_missing_privileges(
    client: &impl UnnamedStatements,
    schema: &str,
    used: BookkeepingUse,
) -> Result<Vec<MissingPrivileges>, Failure> {
    let mut missing = Vec::new();
    for (table, needed) in used.privileges() {
        let row = client
            .query_typed_one(
                MISSING_PRIVILEGES_QUERY,
                &[
                    (&schema, Type::TEXT),
                    (table, Type::TEXT),
                    (needed, Type::TEXT),
                ],
            )
            .await?;
        if let Some(privileges) = row.get(0) {
            missing.push(MissingPrivileges {
                on: table,
                privileges,
                is_function: false,
            });
        }
    }
    for function in used.functions() {
        let asked = [(&schema as _, Type::TEXT), (function as _, Type::TEXT)];
        let row = client.query_typed_one(MAY_EXECUTE_QUERY, &asked).await?;
        if !row.get::<_, bool>(0) {
            let privileges = "EXECUTE".to_owned();
            missing.push(MissingPrivileges {
                on: function,
                privileges,
                is_function: true,
            });
        }
    }
    Ok(missing)
}

/// Whether our role may create the days of `processed_events`; also if there is no such table.
///
/// # Errors
/// As Postgres says.
pub async fn may_add_days(client: &impl UnnamedStatements, schema: &str) -> Result<bool, Failure> {
    let row = client
        .query_typed_opt(MAY_ADD_DAYS_QUERY, &[(&schema, Type::TEXT)])
        .await?;
    Ok(row.is_none_or(|row| row.get(0)))
}

/// The name of the table of event ids, for people.
pub fn event_ids_table(schema: &str) -> String {
    format!("{schema}.processed_events")
}

/// The statements that let the role create the days of `processed_events`.
pub fn remedy_for_days(schema: &str, role: &str) -> String {
    let (schema, role) = (quote(schema), quote(role));
    format!(
        "ALTER TABLE {schema}.processed_events OWNER TO {role}; GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"
    )
}

/// The statements that let our role do to the days what retention does: drop them, and empty the
/// default partition. `None` if the role may do so already.
///
/// # Errors
/// As Postgres says.
pub async fn find_retention_remedy(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<Option<String>, Failure> {
    let row = client
        .query_typed_one(RETENTION_REMEDY_QUERY, &[(&schema, Type::TEXT)])
        .await?;
    Ok(row.get(0))
}
