use std::sync::Arc;

use super::*;
use crate::format::change::Shape;

fn key(values: &[(&'static str, &'static str)]) -> u64 {
    let (names, values): (Vec<&str>, Vec<&str>) = values.iter().copied().unzip();
    let shape = Shape {
        names: names.into_iter().map(Into::into).collect(),
        schema: None,
        ..Default::default()
    };
    key_hash(&Fields {
        shape: Some(Arc::new(shape)),
        values: &values,
    })
}

#[test]
fn a_delete_is_open_until_its_tombstone_comes_once() {
    let mut open = OpenDeletes::default();
    assert!(!open.close_delete(1));
    open.note_event(1, true);
    assert!(open.close_delete(1));
    assert!(!open.close_delete(1), "a second tombstone stands alone");
}

#[test]
fn a_row_that_comes_instead_of_the_tombstone_closes_the_delete() {
    let mut open = OpenDeletes::default();
    open.note_event(1, true);
    open.note_event(1, false);
    assert!(!open.close_delete(1));
}

#[test]
fn deletes_of_other_keys_are_left_alone() {
    let mut open = OpenDeletes::default();
    open.note_event(1, true);
    open.note_event(2, true);
    open.note_event(3, false);
    assert!(open.close_delete(1) && open.close_delete(2));
}

#[test]
fn a_key_deleted_twice_is_open_once() {
    let mut open = OpenDeletes::default();
    open.note_event(1, true);
    open.note_event(1, true);
    assert!(open.close_delete(1) && !open.close_delete(1));
}

#[test]
fn the_oldest_give_way_where_no_tombstones_come_at_all() {
    let mut open = OpenDeletes::default();
    (0..1_000).for_each(|key| open.note_event(key, true));
    assert_eq!(open.to_bigints().len(), MOST_OPEN_DELETES);
    assert!(open.close_delete(999) && !open.close_delete(0));
}

#[test]
fn it_comes_back_from_the_database_as_it_went_there() {
    let mut open = OpenDeletes::default();
    for key in [0, 1, u64::MAX, 1 << 63] {
        open.note_event(key, true);
    }
    assert_eq!(OpenDeletes::from_bigints(open.to_bigints()), open);
}

#[test]
fn keys_are_told_apart_by_names_values_and_where_one_ends() {
    let keys = [
        key(&[("id", "1")]),
        key(&[("id", "2")]),
        key(&[("di", "1")]),
        key(&[("id", "1"), ("b", "2")]),
        key(&[("id1", "b2")]),
        key(&[("i", "d1")]),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(keys[at + 1..].iter().all(|other| other != one), "{at}");
    }
    assert_eq!(key(&[("id", "1")]), keys[0]);
}

#[test]
fn a_tombstone_closes_the_delete_of_its_key_however_json_writes_it() {
    let plain = key(&[("a", "100"), ("b", "\"A\"")]);
    assert_eq!(key(&[("b", "\"\\u0041\""), ("a", "1e2")]), plain);
}
