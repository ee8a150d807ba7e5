//! What `/readyz` tells: whether the process takes events in, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::verdict::Verdict;
use crate::watch::metrics;

#[derive(Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The group has given us an assignment, be it an empty one.
    joined: bool,
    stopping: bool,
    /// Lanes that wait, and for what.
    waiting: BTreeMap<usize, (Verdict, String)>,
}

impl Health {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn joined(&self) {
        self.lock().joined = true;
    }

    pub fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Returns whether the lane waited for the same already.
    pub fn waits(&self, lane: usize, verdict: Verdict, why: &str) -> bool {
        let mut state = self.lock();
        let before = state.waiting.insert(lane, (verdict, why.to_owned()));
        state.tell();
        before.is_some_and(|(v, w)| v == verdict && w == why)
    }

    /// Returns whether the lane had been waiting.
    pub fn goes_on(&self, lane: usize) -> bool {
        let mut state = self.lock();
        let waited = state.waiting.remove(&lane).is_some();
        if waited {
            state.tell();
        }
        waited
    }

    /// # Errors
    /// Why the process isn't ready, a line for each reason.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.lock();
        let mut reasons: Vec<String> = state
            .waiting
            .iter()
            .map(|(lane, (v, why))| format!("lane {lane} waits ({v}): {why}"))
            .collect();
        if state.stopping {
            reasons.push("stopping".into());
        } else if !state.joined {
            reasons.push("not yet a member of its consumer group".into());
        }
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("\n"))
        }
    }
}

impl State {
    fn tell(&self) {
        for verdict in Verdict::ALL {
            let waits = |(waiting, _): &&(Verdict, String)| waiting.name() == verdict.name();
            metrics::waiting_lanes(verdict, self.waiting.values().filter(waits).count());
        }
    }
}
