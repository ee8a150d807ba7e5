//! `landfall dlq`: what was put aside, for those who decide what becomes of it.

mod apply_letter;
mod candidate;
mod candidates;
mod commit_each;
mod discard;
mod dry_run;
mod eligibility;
mod filter;
mod letter_store;
mod list;
mod outcome;
mod partition_order;
mod progress_bar;
mod refusal;
mod replay;
mod replay_report;
mod replayer;
mod show;
mod shown_letter;
mod summary;
mod unrecorded;
mod walk;

use crate::cli::DlqCommand;
use crate::config::Config;
use crate::ledger::needed_rights::BookkeepingUse;
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::command_error::CommandError;
use crate::operator::denied::explain_denied;

/// Carries out a `dlq` command.
///
/// # Errors
/// Kafka or Postgres can't be asked, or the command couldn't do all that it was told to.
pub async fn run_command(config: &Config, command: &DlqCommand) -> Result<(), CommandError> {
    let ended = carry_out(config, command).await;
    explain_denied(config, BookkeepingUse::Letters, ended).await
}

async fn carry_out(config: &Config, command: &DlqCommand) -> Result<(), CommandError> {
    let client = open_bookkeeping(config).await?;
    let schema = &config.postgres.schema;
    match command {
        DlqCommand::List(list) if list.summary => {
            Ok(summary::summarize_letters(&client, schema, list).await?)
        }
        DlqCommand::List(list) => Ok(list::list_letters(&client, schema, list).await?),
        DlqCommand::Show(which) => show::show_letter(config, client, which).await,
        DlqCommand::Replay(which) => replay::replay_letters(config, client, which).await,
        DlqCommand::Discard(which) => discard::discard_letters(&client, schema, which).await,
    }
}
