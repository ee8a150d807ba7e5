//! What a command's role is denied is told with the statement that grants it.

use crate::config::Config;
use crate::ledger::denied::Denied;
use crate::ledger::needed_rights::BookkeepingUse;
use crate::operator::command_error::CommandError;
use crate::postgres::connection::{build_single, connect};
use crate::postgres::table_rights::TableUse;

/// How a command has ended: if for want of a right on the bookkeeping, then with the grants of all that is lacking for this
/// use of it.
pub async fn explain_denied<T>(
    config: &Config,
    used: BookkeepingUse,
    ended: Result<T, CommandError>,
) -> Result<T, CommandError> {
    let mut error = match ended {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    if let Some(failure) = error.failure_mut().filter(|failure| failure.means_denied()) {
        let denied = Denied {
            schema: &config.postgres.schema,
            used,
            table: TableUse::default(),
        };
        // the command's own session may be in the middle of what has failed
        let asked = async { connect(&build_single(config)?).await };
        if let Ok(client) = asked.await {
            *failure = denied.explain(&client, failure.clone()).await;
        }
    }
    Err(error)
}
