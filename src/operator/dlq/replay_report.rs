//! What a replay tells: each letter's outcome, then how many letters came to what.

use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Replay;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::{ReplayCounts, ReplayOutcome};
use crate::operator::dlq::progress_bar::new_progress_bar;
use crate::operator::terminal;

/// Prints outcomes as they come, and counts them.
pub struct ReplayReport<'c> {
    replay: &'c Replay,
    counts: ReplayCounts,
    bar: ProgressBar,
}

impl<'c> ReplayReport<'c> {
    /// `letters`: how many outcomes there will be.
    pub fn new(replay: &'c Replay, letters: usize) -> Self {
        Self {
            replay,
            counts: ReplayCounts::default(),
            bar: new_progress_bar(letters as u64),
        }
    }

    /// Prints what became of a letter. People aren't told of a letter that was simply applied.
    pub fn print_outcome(&mut self, letter: &Candidate, outcome: &ReplayOutcome) {
        self.bar.inc(1);
        self.counts.add_outcome(outcome);
        let sentence = outcome.to_sentence(self.replay.dry_run);
        if self.replay.json {
            terminal::print_json(&json!({
                "id": letter.row, "event_id": letter.event_id, "table": letter.table, "key": letter.key,
                "outcome": outcome.name(), "dry_run": self.replay.dry_run, "detail": sentence,
            }));
        } else if self.replay.dry_run || !matches!(outcome, ReplayOutcome::Applied) {
            let line = format!("{}: {sentence}", letter.title());
            self.bar
                .suspend(|| terminal::print(&(terminal::printable(&line) + "\n")));
        }
    }

    /// Prints how many letters came to what, whether or not the replay got to its end.
    pub fn print_counts(&self) {
        self.bar.finish_and_clear();
        let dry_run = self.replay.dry_run;
        if self.replay.json {
            terminal::print_json(&json!({ "counts": self.counts.as_map(), "dry_run": dry_run }));
        } else {
            terminal::print(&(self.counts.to_line(dry_run) + "\n"));
        }
    }

    /// # Errors
    /// A letter failed again, or would fail.
    pub fn require_success(&self) -> Result<(), CommandError> {
        match self.counts.count_failed() {
            0 => Ok(()),
            failed if self.replay.dry_run => Err(CommandError::LettersWouldFail(failed)),
            failed => Err(CommandError::LettersFailed(failed)),
        }
    }
}
