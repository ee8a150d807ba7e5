//! The destination's tables, read once and cached. Whoever writes to a table has it verified in the same
//! transaction, and what was altered is read again.
//!
//! Why: `docs/decisions/18`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Object;

use crate::locked::Locked;
use crate::postgres::describe_tables::describe_tables;
use crate::postgres::fingerprint::{FACTS, find_altered};
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict, sqlstate};

/// What became of tables since they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablesAre {
    /// Nothing: what was done in their name was done to them.
    AsKnown,
    /// One of them was altered. What was done by what was known of it may be wrong, and errors may be
    /// nobody's fault: all of it is to be done anew.
    Altered,
}

/// The tables that were asked for so far. All lanes share one catalogue.
pub struct Catalogue {
    tables: Locked<HashMap<TableName, Arc<Table>>>,
    /// Verifies them: [`FACTS`], or what answers the same quicker.
    facts_query: String,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::verified_by(FACTS.to_owned())
    }
}

impl Catalogue {
    /// With another query that answers what [`FACTS`] does.
    pub fn verified_by(facts_query: String) -> Self {
        Self {
            tables: Locked::default(),
            facts_query,
        }
    }

    /// The table as it is known, or as Postgres describes it now.
    ///
    /// # Errors
    /// Systemic if there is no such table; else whatever Postgres said.
    pub async fn find_table(
        &self,
        client: &impl UnnamedStatements,
        name: &TableName,
    ) -> Result<Arc<Table>, Failure> {
        if let Some(table) = self.tables.lock().get(name) {
            return Ok(table.clone());
        }
        let read = self.read_tables(client, &[name]).await?;
        read.into_iter().next().ok_or_else(|| missing_table(name))
    }

    async fn read_tables(
        &self,
        client: &impl UnnamedStatements,
        names: &[&TableName],
    ) -> Result<Vec<Arc<Table>>, Failure> {
        let read = describe_tables(client, names).await?;
        let read: Vec<Arc<Table>> = read.into_iter().map(Arc::new).collect();
        let named = read.iter().map(|table| (table.name.clone(), table.clone()));
        self.tables.lock().extend(named);
        Ok(read)
    }

    /// Reads those tables together that nobody has read yet: what is asked of the catalogue takes Postgres as long to plan
    /// for one table as for a thousand. What can't be had so is told of by whoever asks for that table.
    pub async fn read_new_tables<'t>(
        &self,
        client: &mut Object,
        names: impl Iterator<Item = &'t TableName>,
    ) {
        let new: HashSet<&TableName> = {
            let tables = self.tables.lock();
            names.filter(|name| !tables.contains_key(*name)).collect()
        };
        if new.len() < 2 {
            return;
        }
        let new: Vec<&TableName> = new.into_iter().collect();
        let read = async {
            // dropped, it is rolled back: nothing was done in it
            let tx = begin_pinned(client).await?;
            self.read_tables(&tx, &new).await
        };
        if let Err(error) = read.await {
            tracing::debug!(tables = new.len(), %error, "tables can't be read together");
        }
    }

    /// The same, asked in a transaction of its own, whose settings hold through a pooler too: names of types and
    /// operators depend on them.
    ///
    /// # Errors
    /// As for [`Catalogue::find_table`].
    pub async fn find_table_apart(
        &self,
        client: &mut Object,
        name: &TableName,
    ) -> Result<Arc<Table>, Failure> {
        if let Some(table) = self.tables.lock().get(name) {
            return Ok(table.clone());
        }
        // dropped, it is rolled back: nothing was done in it
        let tx = begin_pinned(client).await?;
        let found = self.find_table(&tx, name).await;
        found.map_err(|failure| failure.about_table(name))
    }

    /// Whether the tables still are what they are taken to be. Asked in a transaction, after its last
    /// statement on them, it holds to the transaction's end: they are locked by then. Those that were altered
    /// are read again when they are next asked for.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn verify_tables(
        &self,
        client: &impl UnnamedStatements,
        tables: &[Arc<Table>],
    ) -> Result<TablesAre, Failure> {
        let altered = find_altered(client, &self.facts_query, tables).await?;
        for table in &altered {
            self.forget_altered(table);
        }
        Ok(if altered.is_empty() {
            TablesAre::AsKnown
        } else {
            TablesAre::Altered
        })
    }

    /// Forgets the table, unless somebody has read it again since.
    fn forget_altered(&self, table: &Table) {
        let mut tables = self.tables.lock();
        let known = tables.get(&table.name);
        if known.is_some_and(|known| known.fingerprint == table.fingerprint) {
            tables.remove(&table.name);
            tracing::info!(table = %table.name, "the table was altered: it is read again, and the events in hand are written anew");
        }
    }

    /// Has every table read again.
    pub fn forget_all(&mut self) {
        self.tables.lock().clear();
    }

    /// Has the table read again when it is next asked for.
    pub fn forget_table(&self, name: &TableName) {
        self.tables.lock().remove(name);
    }
}

/// What there is to say of a table that isn't there.
pub fn missing_table(name: &TableName) -> Failure {
    Failure {
        sqlstate: Some(sqlstate::UNDEFINED_TABLE.into()),
        ..Failure::new(
            Verdict::Systemic,
            format!(
                "table {name} does not exist in the destination; create it, or send its events elsewhere with a [[route]]"
            ),
        )
        .about_table(name)
    }
}
