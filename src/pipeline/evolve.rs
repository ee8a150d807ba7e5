//! What `schema_evolution` does for a batch: before its events are looked at as rows of their tables, these are given what
//! the events ask for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Object;

use crate::config::{Config, SchemaEvolution};
use crate::format::change::{Change, Operation, Shape};
use crate::ledger::Ledger;
use crate::locked::Locked;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::EntryState;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::evolve::evolve_table;
use crate::rows::evolution::{ExtensionTypes, WantedTable, plan_table};
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, sqlstate};

/// Where events have another shape each time, what is known of them isn't kept for ever.
const MOST_SHAPES: usize = 1_024;

/// Gives tables what their events ask for. All lanes share one.
pub struct Evolution {
    config: Config,
    ledger: Arc<Ledger>,
    reading: Arc<Reading>,
    /// Shapes that their table takes as it is known.
    fitting: Locked<HashMap<ShapeKey, KeptShapes>>,
    /// The statements that were proposed once.
    proposed: Locked<HashSet<String>>,
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
    /// As the configuration allows. `reading`: what it says of values.
    pub fn new(config: &Config, ledger: Arc<Ledger>, reading: Arc<Reading>) -> Self {
        Self {
            config: config.clone(),
            ledger,
            reading,
            fitting: Locked::default(),
            proposed: Locked::default(),
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
        let wanted = |extensions: &ExtensionTypes| {
            WantedTable::of_changes(name, changes, &self.reading, extensions)
        };
        let of_known = wanted(&ExtensionTypes::default());
        let plan = plan_table(known.as_deref(), true, &of_known, policy);
        let mut by_hand = plan.by_hand;
        let notes = self.ledger.destination_tables.table_notes();
        if !plan.statements.is_empty() || !plan.obstacles.is_empty() {
            by_hand = evolve_table(client, name, policy, &notes, wanted)
                .await?
                .by_hand;
            catalogue.forget_table(name);
        } else if let Some(table) = known {
            self.note_fitting(&table, changes);
        }
        self.propose(name, by_hand);
        Ok(())
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

fn shape_key(table: &Arc<Table>, change: &Change<'_>) -> ShapeKey {
    let (key, row) = (&change.key.shape, &change.row.shape);
    (Arc::as_ptr(table).addr(), address(key), address(row))
}

fn address(shape: &Option<Arc<Shape>>) -> usize {
    shape.as_ref().map_or(0, |shape| Arc::as_ptr(shape).addr())
}
