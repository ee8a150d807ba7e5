//! `landfall dlq`: what was put aside, for those who decide what becomes of it.

mod apply;
mod candidate;
mod candidates;
mod discard;
mod dry_run;
mod eligibility;
pub mod filter;
mod list;
mod mark;
mod outcome;
mod partition_order;
mod refusal;
mod replay;
mod replayer;
pub mod row;
mod show;
mod since;
mod summary;
mod unrecorded;

use crate::cli::DlqCommand;
use crate::config::Config;
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::command_error::CommandError;

/// # Errors
/// Postgres can't be asked, or the command couldn't do all that it was told to.
pub async fn run(config: &Config, command: &DlqCommand) -> Result<(), CommandError> {
    let client = open_bookkeeping(config).await?;
    let schema = &config.postgres.schema;
    let failure = match command {
        DlqCommand::Show(which) => {
            let shown = show::show(config, client, which).await;
            return shown.map_err(CommandError::Refused);
        }
        DlqCommand::Replay(which) => {
            let replayed = replay::replay(config, client, which).await;
            return replayed.map_err(CommandError::Refused);
        }
        DlqCommand::List(list) if list.summary => summary::summarize(&client, schema, list).await,
        DlqCommand::List(list) => list::list(&client, schema, list).await,
        DlqCommand::Discard(discard) => discard::discard(&client, schema, discard).await,
    };
    Ok(failure?)
}
