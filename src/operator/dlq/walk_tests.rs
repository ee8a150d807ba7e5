use std::collections::BTreeMap;
use std::time::SystemTime;

use uuid::Uuid;

use super::*;
use crate::letter::{KeyHashes, LetterState, Place};
use crate::record::TopicPartition;

/// Letters that lack a parent in every round but the last one.
struct Orphans {
    lacking: Vec<i64>,
    /// Offsets of the letters that were tried.
    tried: Vec<i64>,
    holds_up: bool,
}

impl LetterTransactions for Orphans {
    async fn wait_for_turn(&mut self) {}

    async fn holds_up_followers(&mut self, _: &Candidate) -> Result<bool, CommandError> {
        Ok(self.holds_up)
    }

    async fn try_letter(
        &mut self,
        letter: &Candidate,
        last_round: bool,
    ) -> Result<Attempt, CommandError> {
        self.tried.push(letter.offset);
        if !self.lacking.contains(&letter.offset) {
            return Ok(Attempt::Done(ReplayOutcome::Applied));
        }
        if last_round {
            return Ok(Attempt::Done(ReplayOutcome::Missing("lost".to_owned())));
        }
        Ok(Attempt::LacksParent)
    }
}

/// A letter at this offset: with a row of that number, or without a row.
fn letter(offset: i64, row: Option<i64>, chosen: bool) -> Candidate {
    Candidate {
        chosen,
        row,
        event_id: Uuid::from_u128(offset as u128),
        state: LetterState::Parked,
        source: TopicPartition {
            topic: "orders".into(),
            partition: 0,
        },
        offset,
        table: None,
        key: None,
        key_hashes: row.map(KeyHashes::of_key),
        reason: "unavailable".to_owned(),
        attempts: 1,
        first_failed_at: SystemTime::UNIX_EPOCH,
        last_failed_at: SystemTime::UNIX_EPOCH,
        place: Place {
            topic: "g.dlq".into(),
            partition: 0,
            offset,
            left_out: None,
        },
    }
}

/// Offsets of the deferred letters, and by offset the outcomes that were told.
async fn walk(
    transactions: &mut Orphans,
    letters: &[Candidate],
    last_round: bool,
) -> (Vec<i64>, BTreeMap<i64, &'static str>) {
    let letters: Vec<&Candidate> = letters.iter().collect();
    let mut told = BTreeMap::new();
    let mut tell = |letter: &Candidate, outcome: ReplayOutcome| {
        told.insert(letter.offset, outcome.name());
    };
    let deferred = walk_letters(transactions, &letters, last_round, &mut tell).await;
    let deferred = deferred.unwrap().iter().map(|l| l.offset).collect();
    (deferred, told)
}

fn orphans(lacking: &[i64]) -> Orphans {
    Orphans {
        lacking: lacking.to_vec(),
        tried: Vec::new(),
        holds_up: false,
    }
}

#[tokio::test]
async fn a_letter_without_a_parent_is_put_off_with_those_of_its_partition_that_have_no_row() {
    let letters = [
        letter(1, Some(1), true),
        letter(2, None, true),
        letter(3, None, true),
        letter(4, Some(4), true),
    ];
    let mut transactions = orphans(&[2]);
    let (deferred, told) = walk(&mut transactions, &letters, false).await;
    assert_eq!(deferred, [2, 3]);
    assert_eq!(transactions.tried, [1, 2, 4]);
    assert_eq!(told, [(1, "replayed"), (4, "replayed")].into());
}

#[tokio::test]
async fn the_last_round_tells_of_every_letter() {
    let letters = [letter(2, None, true), letter(3, None, true)];
    let mut transactions = orphans(&[2]);
    let (deferred, told) = walk(&mut transactions, &letters, true).await;
    assert!(deferred.is_empty());
    assert_eq!(transactions.tried, [2]);
    assert_eq!(told, [(2, "missing"), (3, "behind")].into());
}

#[tokio::test]
async fn a_letter_that_is_not_chosen_keeps_its_place_and_those_behind_it_wait_if_it_can_still_go_in()
 {
    let letters = [
        letter(1, None, false),
        letter(2, None, true),
        letter(3, Some(3), true),
    ];
    let mut transactions = orphans(&[]);
    let (deferred, told) = walk(&mut transactions, &letters, false).await;
    assert_eq!(deferred, [1]);
    assert_eq!(told, [(2, "replayed"), (3, "replayed")].into());
    transactions.holds_up = true;
    let (deferred, told) = walk(&mut transactions, &letters, false).await;
    assert_eq!(deferred, [1]);
    assert_eq!(told, [(2, "behind"), (3, "replayed")].into());
}
