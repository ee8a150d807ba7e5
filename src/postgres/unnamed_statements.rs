//! Whatever takes statements: a session, or a transaction of it. All of ours are without a name: one that has a name is
//! kept by the session that prepared it, and through a pooler of transactions the next transaction may have another
//! session, which doesn't know it, or knows somebody else's.

use std::future::Future;

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// Parameters with their types, which Postgres is told with the statement.
pub type Parameters<'p> = &'p [(&'p (dyn ToSql + Sync), Type)];

/// Takes statements that are parsed, bound and executed at once, as tokio-postgres' methods of these names do.
pub trait UnnamedStatements: Sync {
    /// The rows.
    fn query_typed(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// The only row, if there is one.
    fn query_typed_opt(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Option<Row>, Error>> + Send;

    /// The only row.
    fn query_typed_one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Row, Error>> + Send;

    /// How many rows were written.
    fn execute_typed(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

macro_rules! take_statements {
    ($($taker:ty: $inner:ty),*) => {$(
        impl UnnamedStatements for $taker {
            async fn query_typed(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
                let inner: &$inner = self;
                inner.query_typed(sql, parameters).await
            }

            async fn query_typed_opt(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
                let inner: &$inner = self;
                inner.query_typed_opt(sql, parameters).await
            }

            async fn query_typed_one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Error> {
                let inner: &$inner = self;
                inner.query_typed_one(sql, parameters).await
            }

            async fn execute_typed(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, Error> {
                let inner: &$inner = self;
                inner.execute_typed(sql, parameters).await
            }
        }
    )*};
}

take_statements!(
    Client: Client,
    ClientWrapper: Client,
    Object: Client,
    tokio_postgres::Transaction<'_>: tokio_postgres::Transaction<'_>,
    deadpool_postgres::Transaction<'_>: tokio_postgres::Transaction<'_>
);
