//! The partitions of `processed_events`, one for the events of each day, as a lane has to do with them: it says of
//! which days events have come, and notes that it writes to a day. What it asks for is made by [`make_days`], beside the
//! lanes; an event whose day has no partition goes to the default one.
//!
//! Why: `docs/decisions/04`.

pub mod day_tables;
pub mod day_writes;
pub mod make_days;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::clock::time_since_1970;
use crate::format::event_id::{day_at, day_of};
use crate::ledger::days::day_tables::DayTables;
use crate::ledger::days::day_writes::{DayWrites, NOTED_FOR};
use crate::locked::Locked;
use crate::verdict::Failure;

/// Events of days up to so many before today get a partition of their own day.
const PAST_DAYS: u64 = 400;

/// Days to come that are created beforehand: so long may somebody be in the way of it.
pub const DAYS_AHEAD: u64 = 7;

/// A lane that has events of a new day waits until its partition is made, or can't be made now, as the events would keep
/// it from being made later. Whoever makes it doesn't wait for locks; this is for a machine that is short of time.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The days' partitions of `processed_events`. A day is a number of days since 1970, UTC.
pub struct Days {
    /// Creates them.
    pub tables: DayTables,
    /// When they were written.
    pub writes: DayWrites,
    ids_are_kept: bool,
    /// Days that were asked for: their partition is there, or can't be.
    known: Locked<HashSet<u64>>,
    /// When it was noted last that a day is written.
    noted: Locked<HashMap<u64, Instant>>,
    /// Days that somebody waits for.
    wanted: Locked<BTreeSet<u64>>,
    asked: Notify,
    answers: watch::Sender<()>,
}

/// Today's day, UTC, by this machine's clock.
pub fn current_day() -> u64 {
    day_at(time_since_1970().as_millis() as u64)
}

impl Days {
    pub(super) fn new(schema: String, ids_are_kept: bool) -> Self {
        Self {
            tables: DayTables::new(schema.clone()),
            writes: DayWrites::new(schema),
            ids_are_kept,
            known: Locked::default(),
            noted: Locked::default(),
            wanted: Locked::default(),
            asked: Notify::new(),
            answers: watch::Sender::new(()),
        }
    }

    /// Prepares the ledger for the ids of events that are about to be written, outside of any transaction of theirs:
    /// notes that their days are written, and has the partitions made that they lack. Days far from today share
    /// the default partition, whatever a wrong clock may say. Where ids aren't kept, there is nothing to do.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn prepare_days(
        &self,
        client: &Object,
        ids: impl Iterator<Item = Uuid>,
    ) -> Result<(), Failure> {
        if !self.ids_are_kept {
            return Ok(());
        }
        let days = collect_days(ids);
        let unnoted = self.find_unnoted(&days);
        if !unnoted.is_empty() {
            let now = Instant::now();
            self.writes.note_writes(client, &unnoted).await?;
            let mut noted = self.noted.lock();
            noted.extend(unnoted.into_iter().map(|day| (day, now)));
        }
        let unknown = self.find_unknown(&days);
        if !unknown.is_empty() {
            self.wait_for_days(&unknown).await;
            self.known.lock().extend(unknown);
        }
        Ok(())
    }

    fn find_unnoted(&self, days: &BTreeSet<u64>) -> Vec<u64> {
        let noted = self.noted.lock();
        let is_noted = |day: &u64| noted.get(day).is_some_and(|at| at.elapsed() < NOTED_FOR);
        days.iter().filter(|day| !is_noted(day)).copied().collect()
    }

    fn find_unknown(&self, days: &BTreeSet<u64>) -> BTreeSet<u64> {
        let (today, known) = (current_day(), self.known.lock());
        let days = days.iter().copied();
        days.filter(|d| *d + PAST_DAYS > today && *d <= today + DAYS_AHEAD && !known.contains(d))
            .collect()
    }

    async fn wait_for_days(&self, days: &BTreeSet<u64>) {
        let mut answers = self.answers.subscribe();
        self.wanted.lock().extend(days);
        self.asked.notify_one();
        let answered = answers.wait_for(|()| self.wanted.lock().is_disjoint(days));
        let _ = tokio::time::timeout(MAX_WAIT, answered).await;
    }

    /// Looks again, at the next batch, which days have a partition: some may have been dropped, by
    /// whichever process. Until then their events go to the default partition.
    pub fn forget_days(&self) {
        self.known.lock().clear();
    }
}

/// Most batches have events of one day, or of two.
fn collect_days(ids: impl Iterator<Item = Uuid>) -> BTreeSet<u64> {
    let (mut days, mut last) = (BTreeSet::new(), None);
    for day in ids.map(day_of) {
        if last != Some(day) {
            days.insert(day);
            last = Some(day);
        }
    }
    days
}
