//! `landfall dlq replay`: puts letters in, oldest first, each in a transaction of its own that also
//! marks it; so it can be stopped anywhere, run again, and run beside a worker.

use deadpool_postgres::Object;

use crate::cli::Replay;
use crate::config::Config;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::candidates::find_candidates;
use crate::operator::dlq::dry_run::group_letters;
use crate::operator::dlq::replay_report::ReplayReport;
use crate::operator::dlq::replayer::Replayer;

/// Replays the letters that are asked for, or says what would become of them.
///
/// # Errors
/// Kafka or Postgres can't be asked, or a letter failed again.
pub async fn replay_letters(
    config: &Config,
    client: Object,
    replay: &Replay,
) -> Result<(), CommandError> {
    let mut replayer = Replayer::new(config, client, replay.force)?;
    let letters = find_candidates(&mut replayer.store, replay).await?;
    let chosen = letters.iter().filter(|letter| letter.chosen).count();
    let mut report = ReplayReport::new(replay, chosen);
    let met = if replay.dry_run {
        dry_run(&mut replayer, letters, &mut report).await
    } else {
        let tell = |letter: &Candidate, outcome| report.print_outcome(letter, &outcome);
        replayer.replay_letters(&letters, replay.rate, tell).await
    };
    report.print_counts();
    met.map_err(|error| CommandError::ReplayStopped(Box::new(error)))?;
    report.require_success()
}

/// Group by group; a group's outcomes are told once its transaction is rolled back.
async fn dry_run(
    replayer: &mut Replayer<'_>,
    letters: Vec<Candidate>,
    report: &mut ReplayReport<'_>,
) -> Result<(), CommandError> {
    for group in group_letters(letters) {
        let outcomes = replayer.dry_run_group(&group).await?;
        let chosen = group.iter().filter(|letter| letter.chosen);
        for (letter, outcome) in chosen.zip(outcomes) {
            report.print_outcome(letter, &outcome);
        }
    }
    Ok(())
}
