use super::*;
use crate::rows::key_identity::KeyIdentity;
use crate::rows::table_testing::table;

fn t() -> Arc<Table> {
    table("t", "id:int4 a:text b:text", &[&["id"]])
}

fn text(value: &'static str) -> Text<'static> {
    Some(value.into())
}

fn change(
    table: &Arc<Table>,
    id: &'static str,
    cells: Vec<(usize, Text<'static>)>,
    effect: Effect,
) -> RowChange<'static> {
    let (columns, texts) = cells.into_iter().unzip();
    RowChange {
        layout: Arc::new(Layout {
            table: table.clone(),
            key: vec![0],
            columns,
        }),
        key: vec![text(id)],
        old_key: None,
        old_mark: None,
        identity: None,
        old_identity: None,
        moves: None,
        texts,
        effect,
        created: false,
    }
}

fn row(
    table: &Arc<Table>,
    id: &'static str,
    a: Option<&'static str>,
    b: Option<&'static str>,
) -> RowChange<'static> {
    let mut cells = vec![(0, text(id))];
    cells.extend(a.map(|a| (1, text(a))));
    cells.extend(b.map(|b| (2, text(b))));
    let effect = if a.is_some() && b.is_some() {
        Effect::Whole
    } else {
        Effect::Part
    };
    change(table, id, cells, effect)
}

fn gone(table: &Arc<Table>, id: &'static str) -> RowChange<'static> {
    change(table, id, Vec::new(), Effect::Gone)
}

fn net<'a>(changes: &'a [RowChange<'static>]) -> Net<'a, 'static> {
    let mut nets = fold(changes.iter()).unwrap();
    assert_eq!(nets.len(), 1);
    nets.remove(0)
}

fn cells(net: &Net<'_, 'static>) -> Vec<(usize, Text<'static>)> {
    let texts = net.row.as_ref().unwrap().texts.iter().cloned();
    net.layout.columns.iter().copied().zip(texts).collect()
}

#[test]
fn of_several_rows_of_a_key_the_last_is_written() {
    let t = t();
    let changes = [
        row(&t, "1", Some("x"), Some("x")),
        row(&t, "1", Some("y"), Some("z")),
    ];
    let net = net(&changes);
    assert_eq!(
        cells(&net),
        [(0, text("1")), (1, text("y")), (2, text("z"))]
    );
    assert!(!net.delete_first && net.row.unwrap().whole);
}

#[test]
fn what_a_later_change_leaves_out_stays_as_the_earlier_one_had_it() {
    let t = t();
    let changes = [
        row(&t, "1", Some("x"), Some("large")),
        row(&t, "1", Some("y"), None),
    ];
    let net = net(&changes);
    assert_eq!(
        cells(&net),
        [(0, text("1")), (1, text("y")), (2, text("large"))]
    );
    assert!(net.row.unwrap().whole, "the row need not be there already");
}

#[test]
fn parts_only_remain_a_part_and_keep_their_columns_in_order() {
    let t = t();
    let changes = [row(&t, "1", None, Some("z")), row(&t, "1", Some("y"), None)];
    let net = net(&changes);
    assert_eq!(
        cells(&net),
        [(0, text("1")), (1, text("y")), (2, text("z"))]
    );
    assert!(!net.row.unwrap().whole, "the row must be there already");
}

#[test]
fn a_part_followed_by_the_whole_row_is_the_whole_row() {
    let t = t();
    let changes = [
        row(&t, "1", None, Some("z")),
        row(&t, "1", Some("a"), Some("b")),
    ];
    let net = net(&changes);
    assert!(net.row.as_ref().unwrap().whole);
    assert_eq!(
        cells(&net),
        [(0, text("1")), (1, text("a")), (2, text("b"))]
    );
}

#[test]
fn an_insert_and_its_delete_leave_a_delete() {
    let t = t();
    let changes = [row(&t, "1", Some("x"), Some("x")), gone(&t, "1")];
    let net = net(&changes);
    assert!(net.row.is_none() && net.delete_first);
}

#[test]
fn a_row_inserted_again_is_deleted_first_so_that_nothing_of_the_old_one_stays() {
    let t = t();
    let changes = [gone(&t, "1"), row(&t, "1", Some("x"), Some("y"))];
    let net = net(&changes);
    assert!(net.row.is_some() && net.delete_first);
}

#[test]
fn a_part_of_a_deleted_row_is_nobodys_to_guess() {
    let t = t();
    let changes = [gone(&t, "2"), gone(&t, "1"), row(&t, "1", Some("x"), None)];
    assert_eq!(fold(changes.iter()).unwrap_err(), PartOfDeletedRow(2));
}

#[test]
fn keys_and_tables_are_kept_apart() {
    let (t, other) = (t(), table("u", "id:int4 a:text b:text", &[&["id"]]));
    let changes = [
        row(&t, "1", Some("x"), Some("x")),
        gone(&t, "2"),
        gone(&other, "1"),
    ];
    let nets = fold(changes.iter()).unwrap();
    assert_eq!(nets.len(), 3);
    assert!(nets[0].row.is_some());
}

#[test]
fn a_row_is_new_if_its_first_change_says_so() {
    let t = t();
    let new = RowChange {
        created: true,
        ..row(&t, "1", Some("a"), Some("b"))
    };
    let later = row(&t, "1", Some("c"), Some("d"));
    assert!(net(&[new.clone(), later.clone()]).created);
    assert!(!net(&[later.clone(), new.clone()]).created);
    let changes = [new.clone(), gone(&t, "1"), new];
    let back = net(&changes);
    assert!(back.created && back.delete_first);
}

fn moved(table: &Arc<Table>, old_id: &'static str, id: &'static str) -> RowChange<'static> {
    RowChange {
        old_key: Some(vec![text(old_id)].into()),
        ..row(table, id, Some("m"), Some("m"))
    }
}

/// Keys, and whether each has a row and is deleted first.
fn told(changes: &[RowChange<'static>]) -> Vec<(Option<String>, bool, bool)> {
    let nets = fold(changes.iter()).unwrap();
    let told = nets.iter().map(|net| {
        let key = net.key.texts[0].as_ref().map(ToString::to_string);
        (key, net.row.is_some(), net.delete_first)
    });
    told.collect()
}

#[test]
fn a_row_that_gets_another_key_is_gone_under_the_old_one() {
    let t = t();
    let id = |id: &str| Some(id.to_owned());
    let changes = [row(&t, "1", Some("x"), Some("y")), moved(&t, "1", "2")];
    assert_eq!(
        told(&changes),
        [(id("1"), false, true), (id("2"), true, false)]
    );
    assert_eq!(told(&changes[1..]), told(&changes));
}

#[test]
fn keys_that_change_hands_are_folded_in_the_order_of_their_events() {
    let t = t();
    let id = |id: &str| Some(id.to_owned());
    // 1 becomes 2, another 1 comes; 2 becomes 3 and goes
    let changes = [
        moved(&t, "1", "2"),
        row(&t, "1", Some("x"), Some("y")),
        moved(&t, "2", "3"),
        gone(&t, "3"),
    ];
    let (one, two, three) = (
        (id("1"), true, true),
        (id("2"), false, true),
        (id("3"), false, true),
    );
    assert_eq!(told(&changes), [one, two, three]);
    // what is left out of a row that has another key since is nowhere to be had
    let part = [moved(&t, "1", "2"), row(&t, "1", Some("x"), None)];
    assert_eq!(fold(part.iter()).unwrap_err(), PartOfDeletedRow(1));
}

/// What a key is where 'Bob' and 'bob' are one.
fn blind(mut change: RowChange<'static>) -> RowChange<'static> {
    let identify = |text: &Text<'static>| {
        let text = text.as_deref().unwrap();
        Arc::new(KeyIdentity {
            texts: vec![Some(text.to_lowercase().into())].into(),
            spelling: Some(vec![text.to_owned()].into()),
        })
    };
    let old = change.old_key.as_ref().map(|key| identify(&key[0]));
    let own = identify(&change.key[0]);
    change.set_identities(Some(own), old);
    change
}

fn spelled(net: &Net<'_, '_>) -> String {
    let mut keys = vec![net.key];
    keys.extend(&net.other_spellings);
    let keys = keys.iter().map(|key| key.texts[0].as_deref().unwrap());
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_that_is_spelled_anew_keeps_its_row() {
    let t = t();
    let changes = [gone(&t, "bob"), row(&t, "Bob", Some("a"), Some("b"))].map(blind);
    let net = net(&changes);
    assert_eq!(spelled(&net), "Bob");
    assert!(net.row.is_some_and(|row| row.texts[0] == text("Bob")) && net.delete_first);
}

#[test]
fn a_delete_of_another_spelling_names_no_row_once_the_row_is_written_anew() {
    let t = t();
    let written = row(&t, "Bob", Some("a"), Some("b"));
    let changes = [written.clone(), gone(&t, "bob")].map(blind);
    let kept = net(&changes);
    assert_eq!(spelled(&kept), "Bob");
    assert!(kept.row.is_some() && !kept.delete_first);
    let changes = [written, gone(&t, "bob"), gone(&t, "Bob")].map(blind);
    let gone = net(&changes);
    assert!(
        gone.row.is_none() && gone.any_spelling,
        "an earlier row of another spelling goes too"
    );
}

#[test]
fn a_delete_behind_what_is_filled_into_a_row_of_another_spelling_removes_the_row() {
    let t = t();
    for spelling in ["Bob", "bob"] {
        let filled = change(&t, "bob", vec![(1, text("late"))], Effect::Fill);
        let changes = [filled, gone(&t, spelling)].map(blind);
        let gone = net(&changes);
        assert_eq!(spelled(&gone), spelling);
        assert!(gone.row.is_none() && gone.delete_first && !gone.any_spelling);
    }
}

#[test]
fn deletes_of_several_spellings_remove_each_of_them() {
    let t = t();
    let changes = [
        gone(&t, "bob"),
        gone(&t, "Bob"),
        gone(&t, "bob"),
        gone(&t, "BOB"),
    ]
    .map(blind);
    let gone_all = net(&changes);
    assert_eq!(spelled(&gone_all), "bob Bob BOB");
    assert!(!gone_all.any_spelling);
    let changes = [
        gone(&t, "bob"),
        gone(&t, "Bob"),
        row(&t, "bOB", Some("a"), Some("b")),
    ];
    let changes = changes.map(blind);
    assert_eq!(spelled(&net(&changes)), "bOB");
}

#[test]
fn part_of_a_row_that_another_spelling_may_have_deleted_is_left_to_postgres() {
    let t = t();
    let changes = [gone(&t, "bob"), row(&t, "Bob", Some("a"), None)].map(blind);
    assert_eq!(fold(changes.iter()).err(), Some(PartOfDeletedRow(1)));
    let changes = [row(&t, "Bob", Some("a"), None), gone(&t, "bob")].map(blind);
    assert!(net(&changes).row.is_some());
}

#[test]
fn an_old_key_that_is_the_same_but_for_its_spelling_is_none() {
    let t = t();
    let mut change = row(&t, "Bob", Some("a"), None);
    change.old_key = Some(vec![text("bob")].into());
    let changes = [blind(change)];
    let net = net(&changes);
    assert!(net.row.is_some() && !net.delete_first);
}
