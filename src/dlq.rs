//! `landfall dlq`: what was put aside, for those who decide what becomes of it.

mod attempt;
mod candidate;
mod choose;
mod discard;
mod line;
mod list;
mod look;
mod mark;
mod outcome;
mod reader;
mod refusal;
mod replay;
pub mod row;
pub mod select;
mod show;
mod since;
mod standing;
mod strays;
mod summary;
mod workshop;

use crate::cli::DlqCommand;
use crate::config::Config;
use crate::migrate;

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
