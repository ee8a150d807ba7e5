//! The last events of a partition, and whether too many of them were refused.

use std::collections::VecDeque;

use uuid::Uuid;

/// So many events that are refused one after the other, from the first one that this destination was ever sent of their
/// topic, are no bad records: the set-up doesn't fit the topic.
const NEVER_ACCEPTED: usize = 5;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in.
    Landed,
    /// It was refused.
    Refused,
    /// It was refused for a shape that its topic's events don't have: it tells nothing of whether these can be landed.
    Stray,
}

/// A partition's last events.
#[derive(Clone, Debug, Default)]
pub struct LastEvents {
    /// Which topic of its name it is.
    pub topic_id: Option<Uuid>,
    /// Whether any event was ever landed.
    pub any_landed: bool,
    refused: VecDeque<bool>,
    /// How many of them were refused.
    count: usize,
    /// How many were refused before any was landed, strays not counted.
    never_accepted: usize,
}

/// Where it is too much.
#[derive(Debug, PartialEq, Eq)]
pub struct Trip {
    /// So many of the last events were refused.
    pub count: usize,
    /// Of the events that were looked at: the first one of these,
    pub first: usize,
    /// and the one that was too much.
    pub last: usize,
}

impl LastEvents {
    /// None so far, of this topic.
    pub fn of_topic(topic_id: Option<Uuid>) -> Self {
        Self {
            topic_id,
            ..Self::default()
        }
    }

    /// How many of them were refused, and how many they are.
    pub fn count_refused(&self) -> (usize, usize) {
        (self.count, self.refused.len())
    }

    /// Takes in an event that was landed, or refused.
    pub fn note_event(&mut self, fate: Fate, window: usize) {
        let refused = fate != Fate::Landed;
        self.any_landed |= !refused;
        self.never_accepted += usize::from(!self.any_landed && fate == Fate::Refused);
        if self.refused.len() == window {
            if !refused && self.count == 0 {
                return; // one more of the same
            }
            self.count -= usize::from(self.refused.pop_front() == Some(true));
        }
        self.refused.push_back(refused);
        self.count += usize::from(refused);
    }

    /// Whether these events, in order, would make too many refusals at any time.
    pub fn find_trip(&self, events: &[Fate], ratio: f64, window: usize) -> Option<Trip> {
        let mut ahead = self.clone();
        for (last, fate) in events.iter().enumerate() {
            ahead.note_event(*fate, window);
            let is_full = ahead.refused.len() == window;
            if is_full && ahead.count as f64 > ratio * window as f64 {
                let begin = (last + 1).saturating_sub(window);
                let refused = |fate: &Fate| *fate != Fate::Landed;
                let refused = events.iter().skip(begin).position(refused);
                return Some(Trip {
                    count: ahead.count,
                    first: begin + refused.unwrap_or_default(),
                    last,
                });
            }
        }
        None
    }

    /// Whether none of these events would be the first one to be landed, and they are too many for that.
    pub fn find_misfit(&self, events: &[Fate]) -> Option<Trip> {
        if self.any_landed || events.contains(&Fate::Landed) {
            return None;
        }
        let events = events.iter().enumerate();
        let refused = events.filter(|(_, fate)| **fate == Fate::Refused);
        let refused: Vec<usize> = refused.map(|(at, _)| at).collect();
        let missing = NEVER_ACCEPTED.saturating_sub(self.never_accepted).max(1);
        Some(Trip {
            count: self.never_accepted + refused.len(),
            first: *refused.first()?,
            last: *refused.get(missing - 1)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(refused: &[bool]) -> Vec<Fate> {
        let fate = |refused: &bool| match refused {
            true => Fate::Refused,
            false => Fate::Landed,
        };
        refused.iter().map(fate).collect()
    }

    fn last_events(before: &[Fate], window: usize) -> LastEvents {
        let mut last = LastEvents::default();
        before.iter().for_each(|e| last.note_event(*e, window));
        last
    }

    #[test]
    fn more_than_the_ratio_of_a_full_window_trips() {
        let last = last_events(&[], 4);
        let find_trip = |refused: &[bool]| last.find_trip(&fates(refused), 0.5, 4);
        assert_eq!(find_trip(&[true; 3]), None, "not full");
        assert_eq!(find_trip(&[true, false, true, false]), None);
        let trip = Trip {
            count: 3,
            first: 2,
            last: 4,
        };
        let three = [false, false, true, true, true, false, false];
        assert_eq!(find_trip(&three), Some(trip));
    }

    #[test]
    fn what_was_noted_before_counts_until_it_leaves_the_window() {
        let mut last = last_events(&fates(&[true, true, false, false]), 4);
        assert_eq!(last.find_trip(&fates(&[true]), 0.5, 4), None);
        last.note_event(Fate::Refused, 4);
        last.note_event(Fate::Landed, 4);
        let trip = last.find_trip(&fates(&[true, true]), 0.5, 4);
        assert_eq!(trip.map(|trip| (trip.count, trip.last)), Some((3, 1)));
    }

    fn misfit(before: &[Fate], events: &[Fate]) -> Option<(usize, usize, usize)> {
        let trip = last_events(before, 100).find_misfit(events);
        trip.map(|trip| (trip.count, trip.first, trip.last))
    }

    #[test]
    fn what_was_refused_from_the_first_event_on_trips_before_the_window_is_full() {
        let misfit = |before: &[bool], events: &[bool]| misfit(&fates(before), &fates(events));
        assert_eq!(misfit(&[], &[true; 4]), None, "bad records there may be");
        assert_eq!(misfit(&[], &[true; 5]), Some((5, 0, 4)));
        assert_eq!(misfit(&[true; 4], &[true]), Some((5, 0, 0)));
        assert_eq!(misfit(&[], &[true, true, true, true, false, true]), None);
        assert_eq!(misfit(&[false], &[true; 50]), None);
    }

    #[test]
    fn strays_tell_nothing_of_whether_their_topics_events_can_be_landed() {
        use Fate::{Refused, Stray};
        assert_eq!(misfit(&[], &[Stray; 50]), None);
        assert_eq!(misfit(&[Stray; 50], &[Refused]), None);
        let among = [Stray, Refused, Refused, Stray];
        assert_eq!(misfit(&[Refused, Refused, Stray], &among), None);
        assert_eq!(misfit(&[Refused; 3], &among), Some((5, 1, 2)));
        // the window counts them as any other
        let trip = last_events(&[], 4).find_trip(&[Stray; 4], 0.5, 4);
        assert_eq!(trip.map(|trip| trip.last), Some(3));
    }
}
