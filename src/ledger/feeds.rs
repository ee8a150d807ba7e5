//! `table_topics` and `row_sources`: which topics have led to which destination tables, and which sources their
//! positions came from. Entered once each, outside of batches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};

use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// Numbers that may be entered before lower ones are committed.
const OVERLAP: i64 = 100;

/// A destination table, and a topic that has led to it.
pub type TableTopic = (TableName, Arc<str>);

/// The tables `table_topics` and `row_sources`.
pub struct Feeds {
    /// Quoted.
    schema: String,
}

impl Feeds {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Enters topics with their tables, and sources with their names; those that are there already stay as they are.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter_feeds(
        &self,
        client: &Object,
        feeds: &BTreeSet<TableTopic>,
        sources: &HashMap<i64, String>,
    ) -> Result<(), Failure> {
        let tables = feeds.iter().map(|(table, _)| table);
        let (schemas, names): (Vec<&str>, Vec<&str>) =
            tables.map(|t| (t.schema.as_str(), t.name.as_str())).unzip();
        let topics: Vec<&str> = feeds.iter().map(|(_, topic)| &**topic).collect();
        let sql = format!(
            "INSERT INTO {}.table_topics (schema_name, table_name, topic) \
             SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::text[]) ON CONFLICT DO NOTHING",
            self.schema
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&schemas, Type::TEXT_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&topics, Type::TEXT_ARRAY),
        ];
        client.execute_typed(&sql, &parameters).await?;
        if sources.is_empty() {
            return Ok(());
        }
        let named = sources.iter().map(|(id, name)| (*id, name.as_str()));
        let (ids, names): (Vec<i64>, Vec<&str>) = named.unzip();
        let sql = format!(
            "INSERT INTO {}.row_sources (source, name) SELECT unnest($1::bigint[]), unnest($2::text[]) ON CONFLICT DO NOTHING",
            self.schema
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&ids, Type::INT8_ARRAY), (&names, Type::TEXT_ARRAY)];
        client.execute_typed(&sql, &parameters).await?;
        Ok(())
    }

    /// Reads what was entered since this number by anybody, and the number that it goes up to.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_feeds_since(
        &self,
        client: &Object,
        number: i64,
    ) -> Result<(Vec<TableTopic>, i64), Failure> {
        let sql = format!(
            "SELECT number, schema_name, table_name, topic FROM {}.table_topics WHERE number > $1",
            self.schema
        );
        let since = (number - OVERLAP).max(0);
        let rows = client.query_typed(&sql, &[(&since, Type::INT8)]).await?;
        let numbers = rows.iter().map(|row| row.get::<_, i64>(0));
        let last = numbers.max().unwrap_or(number).max(number);
        let feeds = rows.iter().map(|row| {
            let table = TableName::new(row.get::<_, String>(1), row.get::<_, String>(2));
            (table, row.get::<_, &str>(3).into())
        });
        Ok((feeds.collect(), last))
    }
}
