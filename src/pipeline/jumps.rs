//! Places where a log goes on other than it was expected to: before what was read already, or behind something that never
//! came, in a later leader's part of it.
//!
//! When a leader changes, librdkafka asks where the log of the one before ends. If it has fetched further than that, it goes
//! back to there and drops what it has fetched, which may be more than what was cut: what lies before is in Kafka still,
//! and would never come. So what seems to be missing before a later leader's records is looked for once, from where it was expected on.
//! Cut again, the log would go on with a leader that is later still.
//!
//! Why: `docs/decisions/02`.

/// A place in a log where it goes on other than expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The offset of what comes there.
    pub offset: i64,
    /// Of the leader that took it, or what lies before.
    pub leader_epoch: Option<i32>,
    /// Nothing of what comes there had been read.
    pub is_ahead: bool,
}

/// The jumps of a partition that hasn't got on since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jumps {
    /// The last of them.
    pub last: Jump,
    /// How many of them led back.
    pub back: u32,
    /// The latest leader that is known of: what it has cut was cut before the partition is positioned anew.
    pub seen_epoch: Option<i32>,
    /// The positioning under which the last one was met.
    pub epoch: u64,
}

impl Jumps {
    /// One more, under this positioning.
    pub fn add(before: Option<Self>, jump: Jump, epoch: u64) -> Self {
        Self {
            last: jump,
            back: before.map_or(0, |b| b.back) + u32::from(!jump.is_ahead),
            seen_epoch: before.and_then(|b| b.seen_epoch).max(jump.leader_epoch),
            epoch,
        }
    }
}

/// Whether the log was cut below a record of the later epoch, if one of the earlier had been read there.
pub fn is_later_epoch(epoch: Option<i32>, than: Option<i32>) -> bool {
    matches!((epoch, than), (Some(epoch), Some(than)) if epoch > than)
}

/// Whether something may lie between what was read last and what comes behind a gap, by their leader epochs: `seen` is
/// that of a leader which was known of before the partition was positioned.
pub fn may_hide_records(last: Option<i32>, comes: Option<i32>, seen: Option<i32>) -> bool {
    // before the first leader there is none whose end could be cut
    comes.is_some_and(|comes| comes > last.max(seen).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_may_hide_records_only_where_a_leader_begins_that_was_not_known_of_before() {
        assert!(may_hide_records(Some(4), Some(5), None));
        assert!(may_hide_records(Some(4), Some(6), Some(5)));
        assert!(!may_hide_records(Some(4), Some(5), Some(5)));
        assert!(!may_hide_records(Some(4), Some(4), None));
        // nothing is known of what comes before
        assert!(may_hide_records(None, Some(1), None));
        assert!(!may_hide_records(None, Some(1), Some(1)));
        assert!(!may_hide_records(None, Some(0), None));
        // brokers that tell no epochs
        assert!(!may_hide_records(Some(4), None, None) && !may_hide_records(None, None, None));
    }

    #[test]
    fn jumps_are_counted_that_lead_back_and_the_latest_leader_is_kept() {
        let jump = |leader_epoch, is_ahead| Jump {
            offset: 50,
            leader_epoch: Some(leader_epoch),
            is_ahead,
        };
        let ahead = Jumps::add(None, jump(5, true), 1);
        assert_eq!((ahead.back, ahead.seen_epoch), (0, Some(5)));
        let back = Jumps::add(Some(ahead), jump(2, false), 2);
        assert_eq!((back.back, back.seen_epoch, back.epoch), (1, Some(5), 2));
    }
}
