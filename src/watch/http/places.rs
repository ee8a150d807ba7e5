//! The places that connections take. There is always one for whoever comes: a health probe that found none would have
//! a worker restarted, whoever else holds connections open.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::locked::Locked;

/// All places.
pub(super) struct Places {
    most: usize,
    taken: Locked<Taken>,
}

#[derive(Default)]
struct Taken {
    /// Counts what happens: of two moments, which was before the other.
    now: u64,
    /// By when they came.
    connections: BTreeMap<u64, Occupant>,
}

struct Occupant {
    /// A request of the connection is being answered; otherwise it waits for one, or for its answer to be read.
    is_answering: bool,
    since: u64,
    leave: CancellationToken,
}

/// One connection's place, until it is dropped.
pub(super) struct Place {
    number: u64,
    places: Arc<Places>,
    leave: CancellationToken,
}

/// A request is being answered, until this is dropped.
pub(super) struct Answering(Arc<Place>);

impl Taken {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Locked::default(),
        })
    }

    /// A place. If all are taken, the connection that has been waiting the longest gives way; if none waits, the one
    /// that has been answered the longest.
    pub(super) fn take(self: &Arc<Self>) -> Place {
        let mut taken = self.taken.lock();
        while taken.connections.len() >= self.most {
            let ranked = taken.connections.iter();
            let ranked = ranked.map(|(number, it)| (it.is_answering, it.since, *number));
            let Some((.., number)) = ranked.min() else {
                break;
            };
            if let Some(occupant) = taken.connections.remove(&number) {
                occupant.leave.cancel();
            }
        }
        let number = taken.tick();
        let leave = CancellationToken::new();
        let occupant = Occupant {
            is_answering: false,
            since: number,
            leave: leave.clone(),
        };
        taken.connections.insert(number, occupant);
        Place {
            number,
            places: self.clone(),
            leave,
        }
    }
}

impl Place {
    /// Ends when the place is needed for somebody else.
    pub(super) fn given_away(&self) -> WaitForCancellationFuture<'_> {
        self.leave.cancelled()
    }

    /// A request has come whole.
    pub(super) fn begin_answer(self: &Arc<Self>) -> Answering {
        self.note(true);
        Answering(self.clone())
    }

    fn note(&self, is_answering: bool) {
        let mut taken = self.places.taken.lock();
        let now = taken.tick();
        // it may have been given away
        if let Some(occupant) = taken.connections.get_mut(&self.number) {
            occupant.is_answering = is_answering;
            occupant.since = now;
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.note(false);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_the_longest_gives_way_and_whoever_is_answered_stays() {
        let places = Places::new(3);
        let answered = Arc::new(places.take());
        let answering = answered.begin_answer();
        let (again, waits) = (Arc::new(places.take()), places.take());
        drop(again.begin_answer()); // and waits for its next request from now on
        let newest = places.take();
        let has_to_leave = |place: &Place| place.leave.is_cancelled();
        assert!(has_to_leave(&waits));
        assert!(!has_to_leave(&answered) && !has_to_leave(&again) && !has_to_leave(&newest));

        drop(answering);
        let more = [places.take(), places.take()];
        assert!(has_to_leave(&again) && has_to_leave(&newest));
        assert!(!has_to_leave(&answered) && !more.iter().any(has_to_leave));
    }

    #[test]
    fn if_all_are_answered_the_first_of_them_gives_way_and_whoever_goes_makes_room() {
        let places = Places::new(2);
        let first = Arc::new(places.take());
        let _answering = first.begin_answer();
        let second = Arc::new(places.take());
        let _answering_too = second.begin_answer();
        let third = places.take();
        assert!(first.leave.is_cancelled() && !second.leave.is_cancelled());
        drop(third);
        let _fourth = places.take();
        assert!(!second.leave.is_cancelled());
    }
}
