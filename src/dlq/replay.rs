//! `landfall dlq replay`: puts letters in, oldest first, each in a transaction of its own that also
//! marks it; so it can be stopped anywhere, run again, and run beside a worker.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::Object;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Replay;
use crate::config::Config;
use crate::dlq::candidate::Candidate;
use crate::dlq::outcome::{Counts, Outcome};
use crate::dlq::row::{COLUMNS, Letter, State};
use crate::dlq::select::{LetterId, Selection};
use crate::dlq::workshop::{Tried, Workshop};
use crate::postgres::failure;
use crate::statement::quote;
use crate::terminal;
use crate::verdict::Failure;

/// # Errors
/// Kafka or Postgres can't be asked, or a letter failed again.
pub async fn replay(config: &Config, client: Object, replay: &Replay) -> Result<(), String> {
    let mut workshop = Workshop::new(config, client, replay.force)?;
    let letters = chosen(config, &mut workshop, replay).await?;
    let mut run = Run {
        replay,
        counts: Counts::default(),
        bar: bar(letters.len() as u64),
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

/// Those with a row, oldest first, and after them those that lie in the topic alone: these are of
/// events that come after all that have a row.
async fn chosen(
    config: &Config,
    workshop: &mut Workshop<'_>,
    replay: &Replay,
) -> Result<Vec<Candidate>, String> {
    let schema = &config.postgres.schema;
    let mut letters = with_rows(workshop.client(), schema, replay)
        .await
        .map_err(|f| f.to_string())?;
    let named = |id: &LetterId| match id {
        LetterId::Row(row) => letters.iter().any(|l| l.row == Some(*row)),
        LetterId::Event(event) => letters.iter().any(|l| l.event_id == *event),
    };
    let by_number = replay
        .chosen
        .id
        .iter()
        .find(|id| matches!(id, LetterId::Row(_)) && !named(id));
    if let Some(id) = by_number {
        return Err(format!(
            "there is no letter {id}; `landfall dlq list` shows them"
        ));
    }
    let only_rows = !replay.chosen.id.is_empty() && replay.chosen.id.iter().all(named);
    if !only_rows {
        let reading = bar(workshop.reader().size(&config.dead_letter_topic())?);
        reading.set_message("reading the dead letter topic");
        letters.extend(
            workshop
                .strays(config, &replay.chosen, || reading.inc(1))
                .await?,
        );
        reading.finish_and_clear();
    }
    if let Some(limit) = replay.limit {
        letters.truncate(limit as usize);
    }
    Ok(letters)
}

async fn with_rows(
    client: &Object,
    schema: &str,
    replay: &Replay,
) -> Result<Vec<Candidate>, Failure> {
    let states: &[State] = match (replay.chosen.id.is_empty(), replay.force) {
        (true, false) => &[State::Parked],
        (true, true) => &[State::Parked, State::Superseded, State::Discarded],
        (false, _) => &[],
    };
    let selection = Selection::of(&replay.chosen, states);
    let sql = format!(
        "SELECT {COLUMNS} FROM {}.dead_letters WHERE {} ORDER BY id",
        quote(schema),
        selection.condition()
    );
    let rows = client
        .query(&sql, &selection.parameters())
        .await
        .map_err(|e| failure(&e))?;
    let letters = rows
        .iter()
        .map(|row| Ok(Candidate::of_row(Letter::of(row)?)));
    letters.collect()
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
        while !letters.is_empty() {
            let count = letters.len();
            let mut later = Vec::new();
            let mut waiting: BTreeSet<String> = BTreeSet::new();
            for letter in letters {
                if let Some(pace) = &mut self.pace {
                    pace.tick().await;
                }
                match workshop.deliver(&letter, last).await? {
                    Tried::Orphan => {}
                    Tried::Done(Outcome::Behind(first)) if waiting.contains(&first) => {}
                    Tried::Done(outcome) => {
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

    /// What would happen, key by key.
    async fn look(
        &mut self,
        workshop: &mut Workshop<'_>,
        letters: Vec<Candidate>,
    ) -> Result<(), String> {
        let mut keys: Vec<Vec<Candidate>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for letter in letters {
            let place = letter
                .key_hash
                .map(|key| *places.entry(key).or_insert(keys.len()));
            match place.and_then(|at| keys.get_mut(at)) {
                Some(key) => key.push(letter),
                None => keys.push(vec![letter]),
            }
        }
        for key in keys {
            let outcomes = workshop.look(&key).await?;
            for (letter, outcome) in key.iter().zip(outcomes) {
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

/// On standard error, and only if that is a terminal.
fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(length);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
