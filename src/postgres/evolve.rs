//! Runs what brings a destination table to what its events ask for: in a transaction of its own, which waits but shortly
//! for locks, and of which several workers do one after the other.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::{ToSql, Type};

use crate::config::SchemaEvolution;
use crate::failpoint;
use crate::postgres::describe_tables::describe_tables;
use crate::postgres::failure::while_defining;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::evolution::{Ddl, DdlKind, ExtensionTypes, Plan, WantedTable, plan_table};
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};
use crate::watch::{metrics, recent_ddl};

/// Whoever writes to the table waits behind us meanwhile. What takes longer, as a large table is written anew for a wider
/// column, is for a person to run when it suits.
const TIMEOUTS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '30s'";

/// Of Landfall's workers that define the same table, or the same schema, one goes on at a time.
const TAKE_TURNS: &str = "\
    SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 4848017))";

const HAS_SCHEMA: &str = "\
    SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";

const EXTENSION_TYPES: &str = "\
    SELECT t.typname::text, n.nspname::text FROM pg_catalog.pg_type t \
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    WHERE t.typname = ANY ($1) AND EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e')";

/// What is asked and noted about a table that is made or altered. Each statement has the parameters schema and name.
pub struct TableNotes {
    /// A row if there has been such a table; in it, the columns that Landfall made of the one that is there.
    pub find: String,
    /// Notes that Landfall made the table that is there.
    pub enter_made: String,
    /// Notes that Landfall made these columns of it, which is the third parameter.
    pub enter_columns: String,
}

/// Which of the statements are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Without which events can't be landed.
    Needed,
    /// Without which most events can be landed all the same.
    Widening,
}

impl Part {
    fn has(self, ddl: &Ddl) -> bool {
        let is_widening = ddl.kind == DdlKind::AlterType;
        is_widening == (self == Part::Widening)
    }
}

/// What is to be done about a table, by what is noted of it.
pub struct NotedPlan {
    /// What is done.
    pub plan: Plan,
    /// What would help, and is a person's to run: of columns that take no null, only those that Landfall made are loosened,
    /// as a person may have meant it so.
    pub left: Vec<Ddl>,
}

impl NotedPlan {
    /// `made`: the table's columns that Landfall made; `None`: there has been none of this name.
    fn of_plan(mut plan: Plan, name: &TableName, made: Option<&[String]>) -> Self {
        let is_ours = |column: &String| made.is_some_and(|made| made.contains(column));
        let is_left =
            |ddl: &Ddl| ddl.kind == DdlKind::DropNotNull && !ddl.columns.iter().all(is_ours);
        let (left, statements) = plan.statements.into_iter().partition(is_left);
        plan.statements = statements;
        if plan.makes_table() && made.is_some() {
            plan.statements.clear();
            plan.obstacles = vec![explain_gone(name)];
        }
        Self { plan, left }
    }
}

/// Brings the table to what its events want, as far as the policy allows. Whoever had known the table has to read it again.
/// `wanted`: what they want, of a database with these types of extensions.
///
/// # Errors
/// Nothing was done then. Systemic: no statement helps, or Postgres doesn't let us run it; locked: the table is used.
/// Each names the statements.
pub async fn evolve_table(
    client: &mut Object,
    name: &TableName,
    (policy, part): (SchemaEvolution, Part),
    notes: &TableNotes,
    wanted: impl Fn(&ExtensionTypes) -> WantedTable,
) -> Result<Plan, Failure> {
    // dropped, it is rolled back
    let tx = begin_pinned(client).await?;
    tx.batch_execute(TIMEOUTS).await?;
    take_turns(&tx, name).await?;
    let mut plan = foresee_plan(&tx, name, policy, Some(notes), &wanted)
        .await?
        .plan;
    plan.statements.retain(|ddl| part.has(ddl));
    if !plan.obstacles.is_empty() {
        return Err(Failure::new(Verdict::Systemic, plan.obstacles.join("; ")));
    }
    for ddl in &plan.statements {
        let done = tx.batch_execute(&ddl.sql).await;
        done.map_err(|error| explain_refusal(&error, name, policy, &plan.statements))?;
    }
    if plan.statements.is_empty() {
        return Ok(plan);
    }
    let after = foresee_plan(&tx, name, policy, Some(notes), &wanted).await?;
    if after.plan.statements.iter().any(|ddl| part.has(ddl)) {
        let what = format!(
            "{name} isn't what its statements make it, as a view, an index, a sequence or a type has its name; rename that, or send the events elsewhere with a [[route]]"
        );
        return Err(Failure::new(Verdict::Systemic, what));
    }
    note_made(&tx, name, notes, &plan).await?;
    failpoint::reach("ddl_before_commit");
    let done = tx.commit().await;
    done.map_err(|error| explain_refusal(&error, name, policy, &plan.statements))?;
    for ddl in &plan.statements {
        metrics::count_ddl(ddl.kind.name());
        recent_ddl::note_ddl(ddl.kind.name(), name);
        tracing::info!(table = %name, statement = ddl.sql, "the destination was given what events ask for (schema_evolution)");
    }
    failpoint::reach("ddl_after_commit");
    Ok(plan)
}

/// What `run` would do about the table, as it is now and as is noted of it; without notes, as where there is no ledger yet.
///
/// # Errors
/// As Postgres says.
pub async fn foresee_plan(
    client: &impl UnnamedStatements,
    name: &TableName,
    policy: SchemaEvolution,
    notes: Option<&TableNotes>,
    wanted: impl Fn(&ExtensionTypes) -> WantedTable,
) -> Result<NotedPlan, Failure> {
    let plan = plan_now(client, name, policy, wanted).await?;
    let made = match notes {
        Some(notes) => find_made(client, name, notes).await?,
        None => None,
    };
    Ok(NotedPlan::of_plan(plan, name, made.as_deref()))
}

async fn plan_now(
    client: &impl UnnamedStatements,
    name: &TableName,
    policy: SchemaEvolution,
    wanted: impl Fn(&ExtensionTypes) -> WantedTable,
) -> Result<Plan, Failure> {
    let extensions = read_extension_types(client).await?;
    let now = describe_tables(client, &[name]).await?.into_iter().next();
    let has_schema = has_schema(client, name).await?;
    Ok(plan_table(
        now.as_ref(),
        has_schema,
        &wanted(&extensions),
        policy,
    ))
}

/// Notes what the plan's statements have made.
async fn note_made(
    tx: &Transaction<'_>,
    name: &TableName,
    notes: &TableNotes,
    plan: &Plan,
) -> Result<(), Failure> {
    let [schema, table] = parameters_of(name);
    if plan.makes_table() {
        let parameters = [schema.clone(), table.clone()];
        tx.execute_typed(&notes.enter_made, &parameters).await?;
    }
    let columns: Vec<&str> = plan.made_columns().collect();
    if !columns.is_empty() {
        let columns: (&(dyn ToSql + Sync), Type) = (&columns, Type::TEXT_ARRAY);
        let parameters = [schema, table, columns];
        tx.execute_typed(&notes.enter_columns, &parameters).await?;
    }
    Ok(())
}

/// The table's columns that Landfall made; `None`: there has been none of this name.
async fn find_made(
    client: &impl UnnamedStatements,
    name: &TableName,
    notes: &TableNotes,
) -> Result<Option<Vec<String>>, Failure> {
    let row = client
        .query_typed_opt(&notes.find, &parameters_of(name))
        .await?;
    Ok(row.map(|row| row.get(0)))
}

fn parameters_of(name: &TableName) -> [(&(dyn ToSql + Sync), Type); 2] {
    [(&name.schema, Type::TEXT), (&name.name, Type::TEXT)]
}

fn explain_gone(name: &TableName) -> String {
    format!(
        "table {name} does not exist any more, and events were landed in it: made anew, it would lack them; restore it, or let the topics that lead to it be landed from their beginning in a new one (`landfall forget --topic`)"
    )
}

/// First that of the schema, where it isn't there: so nobody waits for somebody who waits for him.
async fn take_turns(tx: &Transaction<'_>, name: &TableName) -> Result<(), Failure> {
    let mut turns = vec![format!("landfall ddl {} {}", name.schema, name.name)];
    if !has_schema(tx, name).await? {
        turns.insert(0, format!("landfall ddl {}", name.schema));
    }
    for turn in turns {
        let turn: (&(dyn ToSql + Sync), Type) = (&turn, Type::TEXT);
        tx.query_typed(TAKE_TURNS, &[turn]).await?;
    }
    Ok(())
}

async fn has_schema(client: &impl UnnamedStatements, name: &TableName) -> Result<bool, Failure> {
    let schema: (&(dyn ToSql + Sync), Type) = (&name.schema, Type::TEXT);
    Ok(client.query_typed_one(HAS_SCHEMA, &[schema]).await?.get(0))
}

/// The types of extensions that columns can be made of.
///
/// # Errors
/// As Postgres says.
pub async fn read_extension_types(
    client: &impl UnnamedStatements,
) -> Result<ExtensionTypes, Failure> {
    let names: &[&str] = &ExtensionTypes::NAMES;
    let names: (&(dyn ToSql + Sync), Type) = (&names, Type::TEXT_ARRAY);
    let rows = client.query_typed(EXTENSION_TYPES, &[names]).await?;
    let types = rows.iter().map(|row| (row.get(0), row.get(1)));
    Ok(ExtensionTypes(types.collect()))
}

/// What Postgres said, and what a person can do about it.
fn explain_refusal(
    error: &tokio_postgres::Error,
    name: &TableName,
    policy: SchemaEvolution,
    statements: &[Ddl],
) -> Failure {
    let failure = while_defining(error);
    if failure.verdict == Verdict::Unavailable {
        return failure;
    }
    let sql: Vec<String> = statements
        .iter()
        .map(|ddl| ddl.sql.replace('\n', " ") + ";")
        .collect();
    let message = format!(
        "table {name} can't be given what its events ask for (schema_evolution = {:?}): {}; let our role do so, or run by hand: {}",
        policy.name(),
        failure.log_line,
        sql.join(" ")
    );
    Failure {
        log_line: message.clone(),
        message,
        ..failure
    }
}
