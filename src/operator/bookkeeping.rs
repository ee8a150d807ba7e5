//! A connection for a command that needs the bookkeeping tables.

use deadpool_postgres::Object;

use crate::config::Config;
use crate::ledger::schema_version::require_usable;
use crate::operator::command_error::CommandError;
use crate::postgres::connection;
use crate::verdict::Failure;

/// Connects, and sees that the bookkeeping tables are there and such as this build can work with.
///
/// # Errors
/// A file for TLS can't be used, Postgres can't be reached, or the tables aren't as they must be.
pub async fn open_bookkeeping(config: &Config) -> Result<Object, CommandError> {
    let pool = connection::build_pool(config)?;
    let named = |failure| name_database(config, failure);
    let client = connection::connect(&pool).await.map_err(named)?;
    require_usable(&client, &config.postgres.schema)
        .await
        .map_err(named)?;
    Ok(client)
}

/// The failure together with the database that it came from.
pub fn name_database(config: &Config, failure: Failure) -> CommandError {
    CommandError::Bookkeeping {
        database: config.postgres.display_url(),
        failure,
    }
}
