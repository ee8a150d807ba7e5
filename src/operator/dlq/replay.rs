//! `landfall dlq replay`: puts letters in, oldest first, each in a transaction of its own that also
//! marks it; so it can be stopped anywhere, run again, and run beside a worker.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::Object;
use indicatif::ProgressBar;

use crate::cli::Replay;
use crate::config::Config;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::candidates::{bar, choose};
use crate::operator::dlq::dry_run::groups;
use crate::operator::dlq::outcome::{Counts, Outcome};
use crate::operator::dlq::partition_order::Line;
use crate::operator::dlq::replayer::{Tried, Workshop};
use crate::operator::terminal;

/// # Errors
/// Kafka or Postgres can't be asked, or a letter failed again.
pub async fn replay(config: &Config, client: Object, replay: &Replay) -> Result<(), String> {
    let mut workshop = Workshop::new(config, client, replay.force)?;
    let letters = choose(config, &mut workshop, replay).await?;
    let mut run = Run {
        replay,
        counts: Counts::default(),
        bar: bar(letters.iter().filter(|l| l.chosen).count() as u64),
        pace: replay
            .rate
            .map(|rate| tokio::time::interval(Duration::from_secs_f64(1.0 / f64::from(rate)))),
    };
    let outcome = match replay.dry_run {
        true => run.look(&mut workshop, letters).await,
        false => run.put_in(&mut workshop, letters).await,
    };
    run.bar.finish_and_clear();
    run.sum_up();
    outcome.map_err(|why| {
        format!("{why}\nstopped; what was replayed is marked: run the same command again to go on")
    })?;
    match run.counts.of("failed") + run.counts.of("missing") {
        0 => Ok(()),
        failed => {
            let failed = terminal::counted(failed as i64, "letter");
            Err(match replay.dry_run {
                true => format!("{failed} would fail"),
                false => format!("{failed} failed; `landfall dlq show ID` tells more"),
            })
        }
    }
}

struct Run<'c> {
    replay: &'c Replay,
    counts: Counts,
    bar: ProgressBar,
    pace: Option<tokio::time::Interval>,
}

impl Run<'_> {
    /// Rounds, since a letter may need the row of one that comes later: until nothing more is gained.
    async fn put_in(
        &mut self,
        workshop: &mut Workshop<'_>,
        mut letters: Vec<Candidate>,
    ) -> Result<(), String> {
        let mut last = false;
        while letters.iter().any(|l| l.chosen) {
            let count = letters.len();
            let mut later = Vec::new();
            let mut waiting: BTreeSet<String> = BTreeSet::new();
            let mut line = Line::default();
            for letter in letters {
                if !letter.chosen {
                    if workshop.holds_up(&letter).await? {
                        line.stop_at(&letter);
                    }
                    later.push(letter);
                    continue;
                }
                if let Some(pace) = &mut self.pace {
                    pace.tick().await;
                }
                let tried = match line.before(&letter) {
                    Some(behind) => Tried::Done(behind),
                    None => workshop.deliver(&letter, last).await?,
                };
                match tried {
                    Tried::Orphan => line.stop_at(&letter),
                    Tried::Done(Outcome::Behind(first)) if waiting.contains(&first) => {}
                    Tried::Done(outcome) => {
                        line.note(&letter, &outcome);
                        self.tell(&letter, &outcome);
                        continue;
                    }
                }
                waiting.insert(letter.name());
                later.push(letter);
            }
            last = later.len() == count;
            letters = later;
        }
        Ok(())
    }

    /// What would happen, group by group.
    async fn look(
        &mut self,
        workshop: &mut Workshop<'_>,
        letters: Vec<Candidate>,
    ) -> Result<(), String> {
        for group in groups(letters) {
            let outcomes = workshop.look(&group).await?;
            let chosen = group.iter().filter(|l| l.chosen);
            for (letter, outcome) in chosen.zip(outcomes) {
                self.tell(letter, &outcome);
            }
        }
        Ok(())
    }

    fn tell(&mut self, letter: &Candidate, outcome: &Outcome) {
        self.bar.inc(1);
        self.counts.add(outcome);
        let sentence = outcome.sentence(self.replay.dry_run);
        if self.replay.json {
            terminal::print_json(&serde_json::json!({
                "id": letter.row, "event_id": letter.event_id, "table": letter.table, "key": letter.key,
                "outcome": outcome.name(), "dry_run": self.replay.dry_run, "detail": sentence,
            }));
        } else if self.replay.dry_run || !matches!(outcome, Outcome::Applied) {
            let line = format!("{}: {sentence}", letter.title());
            self.bar
                .suspend(|| terminal::print(&(terminal::printable(&line) + "\n")));
        }
    }

    fn sum_up(&self) {
        match self.replay.json {
            true => {
                let counts = serde_json::json!({ "counts": self.counts.as_map(), "dry_run": self.replay.dry_run });
                terminal::print_json(&counts);
            }
            false => {
                terminal::print(&(self.counts.line(self.replay.dry_run) + "\n"));
            }
        }
    }
}
