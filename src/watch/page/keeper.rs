//! What Kafka and Postgres say, kept for some seconds: however many look at the page, these two are asked once, and nobody
//! waits long for one that doesn't answer.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::sync::{Notify, watch};

use crate::clock::utc_text;
use crate::status::{LetterCount, Side, Status, Versions};

/// For so long an answer is good enough.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// Where there are millions of letters they take seconds to count: no more than this part of the time goes into it,
const MOST_OF_THE_TIME: u32 = 4;

/// and the next answer comes no later than this: who was away for long may be back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long whoever looks waits for a fresh answer; then there is the one before.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);

/// If nobody has looked for so long, connections are closed.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// Whoever can be asked for what `landfall status` says.
pub trait AskStatus: Send + 'static {
    /// Asks. Who doesn't answer is waited for for less than a minute.
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Status> + Send + '_>>;

    /// Nobody will ask for a while.
    fn rest(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The last answer.
#[derive(Default)]
pub struct StatusKeeper {
    wanted: Notify,
    answer: watch::Sender<Option<Kept>>,
}

/// An answer, and what was known before of what it doesn't tell.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was said. Letters and versions are of the time when they were told last.
    pub status: Status,
    /// When the question was put.
    pub at: SystemTime,
    pub kafka: SideState,
    pub postgres: SideState,
    known: Instant,
}

/// How a side answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SideState {
    /// When it answered everything last, in UTC as RFC 3339 has it.
    pub answered_at: Option<String>,
    /// Since when it doesn't.
    pub away_since: Option<String>,
    /// Why not, for people.
    pub problem: Option<String>,
}

impl StatusKeeper {
    /// Asks whenever somebody looks, not more often than every [`FRESH_FOR`], without end.
    pub async fn keep_asking(&self, mut asked: impl AskStatus) {
        loop {
            let looked = tokio::time::timeout(IDLE_AFTER, self.wanted.notified());
            if looked.await.is_err() {
                asked.rest().await;
                self.wanted.notified().await;
            }
            let (since, at) = (Instant::now(), SystemTime::now());
            let status = asked.ask().await;
            self.answer
                .send_modify(|kept| *kept = Some(Kept::after(kept.take(), status, at)));
            let pause = since.elapsed() * MOST_OF_THE_TIME;
            tokio::time::sleep(pause.clamp(FRESH_FOR, LONGEST_PAUSE)).await;
        }
    }

    /// A fresh answer if there is one soon, else the last one; `None`: there was none yet.
    pub async fn look(&self) -> Option<Kept> {
        let mut answer = self.answer.subscribe();
        let is_fresh = |kept: &Option<Kept>| {
            kept.as_ref()
                .is_some_and(|kept| kept.known.elapsed() < FRESH_FOR)
        };
        if !is_fresh(&answer.borrow()) {
            self.wanted.notify_one();
            // whether or not it came in time, there is what there is
            let _ = tokio::time::timeout(LOOK_PATIENCE, answer.wait_for(is_fresh)).await;
        }
        answer.borrow().clone()
    }
}

impl Kept {
    /// `at`: when the question was put.
    fn after(before: Option<Self>, mut status: Status, at: SystemTime) -> Self {
        let (letters, versions, sides) = match before {
            Some(before) => (
                before.status.dead_letters,
                before.status.versions,
                (before.kafka, before.postgres),
            ),
            None => Default::default(),
        };
        keep_known(&mut status, letters, versions);
        Self {
            kafka: sides.0.after(status.problem_of(Side::Kafka), at),
            postgres: sides.1.after(status.problem_of(Side::Postgres), at),
            status,
            at,
            known: Instant::now(),
        }
    }
}

fn keep_known(status: &mut Status, letters: Option<Vec<LetterCount>>, versions: Versions) {
    status.dead_letters = status.dead_letters.take().or(letters);
    let told = &mut status.versions;
    told.postgres = told.postgres.take().or(versions.postgres);
    told.ledger_schema = told.ledger_schema.or(versions.ledger_schema);
}

impl SideState {
    fn after(self, problem: Option<String>, at: SystemTime) -> Self {
        match problem {
            None => Self {
                answered_at: Some(utc_text(at)),
                ..Self::default()
            },
            Some(problem) => Self {
                answered_at: self.answered_at,
                away_since: self.away_since.or_else(|| Some(utc_text(at))),
                problem: Some(problem),
            },
        }
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
