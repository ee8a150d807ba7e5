//! What `schema_evolution` would do about a table that lacks what its events have.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};

use crate::config::{Config, SchemaEvolution};
use crate::format::change::Change;
use crate::operator::check::destination::answer_in_time;
use crate::operator::check::finding::Finding;
use crate::operator::check::report::TopicLine;
use crate::postgres::evolve::{TableNotes, foresee_plan, read_extension_types};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::evolution::{
    DdlKind, ExtensionTypes, Plan, WantedTable, explain_sharing, find_sharing,
};
use crate::rows::sql::quote;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// Whether our role may alter the table, or else make one in its schema, or else the schema; and which role that is.
const MAY_DEFINE: &str = "\
    SELECT coalesce( \
        (SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2), \
        (SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') FROM pg_catalog.pg_namespace n WHERE n.nspname = $1), \
        pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')), current_user::text";

/// What is known of a table's evolution.
pub struct ForeseenTable {
    /// What its sampled events want, with proposals where no schema tells.
    pub wanted: WantedTable,
    /// What `run` would do.
    pub plan: Plan,
    /// Our role, if it may not do it.
    forbidden: Option<String>,
}

/// What `run` would do about the table of these events. `notes`: the ledger's, if there is one.
///
/// # Errors
/// As Postgres says.
pub async fn foresee_table(
    client: &Object,
    config: &Config,
    topic: &str,
    changes: &[Change<'_>],
    notes: Option<&TableNotes>,
) -> Result<Option<ForeseenTable>, Failure> {
    let Some(first) = changes.first() else {
        return Ok(None);
    };
    let (name, reading) = (&*first.table, Reading::new(&config.format));
    let all: Vec<&Change<'_>> = changes.iter().collect();
    let wanted_of =
        |extensions: &ExtensionTypes| WantedTable::of_changes(name, &all, &reading, extensions);
    let policy = config.schema_evolution_of(topic);
    let foreseen = async {
        let extensions = read_extension_types(client).await?;
        let noted = foresee_plan(client, name, policy, notes, wanted_of).await?;
        let plan = noted.plan;
        let forbidden = match plan.statements.is_empty() {
            true => None,
            false => find_forbidden(client, name).await?,
        };
        let mut wanted = wanted_of(&extensions);
        wanted.propose_types(changes);
        Ok(Some(ForeseenTable {
            wanted,
            plan,
            forbidden,
        }))
    };
    answer_in_time(foreseen).await
}

/// Notes in each line which topics share its table, and tells of tables that `run` would not make as they do.
pub fn judge_sharing(config: &Config, lines: &mut [TopicLine]) -> Vec<Finding> {
    let mut topics: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
    for line in lines.iter() {
        if let Some(wanted) = &line.wanted {
            let of_table = topics.entry(wanted.name.clone()).or_default();
            of_table.push(line.topic.clone());
        }
    }
    let mut findings = Vec::new();
    for (name, topics) in topics {
        let sharing = find_sharing(config, &topics);
        let mut is_told = sharing.is_empty();
        for line in lines.iter_mut() {
            let wanted = line.wanted.as_mut();
            let Some(wanted) = wanted.filter(|wanted| wanted.name == name) else {
                continue;
            };
            wanted.sharing.clone_from(&sharing);
            if line.makes_table && !wanted.appended && !is_told {
                is_told = true;
                findings.push(Finding::problem(
                    "evolution_impossible",
                    explain_sharing(&name, &sharing),
                    format!("schema_evolution = \"create\" does nothing about {name} before that"),
                ));
            }
        }
    }
    findings
}

async fn find_forbidden(client: &Object, name: &TableName) -> Result<Option<String>, Failure> {
    let names: [(&(dyn ToSql + Sync), Type); 2] =
        [(&name.schema, Type::TEXT), (&name.name, Type::TEXT)];
    let row = client.query_typed_one(MAY_DEFINE, &names).await?;
    let (may, role): (bool, String) = (row.get(0), row.get(1));
    Ok((!may).then_some(role))
}

impl ForeseenTable {
    /// Whether `run` alters the table before it writes the events.
    pub fn is_altered(&self) -> bool {
        !self.plan.statements.is_empty()
    }

    /// What is told of it. What the table lacks is no problem then, if `run` can mend it.
    pub fn judge(&self, policy: SchemaEvolution) -> Vec<Finding> {
        let (plan, table) = (&self.plan, &self.wanted.name);
        let obstacles = plan.obstacles.iter().map(|obstacle| {
            Finding::problem(
                "evolution_impossible",
                obstacle.clone(),
                format!(
                    "schema_evolution = {:?} does nothing about {table} before that",
                    policy.name()
                ),
            )
        });
        let mut findings: Vec<Finding> = obstacles.collect();
        if let Some(role) = &self.forbidden {
            findings.push(Finding::problem(
                "evolution_forbidden",
                format!("the role {role} may not define {table}, which schema_evolution = {:?} asks for", policy.name()),
                format!(
                    "make it the table's owner, or, where there is no table, GRANT CREATE ON SCHEMA {} TO {} (ON DATABASE, where there is no schema); or run what `landfall check --ddl` prints",
                    quote(&table.schema),
                    quote(role)
                ),
            ));
        } else if self.is_altered() {
            let is_new = plan
                .statements
                .iter()
                .any(|ddl| ddl.kind == DdlKind::CreateTable);
            let what = if is_new { "create" } else { "alter" };
            findings.push(Finding::warning(
                "table_evolves",
                format!(
                    "`run` would {what} table {table}, which lacks what its events ask for (schema_evolution = {:?})",
                    policy.name(),
                ),
                "nothing needs to be done; `landfall check --ddl` prints the statements",
            ));
        }
        findings.extend(plan.by_hand.iter().map(|statement| {
            Finding::warning(
                "column_of_another_type",
                format!("a column of {table} is of another type than its events' schemas tell, and may not take all their values"),
                format!("{statement}, which is never run by itself"),
            )
        }));
        findings
    }
}
