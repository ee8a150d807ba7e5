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
use crate::ledger::migrate;

/// # Errors
/// Postgres can't be asked, or the command couldn't do all that it was told to.
pub async fn run(config: &Config, command: &DlqCommand) -> Result<(), String> {
    let client = migrate::open(config).await?;
    let schema = &config.postgres.schema;
    let failure = match command {
        DlqCommand::Show(which) => return show::show(config, client, which).await,
        DlqCommand::Replay(which) => return replay::replay(config, client, which).await,
        DlqCommand::List(list) if list.summary => summary::summarize(&client, schema, list).await,
        DlqCommand::List(list) => list::list(&client, schema, list).await,
        DlqCommand::Discard(discard) => discard::discard(&client, schema, discard).await,
    };
    failure.map_err(|error| error.to_string())
}
