use uuid::Uuid;

use super::*;
use crate::format::partition_memory::PartitionMemory;

const TOPIC: Option<Uuid> = Some(Uuid::from_u128(1));

fn row(topic_id: Option<Uuid>, next_offset: i64, leader_epoch: Option<i32>) -> PartitionRow {
    PartitionRow {
        partition_id: 1,
        watermark: Watermark {
            topic_id,
            next_offset,
            started_at: None,
        },
        batch: Uuid::nil(),
        memory: PartitionMemory::default(),
        group: "landfall".into(),
        gave_way: false,
        stands: false,
        leader_epoch,
    }
}

fn log(high: i64) -> LogState {
    LogState {
        topic_id: TOPIC,
        low: 0,
        high,
        committed: None,
    }
}

fn jump(offset: i64, leader_epoch: i32) -> Option<Jumps> {
    jumps(offset, leader_epoch, 1)
}

fn jumps(offset: i64, leader_epoch: i32, back: u32) -> Option<Jumps> {
    let last = Jump {
        offset,
        leader_epoch: Some(leader_epoch),
        is_ahead: false,
    };
    Some(Jumps {
        back,
        ..Jumps::add(None, last, 1)
    })
}

#[test]
fn a_record_of_a_later_leader_below_the_watermark_tells_where_the_log_was_cut() {
    let row = row(TOPIC, 1_000, Some(4));
    let find = |high, jump| find_cut(&row, &log(high), jump, false);
    assert_eq!(find(1_400, jump(500, 5)), Cut::At(500));
    // even if the log is too short as well
    assert_eq!(find(700, jump(500, 5)), Cut::At(500));
    // it may have been read again for another reason
    assert_eq!(find(1_400, jump(500, 4)), Cut::None);
    assert_eq!(find(1_400, jump(1_000, 5)), Cut::None);
    assert_eq!(find(1_400, None), Cut::None);
}

#[test]
fn a_log_that_ends_before_the_watermark_was_cut_at_its_end_or_before() {
    let known = row(TOPIC, 1_000, Some(4));
    let find = |high, jump, is_end_doubted| find_cut(&known, &log(high), jump, is_end_doubted);
    assert_eq!(find(600, None, false), Cut::MaybeBelow(600, 4));
    assert_eq!(find(600, jump(0, 2), false), Cut::MaybeBelow(600, 4));
    assert_eq!(find(1_000, None, false), Cut::None);
    // it may have been filled again to where it was
    assert_eq!(find(1_000, None, true), Cut::MaybeBelow(1_000, 4));
    assert_eq!(find(1_001, None, true), Cut::None);
}

#[test]
fn nothing_is_taken_for_a_cut_where_the_topic_or_the_epoch_is_not_known() {
    for row in [
        row(None, 1_000, Some(4)),
        row(Some(Uuid::from_u128(2)), 1_000, Some(4)),
        row(TOPIC, 1_000, None),
    ] {
        assert_eq!(find_cut(&row, &log(600), jump(500, 5), true), Cut::None);
    }
}

#[test]
fn a_log_that_is_too_short_stands_still_where_neither_epochs_nor_ids_tell_what_is_new() {
    let unknown = row(TOPIC, 1_000, None);
    assert_eq!(find_short_log(&unknown, &log(600), true), None);
    let short = find_short_log(&unknown, &log(600), false).unwrap();
    assert_eq!((short.next_offset, short.high), (1_000, 600));
    assert_eq!(find_short_log(&unknown, &log(1_000), false), None);
    // no ids are known of what somebody else has landed
    let mut taken_over = row(TOPIC, 1_000, None);
    taken_over.watermark.started_at = Some(1_000);
    assert!(find_short_log(&taken_over, &log(600), true).is_some());
    taken_over.watermark.next_offset = 1_001;
    assert_eq!(find_short_log(&taken_over, &log(600), true), None);
}

#[test]
fn without_topic_ids_a_log_that_began_later_is_doubted_once_it_is_short_or_its_offset_is_gone() {
    let mut begun = row(None, 1_000, None);
    begun.watermark.started_at = Some(400);
    let untold = |high, committed| LogState {
        topic_id: None,
        committed,
        ..log(high)
    };
    assert!(!is_start_doubted(&begun, &untold(1_000, Some(900))));
    assert!(is_start_doubted(&begun, &untold(600, Some(900))));
    assert!(is_start_doubted(&begun, &untold(1_400, None)));
    // a topic that tells its id is told from another one
    assert!(!is_start_doubted(&begun, &log(1_400)));
    // nothing was landed, as a person said who has looked
    begun.watermark.started_at = Some(1_000);
    assert!(!is_start_doubted(&begun, &untold(1_400, None)));
    begun.watermark.started_at = None;
    assert!(!is_start_doubted(&begun, &untold(600, None)));
}

#[test]
fn an_epoch_that_leads_back_again_and_again_is_asked_for_and_believed_no_more() {
    let known = row(TOPIC, 1_000, Some(4));
    let (once, twice) = (jumps(0, 3, 1), jumps(0, 3, 2));
    assert_eq!(epoch_to_seek(&known, once), Some(4));
    assert_eq!(epoch_to_seek(&known, twice), None);
    let find = |jumps| find_cut(&known, &log(1_400), jumps, false);
    assert_eq!(find(once), Cut::None);
    assert_eq!(find(twice), Cut::MaybeBelow(1_000, 4));
    // a broker that tells no topic ids may have another topic by now, whose epochs say nothing
    let unknown = row(None, 1_000, Some(4));
    let untold = LogState {
        topic_id: None,
        ..log(1_400)
    };
    let find = |jumps| find_cut(&unknown, &untold, jumps, false);
    assert_eq!(find(jumps(500, 5, 1)), Cut::None);
    assert_eq!(find(jumps(500, 5, 2)), Cut::Untold);
}
