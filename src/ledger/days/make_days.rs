//! Makes the days' partitions that lanes ask for, beside them: creating one needs locks that others may hold for hours,
//! as a backup does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;

use crate::ledger::Ledger;
use crate::ledger::days::Days;
use crate::ledger::days::day_tables::{DayTable, is_in_the_way};
use crate::postgres::connection::connect;

/// Until what somebody was in the way of is tried again; doubled with each try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Makes what lanes ask for, without an end. What can't be made is left: its events go to the default partition.
pub async fn make_wanted_days(pool: Pool, ledger: Arc<Ledger>) {
    let days = &ledger.days;
    let (mut postponed, mut pause) = (BTreeSet::new(), FIRST_PAUSE);
    loop {
        tokio::select! {
            () = days.asked.notified() => {}
            () = tokio::time::sleep(pause), if !postponed.is_empty() => {
                days.wanted.lock().append(&mut postponed);
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
        make_all(&pool, days, &mut postponed).await;
        if postponed.is_empty() {
            pause = FIRST_PAUSE;
        }
    }
}

async fn make_all(pool: &Pool, days: &Days, postponed: &mut BTreeSet<u64>) {
    let mut client = match connect(pool).await {
        Ok(client) => client,
        Err(error) => {
            tracing::debug!(%error, "days of processed_events can't be created now");
            postponed.append(&mut days.wanted.lock());
            days.answers.send_replace(());
            return;
        }
    };
    while let Some(day) = days.next_wanted() {
        match days.tables.create_day(&mut client, day, false).await {
            Ok(DayTable::Created(name)) => {
                tracing::debug!(day = name, "created a day of processed_events");
            }
            // then its events share the default partition
            Ok(_) => {}
            Err(failure) => {
                tracing::debug!(error = %failure, "a day of processed_events can't be created now");
                if is_in_the_way(&failure) {
                    postponed.insert(day);
                }
            }
        }
        days.wanted.lock().remove(&day);
        days.answers.send_replace(());
    }
}

impl Days {
    fn next_wanted(&self) -> Option<u64> {
        self.wanted.lock().first().copied()
    }
}
