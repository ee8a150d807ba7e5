//! `apply.rate`: a lane waits before it lands what it has read, until its rows may be written.

use std::time::Instant;

use crate::pipeline::lane::Lane;
use crate::rate_limit::Allowance;
use crate::watch::metrics::Stage;

impl Lane {
    /// Waits until so many records may be landed. Each is counted as a row, until it is known what it came to. `None`:
    /// somebody needs the lane.
    pub async fn await_allowance(&self, records: usize) -> Option<Allowance> {
        let (allowance, pause) = Allowance::take(&self.rate_limit, records);
        if self.rate_limit.is_some() && records > 0 {
            self.partitions.progress.held_back.note_pause(pause);
        }
        if pause.is_zero() {
            return Some(allowance);
        }
        let since = Instant::now();
        let may_go_on = self.waiting.sleep_unless_needed(pause).await;
        Stage::Rate.note(since.elapsed());
        may_go_on.then_some(allowance)
    }

    /// The same for a probe, which rests the longer the longer it takes: who comes next waits in its place.
    pub fn borrow_allowance(&self, records: usize) -> Allowance {
        Allowance::take(&self.rate_limit, records).0
    }
}
