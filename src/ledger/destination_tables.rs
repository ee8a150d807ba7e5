//! `destination_tables`: which tables there have been, and which of them Landfall made, and `made_columns`: which of their
//! columns. What is gone of them isn't made
//! anew: it would lack what was landed before, and the watermarks and ids say that this is there.

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::evolve::TableNotes;
use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// The table `destination_tables`.
pub struct DestinationTables {
    /// Quoted.
    schema: String,
}

impl DestinationTables {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Notes that these tables are there, before anything is landed in them; those that are noted already stay as they are.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter_met(&self, client: &Object, tables: &[&TableName]) -> Result<(), Failure> {
        let (schemas, names): (Vec<&str>, Vec<&str>) = tables
            .iter()
            .map(|table| (table.schema.as_str(), table.name.as_str()))
            .unzip();
        let sql = format!(
            "INSERT INTO {}.destination_tables (schema_name, table_name) \
             SELECT unnest($1::text[]), unnest($2::text[]) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
            self.schema
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        client.execute_typed(&sql, &parameters).await?;
        Ok(())
    }

    /// What is asked and noted by whoever makes a table.
    pub fn table_notes(&self) -> TableNotes {
        let schema = &self.schema;
        TableNotes {
            find: format!(
                "SELECT ARRAY(SELECT column_name FROM {schema}.made_columns \
                     WHERE (schema_name, table_name) = ($1::text, $2::text) \
                     AND relation = to_regclass(format('%I.%I', $1::text, $2::text))::oid) \
                 FROM {schema}.destination_tables WHERE (schema_name, table_name) = ($1::text, $2::text)"
            ),
            enter_made: format!(
                "INSERT INTO {schema}.destination_tables (schema_name, table_name, made_oid) \
                 VALUES ($1::text, $2::text, to_regclass(format('%I.%I', $1::text, $2::text))::oid) \
                 ON CONFLICT (schema_name, table_name) DO UPDATE SET made_oid = excluded.made_oid"
            ),
            enter_columns: format!(
                "INSERT INTO {schema}.made_columns (schema_name, table_name, column_name, relation) \
                 SELECT $1::text, $2::text, unnest($3::text[]), to_regclass(format('%I.%I', $1::text, $2::text))::oid \
                 ON CONFLICT (schema_name, table_name, column_name) DO UPDATE SET relation = excluded.relation"
            ),
        }
    }
}
