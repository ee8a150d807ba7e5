//! How late a partition is, as time: how old what the destination shows of it is. Times are in milliseconds since 1970, by
//! this machine's clock but for those of the source.
//!
//! While there is something to apply, that is as late as its oldest change is old. If that hasn't been read, nothing is older
//! than what was applied last, nor than the moment at which everything was in last. Without the latter, the first event
//! after a quiet night would seem to be a night late. Where nothing tells any of this, it is as late as that lasts, at least.

/// For so long what was heard of the end of a log holds, which is told once a second; and for so long it is none of our
/// lateness that nothing was heard yet.
const HEARD_HOLDS_MS: i64 = 5_000;

/// What is known of how late a partition is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lateness {
    /// Since when the partition is in hand without that anything older is known of it.
    since: i64,
    /// Everything that the source did before is in: the time of the last event applied, or when nothing was left to apply,
    /// whichever was learnt last.
    fresh_as_of: Option<i64>,
    /// The first event that is read and not in, as far as is known: its offset, and when it was made at the source.
    in_hand: Option<(i64, i64)>,
    /// When the end of the log was heard of last.
    heard: Option<i64>,
}

impl Lateness {
    /// Of a partition that has just been assigned.
    pub fn new(now: i64) -> Self {
        Self {
            since: now,
            fresh_as_of: None,
            in_hand: None,
            heard: None,
        }
    }

    /// The partition is taken up with everything below the offset applied. `is_on`: it was known to be so far before.
    pub fn take_up(&mut self, is_on: bool, now: i64) {
        if !is_on {
            (self.since, self.fresh_as_of) = (now, None);
        }
        (self.in_hand, self.heard) = (None, Some(now));
    }

    /// An event is in hand: no earlier one of the partition is left to apply.
    pub fn note_in_hand(&mut self, offset: i64, source_time: i64) {
        self.in_hand = Some((offset, source_time));
    }

    /// Everything below the offset is in. `last`: when the last event of it was made at the source, if there was one.
    pub fn note_applied(&mut self, next_offset: i64, last: Option<i64>) {
        self.in_hand = self.in_hand.filter(|(offset, _)| *offset >= next_offset);
        self.fresh_as_of = last.or(self.fresh_as_of);
    }

    /// The log's end was heard of; `is_at_end`: everything before is in.
    pub fn note_heard(&mut self, is_at_end: bool, now: i64) {
        self.heard = Some(now);
        if is_at_end {
            self.fresh_as_of = Some(now);
        }
    }

    /// Whether the log's end was heard of lately.
    pub fn has_heard(&self, now: i64) -> bool {
        self.heard.is_some_and(|heard| now - heard < HEARD_HOLDS_MS)
    }

    /// How late it is, in seconds; `None`: nothing is known yet. `is_at_end`: everything before the end of the log, as it was
    /// heard of last, is in.
    pub fn seconds(&self, is_at_end: bool, now: i64) -> Option<f64> {
        let seconds = |then: i64| (now - then).max(0) as f64 / 1_000.0;
        match (self.in_hand, self.fresh_as_of) {
            (Some((_, source_time)), _) => Some(seconds(source_time)),
            (None, _) if is_at_end && self.has_heard(now) => Some(0.0),
            (None, Some(fresh_as_of)) => Some(seconds(fresh_as_of)),
            (None, None) => (now - self.since >= HEARD_HOLDS_MS).then(|| seconds(self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn the_first_event_after_a_quiet_hour_is_as_late_as_it_is_old() {
        let mut lateness = Lateness::new(0);
        lateness.take_up(false, 0);
        lateness.note_applied(10, Some(0));
        lateness.note_heard(true, HOUR);
        assert_eq!(lateness.seconds(true, HOUR + 500), Some(0.0));
        // it is there, and nobody has read it
        assert_eq!(lateness.seconds(false, HOUR + 2_000), Some(2.0));
        lateness.note_in_hand(10, HOUR + 800);
        assert_eq!(lateness.seconds(true, HOUR + 2_000), Some(1.2));
        lateness.note_applied(11, Some(HOUR + 800));
        assert_eq!(lateness.seconds(true, HOUR + 2_000), Some(0.0));
    }

    #[test]
    fn while_it_catches_up_it_is_as_late_as_what_it_applies() {
        let mut lateness = Lateness::new(0);
        lateness.take_up(false, 2 * HOUR);
        assert_eq!(lateness.seconds(false, 2 * HOUR), None, "nothing tells yet");
        lateness.note_in_hand(0, 0);
        assert_eq!(lateness.seconds(false, 2 * HOUR), Some(7_200.0));
        lateness.note_applied(10, Some(HOUR));
        assert_eq!(lateness.seconds(false, 2 * HOUR), Some(3_600.0));
        lateness.note_heard(false, 2 * HOUR);
        assert_eq!(lateness.seconds(false, 2 * HOUR), Some(3_600.0));
    }

    #[test]
    fn a_source_that_brings_old_changes_late_is_seen_once_one_is_in_hand() {
        let mut lateness = Lateness::new(0);
        lateness.note_heard(true, 10 * HOUR);
        lateness.note_in_hand(5, 9 * HOUR);
        assert_eq!(lateness.seconds(true, 10 * HOUR), Some(3_600.0));
        lateness.note_applied(6, Some(9 * HOUR));
        assert_eq!(lateness.seconds(false, 10 * HOUR), Some(3_600.0));
    }

    #[test]
    fn an_end_of_which_nothing_is_heard_any_more_is_not_believed() {
        let mut lateness = Lateness::new(0);
        lateness.note_heard(true, HOUR);
        assert_eq!(lateness.seconds(true, HOUR + 4_000), Some(0.0));
        assert_eq!(lateness.seconds(true, HOUR + 60_000), Some(60.0));
    }

    #[test]
    fn what_is_read_again_from_further_back_tells_anew_how_late_it_is() {
        let mut lateness = Lateness::new(0);
        lateness.note_heard(true, HOUR);
        lateness.take_up(true, HOUR);
        assert_eq!(lateness.seconds(false, HOUR + 1_000), Some(1.0));
        lateness.take_up(false, HOUR);
        assert_eq!(lateness.seconds(false, HOUR + 1_000), None);
    }

    #[test]
    fn a_clock_that_is_behind_the_source_is_no_lead() {
        let mut lateness = Lateness::new(0);
        lateness.note_in_hand(5, HOUR);
        assert_eq!(lateness.seconds(false, HOUR - 500), Some(0.0));
    }

    #[test]
    fn while_nothing_tells_anything_it_is_as_late_as_that_lasts() {
        let mut lateness = Lateness::new(HOUR);
        assert_eq!(lateness.seconds(false, HOUR + 4_000), None);
        assert_eq!(lateness.seconds(false, HOUR + 6_000), Some(6.0));
        assert_eq!(lateness.seconds(true, HOUR + 6_000), Some(6.0));
        lateness.note_heard(true, HOUR + 6_000);
        assert_eq!(lateness.seconds(true, HOUR + 7_000), Some(0.0));
    }
}
