//! `row_identities`: by what the rows of tables with positions are told. Where that has changed, nothing that is
//! recorded of them would be found.
//!
//! Why: `docs/decisions/21`.

use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

use crate::rows::recorded_change::{RowIdentity, TableIdentity};
use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};

/// The table `row_identities`.
pub struct RowIdentities {
    /// Quoted.
    schema: String,
}

impl RowIdentities {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Enters by what the rows of these tables are told, where nothing is recorded yet.
    ///
    /// # Errors
    /// Systemic: they were told by something else before. Else as Postgres says.
    pub async fn agree_on_identities(
        &self,
        tx: &Transaction<'_>,
        tables: &[TableIdentity],
    ) -> Result<(), Failure> {
        let recorded = self.read_identities(tx, tables).await?;
        if let Some(changed) = self.explain_changed(tx, &recorded, tables).await? {
            return Err(changed);
        }
        // in order, so that two lanes that enter the same take turns
        let mut unknown: Vec<&TableIdentity> = tables.iter().collect();
        unknown.retain(|now| !recorded.contains(&(now.table.clone(), now.identity.clone())));
        unknown.sort_unstable_by(|a, b| a.table.cmp(&b.table));
        for now in unknown {
            self.enter_identity(tx, now).await?;
        }
        Ok(())
    }

    /// Why the recorded changes of these tables' rows wouldn't be found, if one is told by something else now.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_change(
        &self,
        tx: &Transaction<'_>,
        tables: &[TableIdentity],
    ) -> Result<Option<Failure>, Failure> {
        let recorded = self.read_identities(tx, tables).await?;
        self.explain_changed(tx, &recorded, tables).await
    }

    async fn explain_changed(
        &self,
        tx: &Transaction<'_>,
        recorded: &[(TableName, RowIdentity)],
        tables: &[TableIdentity],
    ) -> Result<Option<Failure>, Failure> {
        for now in tables {
            if recorded.contains(&(now.table.clone(), now.identity.clone())) {
                continue;
            }
            let mut before = recorded.iter().filter(|(table, _)| *table == now.table);
            if let Some((_, before)) = before.find(|(_, before)| now.is_changed_from(before)) {
                return Ok(Some(self.explain_change(tx, before, now).await?));
            }
        }
        Ok(None)
    }

    async fn read_identities(
        &self,
        tx: &Transaction<'_>,
        tables: &[TableIdentity],
    ) -> Result<Vec<(TableName, RowIdentity)>, Failure> {
        let sql = format!(
            "SELECT schema_name, table_name, key_columns, told_by FROM {}.row_identities \
             WHERE (schema_name, table_name) IN (SELECT unnest($1::text[]), unnest($2::text[]))",
            self.schema
        );
        let schemas: Vec<&str> = tables.iter().map(|t| t.table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|t| t.table.name.as_str()).collect();
        let lists: [(&(dyn ToSql + Sync), Type); 2] =
            [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        let rows = tx.query_typed(&sql, &lists).await?;
        let identity = |row: &tokio_postgres::Row| {
            let identity = RowIdentity {
                key_columns: row.get(2),
                told_by: row.get(3),
            };
            let (schema, name): (&str, &str) = (row.get(0), row.get(1));
            (TableName::new(schema, name), identity)
        };
        Ok(rows.iter().map(identity).collect())
    }

    async fn enter_identity(
        &self,
        tx: &Transaction<'_>,
        now: &TableIdentity,
    ) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO {}.row_identities (schema_name, table_name, key_columns, told_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            self.schema
        );
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&now.table.schema, Type::TEXT),
            (&now.table.name, Type::TEXT),
            (&now.identity.key_columns, Type::TEXT_ARRAY),
            (&now.identity.told_by, Type::TEXT),
        ];
        tx.execute_typed(&sql, &values).await?;
        Ok(())
    }

    async fn explain_change(
        &self,
        tx: &Transaction<'_>,
        before: &RowIdentity,
        now: &TableIdentity,
    ) -> Result<Failure, Failure> {
        let sql = format!(
            "SELECT coalesce(string_agg(topic, ', ' ORDER BY topic), '') FROM {}.table_topics \
             WHERE schema_name = $1 AND table_name = $2",
            self.schema
        );
        let topics: String = tx
            .query_typed_one(&sql, &name_parameters(&now.table))
            .await?
            .get(0);
        let message = format!(
            "the key of {} has changed: the positions of its rows are recorded by ({}), and it is ({}) now, by which they aren't found; stop the workers, `landfall forget --topic` each topic that leads to it ({topics}), whose records are then read again in their order, and start them",
            now.table, before.told_by, now.identity.told_by
        );
        Ok(Failure::new(Verdict::Systemic, message))
    }
}

fn name_parameters(table: &TableName) -> [(&(dyn ToSql + Sync), Type); 2] {
    [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)]
}
