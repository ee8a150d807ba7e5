//! The events of a batch, as their tables see them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Object;

use crate::format::change::{Change, Operation};
use crate::locked::Locked;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::{Entry, EntryState};
use crate::pipeline::evolve::Evolution;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::key_identities::{Asker, identify_keys};
use crate::rows::mapping::{Mapping, Mappings};
use crate::rows::row_change::RowChange;
use crate::rows::table::Table;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict, sqlstate};

/// In so many attempts that a foreign key objects to, the order of tables is looked up once.
const OBJECTIONS_A_LOOK: u32 = 8;

/// Makes events into changes of rows.
pub struct Resolver {
    /// What is known of tables.
    pub catalogue: Arc<Catalogue>,
    evolution: Arc<Evolution>,
    mappings: Locked<Mappings>,
}

impl Resolver {
    /// With what is known of the destination's tables, what gives them what events ask for, and what the configuration says of values.
    pub fn new(
        catalogue: Arc<Catalogue>,
        evolution: Arc<Evolution>,
        reading: Arc<Reading>,
    ) -> Self {
        Self {
            catalogue,
            evolution,
            mappings: Locked::new(Mappings::new(reading)),
        }
    }

    /// The pending changes with the index of their entry, as their tables see them. A change that
    /// can't be a row of its table is rejected here. Leaves with the batch what its tables were taken to be.
    ///
    /// # Errors
    /// A table isn't fit for its events, or the catalogue can't be read.
    pub async fn resolve_changes<'r>(
        &self,
        client: &mut Object,
        batch: &mut Batch<'r>,
    ) -> Result<Vec<(usize, RowChange<'r>)>, Failure> {
        batch.tables.clear();
        let (attempts, since) = (batch.trial.attempts + 1, batch.trial.first_failed_at);
        // one look at each table for all of the attempt: columns go by their index in it
        let mut tables: HashMap<usize, Arc<Table>, foldhash::fast::RandomState> =
            HashMap::default(); // by their names' addresses
        let mut reread = HashSet::new();
        self.prepare_tables(client, batch).await?;
        'anew: loop {
            let mut changes = Vec::with_capacity(batch.entries.len());
            for (at, entry) in batch.entries.iter_mut().enumerate() {
                let (EntryState::Pending, Some(change)) = (&entry.state, &entry.change) else {
                    continue;
                };
                let name = Arc::as_ptr(&change.table).addr();
                let table = match tables.get(&name) {
                    Some(table) => table.clone(),
                    None => {
                        let same = tables.values().find(|t| t.name == *change.table).cloned();
                        let table = match same {
                            Some(table) => table,
                            None => {
                                let catalogue = &self.catalogue;
                                catalogue.find_table_apart(client, &change.table).await?
                            }
                        };
                        tables.insert(name, table.clone());
                        table
                    }
                };
                let mapped = match change.operation {
                    Operation::Truncate => RowChange::of_truncate(&table),
                    _ => self
                        .mapping_for(change, &table)
                        .and_then(|m| m.map_change(change)),
                };
                match mapped {
                    Ok(change) => changes.push((at, change)),
                    // it may have been altered since it was read: look once more, and begin anew
                    Err(_) if reread.insert(change.table.clone()) => {
                        self.catalogue.forget_table(&change.table);
                        tables.clear();
                        continue 'anew;
                    }
                    Err(f) if matches!(f.verdict, Verdict::Reject(_)) => {
                        entry.reject_for(&f, attempts, since)
                    }
                    Err(f) => return Err(f.about_table(&change.table)),
                }
            }
            batch.tables.extend(tables.into_values());
            batch.tables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            batch.tables.dedup_by(|a, b| Arc::ptr_eq(a, b));
            self.evolution.note_tables(client, &batch.tables).await?;
            self.identify_rows(client, batch, &mut changes).await?;
            return Ok(changes);
        }
    }

    /// Those of the batch's tables that nobody has read yet are read together; and all are given what its events ask for,
    /// as far as `schema_evolution` allows.
    async fn prepare_tables(&self, client: &mut Object, batch: &Batch<'_>) -> Result<(), Failure> {
        let mut seen: HashSet<usize, foldhash::fast::RandomState> = HashSet::default();
        let changes = batch
            .entries
            .iter()
            .filter_map(|entry| entry.change.as_ref());
        let names = changes.map(|change| &change.table);
        let names = names.filter(|name| seen.insert(Arc::as_ptr(name).addr()));
        let names: Vec<&TableName> = names.map(|name| &**name).collect();
        let catalogue = &self.catalogue;
        catalogue.read_new_tables(client, names.into_iter()).await;
        let evolution = &self.evolution;
        evolution.evolve_tables(client, catalogue, batch).await
    }

    /// Finds out which rows the changes are about, and those events that are refused: Postgres is asked where the
    /// keys' texts don't tell.
    async fn identify_rows<'r>(
        &self,
        client: &mut Object,
        batch: &mut Batch<'r>,
        changes: &mut [(usize, RowChange<'r>)],
    ) -> Result<(), Failure> {
        let mut refused = Vec::new();
        for (at, entry) in batch.entries.iter().enumerate() {
            let change = entry.is_rejected().then(|| entry.to_key_change()).flatten();
            if let Some(change) = change
                && let Some(row) = self.map_key(client, &change).await?
            {
                refused.push((at, row));
            }
        }
        let all = changes.iter_mut().chain(&mut refused);
        let all = all.map(|(_, change)| change);
        identify_keys(Asker::Outside(client), all).await?;
        for (at, row) in refused {
            if let Some(entry) = batch.entries.get_mut(at) {
                entry.note_key_hashes(row.key_hashes());
            }
        }
        Ok(())
    }

    /// Nothing, if the table isn't there, or has no such key.
    async fn map_key<'r>(
        &self,
        client: &mut Object,
        change: &Change<'r>,
    ) -> Result<Option<RowChange<'r>>, Failure> {
        let table = self.catalogue.find_table_apart(client, &change.table);
        let table = match table.await {
            Ok(table) => table,
            Err(f) if f.verdict == Verdict::Systemic => return Ok(None),
            Err(f) => return Err(f),
        };
        let mapping = self.mapping_for(change, &table);
        Ok(mapping.and_then(|m| m.map_change(change)).ok())
    }

    fn mapping_for(
        &self,
        change: &Change<'_>,
        table: &Arc<Table>,
    ) -> Result<Arc<Mapping>, Failure> {
        let mut mappings = self.mappings.lock();
        mappings.mapping_for(change, table)
    }

    /// Forgets the batch's tables, if `failure` says that a statement no longer fits its table: the
    /// catalogue is read again before anybody is blamed.
    pub fn forget_if_stale(&self, batch: &Batch<'_>, failure: &Failure) {
        if !failure.means_catalogue_is_stale() {
            return;
        }
        // a foreign key objects again and again while a parent is waited for
        let objects = failure.has_sqlstate(&[sqlstate::FOREIGN_KEY_VIOLATION]);
        if objects && !batch.trial.attempts.is_multiple_of(OBJECTIONS_A_LOOK) {
            return;
        }
        for table in batch.entries.iter().filter_map(Entry::table) {
            self.catalogue.forget_table(table);
        }
    }
}
