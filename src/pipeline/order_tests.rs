use super::*;

fn event(entry: usize, key: i64, whole: bool) -> OrderedEvent {
    OrderedEvent {
        entry,
        keys: KeyHashes::of_key(key),
        whole,
        deletes_spelling: None,
        by_source: false,
        supersedes: Supersedes::All,
    }
}

/// An event with the whole row, which it gives another key.
fn moves(entry: usize, old_key: i64, key: i64) -> OrderedEvent {
    OrderedEvent {
        entry,
        keys: both(old_key, key),
        whole: true,
        deletes_spelling: None,
        by_source: false,
        supersedes: Supersedes::All,
    }
}

fn both(old_key: i64, key: i64) -> KeyHashes {
    KeyHashes {
        key,
        old_key: Some(old_key),
    }
}

fn written(order: &mut Order, events: &[OrderedEvent]) -> Vec<usize> {
    let sifted = order.sift_part(events.iter().copied());
    let entries = sifted.write.iter().map(|at| events[*at].entry).collect();
    order.note_written(sifted);
    entries
}

#[test]
fn a_whole_later_event_supersedes_the_letter_and_those_after_it_are_free() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    let events = [
        event(0, 1, true),
        event(1, 1, false),
        event(2, 2, false),
        event(3, 1, true),
    ];
    assert_eq!(written(&mut order, &events), [0, 1, 2, 3]);
    assert_eq!(order.superseded_rows(), [(70, 0)]);
    assert!(order.parked_entries().is_empty());
}

#[test]
fn a_partial_later_event_is_parked_and_superseded_with_the_letter() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_entry(KeyHashes::of_key(1), 4);
    let events = [
        event(3, 1, false),
        event(5, 1, false),
        event(6, 1, false),
        event(8, 1, true),
    ];
    assert_eq!(written(&mut order, &events), [3, 8]);
    assert_eq!(
        order.parked_entries().iter().copied().collect::<Vec<_>>(),
        [5, 6]
    );
    assert_eq!(order.superseded_entries(), [(4, 8), (5, 8), (6, 8)]);
    assert!(order.is_superseded(1, 4));
}

#[test]
fn all_later_events_are_parked_if_so_configured() {
    let mut order = Order::new(LaterEvents::Park);
    order.add_row(KeyHashes::of_key(1), 70);
    let events = [event(0, 1, true), event(1, 1, true), event(2, 2, true)];
    assert_eq!(written(&mut order, &events), [2]);
    assert!(order.superseded_rows().is_empty());
    assert_eq!(order.parked_entries().len(), 2);
}

#[test]
fn what_was_not_written_is_not_noted() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    let events = [event(0, 1, true)];
    drop(order.sift_part(events));
    assert!(order.superseded_rows().is_empty());
    // it was refused itself: another letter of the key
    order.add_entry(KeyHashes::of_key(1), 0);
    assert_eq!(written(&mut order, &[event(1, 1, false)]), [] as [usize; 0]);
}

#[test]
fn an_entry_that_is_tried_again_frees_those_behind_it() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_entry(KeyHashes::of_key(1), 0);
    assert_eq!(written(&mut order, &[event(1, 1, false)]), [] as [usize; 0]);
    order.take_back(&BTreeSet::from([0, 1]));
    assert!(order.is_empty());
    let events = [event(0, 1, true), event(1, 1, false)];
    assert_eq!(written(&mut order, &events), [0, 1]);
}

#[test]
fn an_event_that_gives_its_row_another_key_supersedes_the_letters_of_both() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    order.add_row(KeyHashes::of_key(2), 71);
    order.add_row(KeyHashes::of_key(3), 72);
    assert_eq!(written(&mut order, &[moves(0, 1, 2)]), [0]);
    assert_eq!(order.superseded_rows(), [(70, 0), (71, 0)]);
}

#[test]
fn an_event_that_gives_its_row_another_key_waits_behind_a_letter_of_either() {
    for letter in [1, 2] {
        let mut order = Order::new(LaterEvents::Park);
        order.add_row(KeyHashes::of_key(letter), 70);
        let events = [
            moves(0, 1, 2),
            event(1, 1, true),
            event(2, 2, true),
            event(3, 3, true),
        ];
        assert_eq!(written(&mut order, &events), [3], "behind {letter}");
        assert_eq!(order.parked_entries(), &BTreeSet::from([0, 1, 2]));
    }
}

#[test]
fn a_letter_of_two_keys_is_obsolete_only_once_an_event_tells_of_both() {
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(both(1, 2), 70);
    // the old row is still there, and only the letter removes it
    let one_of_both = [
        event(0, 2, true),
        event(1, 1, true),
        moves(2, 2, 3),
        event(3, 3, false),
    ];
    assert_eq!(written(&mut order, &one_of_both), [] as [usize; 0]);
    assert_eq!(order.parked_entries().len(), 4);
    assert!(order.superseded_rows().is_empty());

    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(both(1, 2), 70);
    assert_eq!(
        written(&mut order, &[moves(0, 2, 1), event(1, 2, false)]),
        [0, 1]
    );
    assert_eq!(order.superseded_rows(), [(70, 0)], "it is told once");
}

#[test]
fn a_delete_says_nothing_of_a_letter_whose_key_is_spelled_otherwise() {
    let delete = |entry, spelling| OrderedEvent {
        deletes_spelling: Some(spelling),
        ..event(entry, 1, true)
    };
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    order.spell_row(70, 7);
    assert_eq!(written(&mut order, &[delete(0, 8)]), [0; 0]);
    assert_eq!(order.parked_entries().len(), 1);
    order.spell_entry(0, 8);
    assert_eq!(written(&mut order, &[event(1, 1, true)]), [1]);
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    order.spell_row(70, 7);
    assert_eq!(written(&mut order, &[delete(0, 7)]), [0]);
    assert_eq!(order.superseded_rows(), [(70, 0)]);
}

fn place(partition_id: i32, offset: i64) -> EventPlace {
    EventPlace {
        partition_id,
        offset,
        time: None,
    }
}

#[test]
fn a_letter_that_lies_behind_an_event_which_is_read_again_stays_unless_the_record_was_written_later()
 {
    let superseded = |offset, time| {
        let mut order = Order::new(LaterEvents::Supersede);
        order.add_row(KeyHashes::of_key(1), 70);
        let letter = EventPlace {
            time: Some(5_000),
            ..place(1, 100)
        };
        order.locate_row(70, letter);
        let tombstone = OrderedEvent {
            supersedes: Supersedes::OfPartition(EventPlace {
                time,
                ..place(1, offset)
            }),
            ..event(0, 1, true)
        };
        assert_eq!(written(&mut order, &[tombstone]), [0]);
        order.superseded_rows().len()
    };
    assert_eq!(superseded(101, None), 1);
    assert_eq!(superseded(101, Some(4_000)), 1);
    assert_eq!(superseded(99, None), 0);
    assert_eq!(superseded(99, Some(4_000)), 0);
    // the clock that wrote it may be ahead
    assert_eq!(superseded(99, Some(6_000)), 0);
    // the topic was created again, or its log was cut
    assert_eq!(superseded(99, Some(66_000)), 1);
}

#[test]
fn a_lone_tombstone_supersedes_the_letters_of_its_own_partition_only() {
    let mut order = Order::new(LaterEvents::Supersede);
    for (letter, partition_id) in [(70, 1), (71, 2)] {
        order.add_row(KeyHashes::of_key(1), letter);
        order.locate_row(letter, place(partition_id, 3));
    }
    for (entry, partition_id) in [(0, 1), (1, 2)] {
        order.add_entry(KeyHashes::of_key(1), entry);
        order.locate_entry(entry, place(partition_id, 5));
    }
    let tombstone = OrderedEvent {
        supersedes: Supersedes::OfPartition(place(2, 9)),
        ..event(2, 1, true)
    };
    assert_eq!(written(&mut order, &[tombstone]), [2]);
    assert_eq!(order.superseded_rows(), [(71, 2)]);
    assert_eq!(order.superseded_entries(), [(1, 2)]);
}

#[test]
fn a_whole_event_of_a_row_of_several_partitions_frees_its_own_partition_of_its_letters() {
    let of_partition = |entry, whole| OrderedEvent {
        by_source: true,
        supersedes: Supersedes::OfPartition(place(1, 9)),
        ..event(entry, 1, whole)
    };
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    order.locate_row(70, place(1, 3));
    let events = [of_partition(0, true), of_partition(1, false)];
    assert_eq!(written(&mut order, &events), [0, 1]);
    assert_eq!(order.superseded_rows(), [(70, 0)]);
    // a letter of another partition may be the later change
    let mut order = Order::new(LaterEvents::Supersede);
    order.add_row(KeyHashes::of_key(1), 70);
    order.locate_row(70, place(2, 3));
    assert_eq!(written(&mut order, &events), [0]);
    assert!(order.superseded_rows().is_empty());
    assert_eq!(order.parked_entries(), &BTreeSet::from([1]));
}
