//! `landfall dlq`: what was put aside, for those who decide what becomes of it.

mod discard;
mod list;
pub mod row;
pub mod select;
mod since;
mod summary;

use crate::cli::DlqCommand;
use crate::config::Config;
use crate::migrate;

/// # Errors
/// Postgres can't be asked, or the command couldn't do all that it was told to.
pub async fn run(config: &Config, command: &DlqCommand) -> Result<(), String> {
    let client = migrate::open(config).await?;
    let schema = &config.postgres.schema;
    match command {
        DlqCommand::List(list) if list.summary => summary::summarize(&client, schema, list).await,
        DlqCommand::List(list) => list::list(&client, schema, list).await,
        DlqCommand::Discard(discard) => discard::discard(&client, schema, discard).await,
    }
    .map_err(|error| error.to_string())
}
