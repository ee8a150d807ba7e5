//! What `schema_evolution` does for a batch: before its events are looked at as rows of their tables, these are given what
//! the events ask for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;

use crate::config::{Config, SchemaEvolution};
use crate::format::change::{Change, Operation, Shape};
use crate::format::merged_tables::MergedTables;
use crate::ledger::Ledger;
use crate::locked::Locked;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::EntryState;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::evolve::{Part, evolve_table};
use crate::rows::evolution::{
    Ddl, DdlKind, ExtensionTypes, Plan, WantedTable, find_sharing, plan_table,
};
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict, sqlstate};

/// Where events have another shape each time, what is known of them isn't kept for ever.
const MOST_SHAPES: usize = 1_024;

/// A column that couldn't be widened as somebody used its table.
const UNTIL_TRIED_AGAIN: Duration = Duration::from_mins(5);

/// Gives tables what their events ask for. All lanes share one.
pub struct Evolution {
    config: Config,
    ledger: Arc<Ledger>,
    reading: Arc<Reading>,
    /// Which topics lead to which tables, as far as it is known.
    merged: Arc<MergedTables>,
    /// Shapes that their table takes as it is known.
    fitting: Locked<HashMap<ShapeKey, KeptShapes>>,
    /// The statements that were proposed once.
    proposed: Locked<HashSet<String>>,
    /// The statements that aren't run, and when they are tried again, if ever.
    refused: Locked<HashMap<String, Option<Instant>>>,
    /// The tables of which the ledger says that there have been such.
    met: Locked<HashSet<TableName>>,
}

/// Table as it is known, key's and row's shape: by address.
type ShapeKey = (usize, usize, usize);

/// What has these addresses is kept, so that nothing else gets them.
struct KeptShapes {
    _table: Arc<Table>,
    _shapes: [Option<Arc<Shape>>; 2],
}

/// The batch's events of one table and one policy, one of each shape.
type Groups<'c, 'r> = BTreeMap<(&'c TableName, SchemaEvolution), Vec<&'c Change<'r>>>;

impl Evolution {
    /// As the configuration allows. `reading`: what it says of values; `merged`: which topics lead where, which grows.
    pub fn new(
        config: &Config,
        ledger: Arc<Ledger>,
        reading: Arc<Reading>,
        merged: Arc<MergedTables>,
    ) -> Self {
        Self {
            config: config.clone(),
            ledger,
            reading,
            merged,
            fitting: Locked::default(),
            proposed: Locked::default(),
            refused: Locked::default(),
            met: Locked::default(),
        }
    }

    /// Has the ledger know that these tables are there, before events are landed in them; whatever the policy, which may
    /// become another one.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn note_tables(&self, client: &Object, tables: &[Arc<Table>]) -> Result<(), Failure> {
        let new: Vec<&TableName> = {
            let met = self.met.lock();
            let names = tables.iter().map(|table| &table.name);
            names.filter(|name| !met.contains(*name)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        self.ledger
            .destination_tables
            .enter_met(client, &new)
            .await?;
        self.met.lock().extend(new.into_iter().cloned());
        Ok(())
    }

    /// Gives the batch's tables what its events ask for.
    ///
    /// # Errors
    /// As for [`evolve_table`], about the table.
    pub async fn evolve_tables(
        &self,
        client: &mut Object,
        catalogue: &Catalogue,
        batch: &Batch<'_>,
    ) -> Result<(), Failure> {
        if !self.config.evolves_schemas() {
            return Ok(());
        }
        for ((name, policy), changes) in self.group_changes(batch) {
            let evolved = self.evolve(client, catalogue, (name, policy), &changes);
            evolved.await.map_err(|failure| failure.about_table(name))?;
        }
        Ok(())
    }

    async fn evolve(
        &self,
        client: &mut Object,
        catalogue: &Catalogue,
        (name, policy): (&TableName, SchemaEvolution),
        changes: &[&Change<'_>],
    ) -> Result<(), Failure> {
        let known = match catalogue.find_table_apart(client, name).await {
            Ok(table) => Some(table),
            Err(failure) if failure.has_sqlstate(&[sqlstate::UNDEFINED_TABLE]) => None,
            Err(failure) => return Err(failure),
        };
        if let Some(table) = &known
            && self.fit_all(table, changes)
        {
            return Ok(());
        }
        let sharing = find_sharing(&self.config, &self.merged.list_likely_topics(name));
        let wanted = |extensions: &ExtensionTypes| {
            let wanted = WantedTable::of_changes(name, changes, &self.reading, extensions);
            wanted.shared_by(&sharing)
        };
        let of_known = wanted(&ExtensionTypes::default());
        let mut plan = plan_table(known.as_deref(), true, &of_known, policy);
        let left = self.leave_out_refused(&mut plan);
        self.refuse_own_schema(name, &plan)?;
        let is_fitting = plan.statements.is_empty() && plan.obstacles.is_empty();
        let (needed, widening) = split(plan.statements);
        let mut by_hand = plan.by_hand;
        let notes = self.ledger.destination_tables.table_notes();
        if !needed.is_empty() || !plan.obstacles.is_empty() {
            let asked = (policy, Part::Needed);
            by_hand = evolve_table(client, name, asked, &notes, wanted)
                .await?
                .by_hand;
            catalogue.forget_table(name);
            // what isn't there now is done, or isn't to be
            self.note_refused(
                needed
                    .into_iter()
                    .filter(|ddl| ddl.kind == DdlKind::DropNotNull),
                None,
            );
        }
        if !widening.is_empty() {
            let asked = (policy, Part::Widening);
            let done = evolve_table(client, name, asked, &notes, wanted).await;
            catalogue.forget_table(name);
            self.go_on_without(name, widening, done)?;
        } else if let Some(table) = known
            && is_fitting
            && !left
        {
            self.note_fitting(&table, changes);
        }
        self.propose(name, by_hand);
        Ok(())
    }

    /// Nothing is made or altered among Landfall's own tables.
    fn refuse_own_schema(&self, name: &TableName, plan: &Plan) -> Result<(), Failure> {
        if plan.statements.is_empty() || name.schema != self.config.postgres.schema {
            return Ok(());
        }
        let why = format!(
            "table {name} is in the schema of Landfall's own bookkeeping (postgres.schema), where nothing is made or altered for events; send them elsewhere with a [[route]]"
        );
        Err(Failure::new(Verdict::Systemic, why))
    }

    /// One event of each shape, by table; those of topics that nothing is done for are left out.
    fn group_changes<'c, 'r>(&self, batch: &'c Batch<'r>) -> Groups<'c, 'r> {
        let (mut groups, mut policies) = (Groups::new(), HashMap::new());
        let mut seen = HashSet::new();
        for entry in &batch.entries {
            let (EntryState::Pending, Some(change)) = (&entry.state, &entry.change) else {
                continue;
            };
            let topic = &*entry.record.source.topic;
            let policy = *policies
                .entry(topic)
                .or_insert_with(|| self.config.schema_evolution_of(topic));
            let is_shaped = change.operation != Operation::Truncate;
            let shapes = (
                Arc::as_ptr(&change.table).addr(),
                address(&change.key.shape),
                address(&change.row.shape),
                policy,
            );
            if policy != SchemaEvolution::None && is_shaped && seen.insert(shapes) {
                groups
                    .entry((&change.table, policy))
                    .or_default()
                    .push(change);
            }
        }
        groups
    }

    fn fit_all(&self, table: &Arc<Table>, changes: &[&Change<'_>]) -> bool {
        let fitting = self.fitting.lock();
        let mut changes = changes.iter();
        changes.all(|change| fitting.contains_key(&shape_key(table, change)))
    }

    fn note_fitting(&self, table: &Arc<Table>, changes: &[&Change<'_>]) {
        let mut fitting = self.fitting.lock();
        if fitting.len() >= MOST_SHAPES {
            fitting.clear();
        }
        for change in changes {
            let kept = KeptShapes {
                _table: table.clone(),
                _shapes: [change.key.shape.clone(), change.row.shape.clone()],
            };
            fitting.insert(shape_key(table, change), kept);
        }
    }

    /// Whether some were left out.
    fn leave_out_refused(&self, plan: &mut Plan) -> bool {
        let refused = self.refused.lock();
        let now = Instant::now();
        let before = plan.statements.len();
        plan.statements.retain(|ddl| {
            let until = refused.get(&ddl.sql);
            until.is_none_or(|until| until.is_some_and(|until| until <= now))
        });
        plan.statements.len() < before
    }

    /// `until`: when they are tried again, if ever.
    fn note_refused(&self, statements: impl Iterator<Item = Ddl>, until: Option<Instant>) {
        let mut refused = self.refused.lock();
        refused.extend(statements.map(|ddl| (ddl.sql, until)));
    }

    /// Most values fit a column that isn't widened: those that don't are refused one by one, and said to be.
    ///
    /// # Errors
    /// Postgres is away.
    fn go_on_without(
        &self,
        name: &TableName,
        widening: Vec<Ddl>,
        done: Result<Plan, Failure>,
    ) -> Result<(), Failure> {
        let failure = match done {
            Ok(_) => return Ok(()),
            Err(failure) if failure.verdict == Verdict::Unavailable => return Err(failure),
            Err(failure) => failure,
        };
        let passes = matches!(failure.verdict, Verdict::Locked | Verdict::Retry);
        let until = passes.then(|| Instant::now() + UNTIL_TRIED_AGAIN);
        let is_new = widening
            .iter()
            .any(|ddl| !self.refused.lock().contains_key(&ddl.sql));
        if is_new {
            tracing::warn!(table = %name, error = failure.log_line, "a column stays narrower than its events' schema tells, and the events go on: a value that is too much for it is refused; run the statements when it suits");
        }
        self.note_refused(widening.into_iter(), until);
        Ok(())
    }

    /// Says once which statements would make a column take all values that its events may have.
    fn propose(&self, name: &TableName, statements: Vec<String>) {
        let mut proposed = self.proposed.lock();
        for statement in statements {
            if proposed.insert(statement.clone()) {
                tracing::warn!(table = %name, statement, "a column isn't of the type that its events' schema tells, and may not take all their values; look at the statement, which is never run by itself");
            }
        }
    }
}

/// Those that events need, and those that widen columns.
fn split(statements: Vec<Ddl>) -> (Vec<Ddl>, Vec<Ddl>) {
    let is_needed = |ddl: &Ddl| ddl.kind != DdlKind::AlterType;
    statements.into_iter().partition(is_needed)
}

fn shape_key(table: &Arc<Table>, change: &Change<'_>) -> ShapeKey {
    let (key, row) = (&change.key.shape, &change.row.shape);
    (Arc::as_ptr(table).addr(), address(key), address(row))
}

fn address(shape: &Option<Arc<Shape>>) -> usize {
    shape.as_ref().map_or(0, |shape| Arc::as_ptr(shape).addr())
}
