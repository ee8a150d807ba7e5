use super::*;
use crate::rows::row_change::Text;
use crate::rows::table_testing::table;

/// Changes of one table as they came: each with its key, the key that its row had before, and its place at the source.
type Came<'a> = (&'a str, Option<&'a str>, u32);

fn text(key: &str) -> Text<'static> {
    Some(key.to_owned().into())
}

fn changes(came: &[Came<'_>]) -> Vec<EntryChange<'static>> {
    let layout = Arc::new(Layout {
        table: table("t", "id:int4 body:text", &[&["id"]]),
        key: vec![0],
        columns: vec![0, 1],
    });
    let change = |(entry, (key, old_key, _)): (usize, &Came<'_>)| {
        let change = RowChange {
            layout: layout.clone(),
            key: vec![text(key)],
            old_key: old_key.map(|key| vec![text(key)].into()),
            old_mark: None,
            identity: None,
            old_identity: None,
            moves: None,
            texts: vec![text(key), text("x")],
            effect: Effect::Whole,
            created: false,
        };
        (entry, change)
    };
    came.iter().enumerate().map(change).collect()
}

/// The claims of the changes, each with its row and its place.
fn claims(came: &[Came<'_>]) -> Vec<ClaimedChange<'static>> {
    let name = Arc::new(TableName::new("public", "t"));
    let row = |key: &str| Uuid::from_u128(key.parse().unwrap());
    let mut claimed = Vec::new();
    for (slot, (key, old_key, place)) in came.iter().enumerate() {
        for (number, key) in [Some(*key), *old_key].into_iter().flatten().enumerate() {
            claimed.push(ClaimedChange {
                slot,
                entry: slot,
                of_old_key: number > 0,
                row: row(key),
                arrival: Arrival {
                    version: Some(i64::from(*place)),
                    position: None,
                    partition_id: 1,
                    gone: number > 0,
                },
                table: name.clone(),
            });
        }
    }
    claimed
}

/// What is written: the entry, the key, and the key that is left; with `-` what only removes a row.
fn written(came: &[Came<'_>], sequences: &[&[usize]]) -> (Vec<String>, Vec<usize>) {
    let claimed = claims(came);
    let rearranged = rearrange_changes(changes(came), &claimed, sequences, &Fills::new());
    let show = |(entry, change): &EntryChange<'_>| {
        let key = |key: &[Text<'_>]| key[0].as_deref().unwrap().to_owned();
        let sign = if change.effect == Effect::Gone {
            "-"
        } else {
            ""
        };
        let old = change
            .old_key
            .as_deref()
            .map(|old| format!("<{}", key(old)));
        format!(
            "{entry}:{sign}{}{}",
            key(&change.key),
            old.unwrap_or_default()
        )
    };
    let shown = rearranged.changes.iter().map(show).collect();
    (shown, rearranged.stale_entries)
}

#[test]
fn a_rows_changes_take_their_places_in_order_and_others_keep_theirs() {
    let came = [
        ("1", None, 30),
        ("2", None, 5),
        ("1", None, 10),
        ("1", None, 20),
    ];
    let (changes, stale) = written(&came, &[&[2, 3, 0], &[1]]);
    assert_eq!(changes, ["2:1", "1:2", "3:1", "0:1"]);
    assert!(stale.is_empty());
}

#[test]
fn what_comes_too_late_is_left_out() {
    let came = [("1", None, 30), ("2", None, 5), ("1", None, 10)];
    let (changes, stale) = written(&came, &[&[0], &[]]);
    assert_eq!((changes, stale), (vec!["0:1".to_owned()], vec![1, 2]));
}

#[test]
fn of_a_change_that_moves_its_row_each_half_may_come_too_late() {
    let came = [("2", Some("1"), 10)];
    assert_eq!(written(&came, &[&[0], &[1]]).0, ["0:2<1"]);
    assert_eq!(
        written(&came, &[&[0]]).0,
        ["0:2"],
        "the old key has a row again"
    );
    assert_eq!(
        written(&came, &[&[1]]).0,
        ["0:-1"],
        "the new key's row has gone on"
    );
    let (changes, stale) = written(&came, &[]);
    assert!(changes.is_empty() && stale == [0]);
}

#[test]
fn rows_that_a_change_moves_between_are_put_in_one_order() {
    // the row of key 1 comes back before it is known that it has moved to key 2
    let came = [("1", None, 30), ("2", Some("1"), 20), ("2", None, 25)];
    // claims: 0 of row 1, 1 and 2 of rows 2 and 1, 3 of row 2
    let (changes, _) = written(&came, &[&[2, 0], &[1, 3]]);
    assert_eq!(changes, ["1:2<1", "2:2", "0:1"]);
}

#[test]
fn a_tombstone_that_tells_no_place_leaves_the_others_in_order() {
    let came = [
        ("1", None, 30),
        ("2", Some("1"), 20),
        ("2", None, 0), // a tombstone through another partition, which follows what is before it
        ("2", None, 25),
    ];
    let mut claimed = claims(&came);
    claimed[3].arrival = Arrival {
        version: None,
        partition_id: 2,
        gone: true,
        ..claimed[3].arrival
    };
    // claims: 0 of row 1, 1 and 2 of rows 2 and 1, 3 and 4 of row 2
    let sequences: [&[usize]; 2] = [&[2, 0], &[1, 3, 4]];
    let rearranged = rearrange_changes(changes(&came), &claimed, &sequences, &Fills::new());
    let entries: Vec<usize> = rearranged.changes.iter().map(|(entry, _)| *entry).collect();
    assert_eq!(entries, [1, 2, 3, 0]);
}

#[test]
fn what_fills_in_comes_before_what_is_written_of_its_row_and_brings_nothing_more() {
    let came = [("1", None, 30), ("1", None, 10), ("2", None, 5)];
    let claimed = claims(&came);
    let sequences: [&[usize]; 2] = [&[1, 0], &[2]];
    let fills = Fills::from([(1, vec![1])]);
    let rearranged = rearrange_changes(changes(&came), &claimed, &sequences, &fills);
    let effects: Vec<_> = rearranged
        .changes
        .iter()
        .map(|(entry, change)| (*entry, change.effect))
        .collect();
    assert_eq!(
        effects,
        [(1, Effect::Fill), (0, Effect::Whole), (2, Effect::Whole)]
    );
}
