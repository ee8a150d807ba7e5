use super::*;

fn change(entry: u64, row: u64, content: u64) -> SeenChange {
    SeenChange {
        entry,
        row,
        content,
    }
}

fn doubt_of(changes: &[SeenChange]) -> Option<Doubt> {
    let mut positions = Positions::default();
    for change in changes {
        positions.note_change(*change);
    }
    positions.doubt
}

#[test]
fn two_different_changes_of_one_row_at_one_position_raise_a_doubt() {
    let twice = [change(1, 7, 100), change(1, 7, 101)];
    assert_eq!(doubt_of(&twice), Some(Doubt::Shared));
    let with_others = [change(1, 7, 100), change(1, 8, 5), change(1, 7, 101)];
    assert_eq!(doubt_of(&with_others), Some(Doubt::Shared));
}

#[test]
fn other_rows_other_positions_and_the_same_event_again_raise_none() {
    let others = [
        change(1, 7, 100),
        change(1, 8, 101),
        change(1, 7, 100),
        change(2, 7, 101),
        change(1, 7, 100),
    ];
    assert_eq!(doubt_of(&others), None);
}

#[test]
fn what_was_read_lately_is_told_by_the_numbers_that_are_kept() {
    let mut positions = Positions::default();
    for row in 0..MOST_ROWS as u64 + 10 {
        positions.note_change(change(u64::MAX, row, row + 1));
    }
    let kept = positions.to_bigints();
    assert_eq!(kept.len(), 1 + 2 * MOST_KEPT_ROWS);
    let mut read = Positions::from_bigints(&kept, None);
    assert_eq!(read.to_bigints(), kept);
    read.note_change(change(u64::MAX, MOST_ROWS as u64 + 9, 1));
    assert_eq!(read.doubt, Some(Doubt::Shared));

    let empty = Positions::default();
    assert!(empty.to_bigints().is_empty());
    assert_eq!(Positions::from_bigints(&[], None), empty);
}

#[test]
fn a_doubt_stays() {
    for doubt in [None, Some(Doubt::Shared), Some(Doubt::Missing)] {
        assert_eq!(Doubt::from_number(Doubt::to_number(doubt)), doubt);
    }
    let mut positions = Positions::from_bigints(&[1, 2, 3], Some(Doubt::Shared));
    positions.raise_doubt(Doubt::Missing);
    positions.note_change(change(1, 2, 9));
    assert_eq!(positions.doubt, Some(Doubt::Shared));
    assert!(positions.to_bigints().is_empty());
}
