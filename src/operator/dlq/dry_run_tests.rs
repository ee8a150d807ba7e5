use std::time::SystemTime;

use super::*;
use crate::letter::{KeyHashes, LetterState, Place};

/// The letter with this number, of these keys.
fn letter(row: i64, key: i64, old_key: Option<i64>) -> Candidate {
    Candidate {
        chosen: true,
        row: Some(row),
        event_id: Uuid::from_u128(row as u128),
        state: LetterState::Parked,
        source: TopicPartition {
            topic: "orders".into(),
            partition: 0,
        },
        offset: row,
        table: None,
        key: None,
        key_hashes: Some(KeyHashes { key, old_key }),
        reason: "value".to_owned(),
        attempts: 1,
        first_failed_at: SystemTime::UNIX_EPOCH,
        last_failed_at: SystemTime::UNIX_EPOCH,
        place: Place {
            topic: "g.dlq".into(),
            partition: 0,
            offset: row,
            left_out: None,
        },
    }
}

#[test]
fn letters_of_keys_that_one_letter_has_both_of_are_tried_together_and_in_order() {
    let letters = vec![
        letter(1, 10, None),
        letter(2, 30, None),
        letter(3, 20, None),
        letter(4, 10, None),
        letter(5, 20, Some(10)),
        letter(6, 20, None),
    ];
    let groups: Vec<Vec<i64>> = group_letters(letters)
        .iter()
        .map(|group| group.iter().filter_map(|letter| letter.row).collect())
        .collect();
    assert_eq!(groups, [vec![1, 3, 4, 5, 6], vec![2]]);
}
