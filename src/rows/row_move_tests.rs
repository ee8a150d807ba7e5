use super::*;
use crate::rows::key_identity::KeyIdentity;
use crate::rows::table_testing::table;

fn t() -> Arc<Table> {
    table("t", "id:int4 big:text n:int4 more:text", &[&["id"]])
}

fn change(
    table: &Arc<Table>,
    id: &'static str,
    effect: Effect,
    moves: Option<RowMove>,
) -> RowChange<'static> {
    let (columns, texts) = match effect {
        Effect::Gone => (Vec::new(), Vec::new()),
        _ => (vec![0, 2], vec![Some(id.into()), Some("5".into())]),
    };
    RowChange {
        layout: Arc::new(Layout {
            table: table.clone(),
            key: vec![0],
            columns,
        }),
        key: vec![Some(id.into())],
        old_key: None,
        old_mark: None,
        identity: None,
        old_identity: None,
        moves: moves.map(Box::new),
        texts,
        effect,
        created: false,
    }
}

fn away(table: &Arc<Table>, id: &'static str, number: u128) -> RowChange<'static> {
    let id_of_move = Uuid::from_u128(number);
    let moves = RowMove::Away {
        id: id_of_move,
        stays: false,
    };
    change(table, id, Effect::Gone, Some(moves))
}

fn here(
    table: &Arc<Table>,
    id: &'static str,
    number: u128,
    left_out: &[usize],
) -> RowChange<'static> {
    let effect = if left_out.is_empty() {
        Effect::Whole
    } else {
        Effect::Part
    };
    let moves = RowMove::Here {
        ids: [number, number + 1000].map(Uuid::from_u128),
        left_out: left_out.to_vec(),
        is_new: false,
    };
    change(table, id, effect, Some(moves))
}

fn lengths(changes: &[RowChange<'static>]) -> Vec<usize> {
    let changes: Vec<&RowChange<'_>> = changes.iter().collect();
    split_at_moves(&changes, &HashSet::new())
        .iter()
        .map(|part| part.len())
        .collect()
}

fn plan(changes: &[RowChange<'static>]) -> MovePlan {
    MovePlan::of_part(&changes.iter().collect::<Vec<_>>(), &HashSet::new())
}

#[test]
fn rows_that_move_are_read_together_unless_an_earlier_change_writes_them() {
    let t = t();
    let plain = |id| change(&t, id, Effect::Whole, None);
    let moved = |from, to, number| [away(&t, from, number), here(&t, to, number, &[1])];
    let apart = [moved("1", "2", 1), moved("3", "4", 2)].concat();
    assert_eq!(lengths(&apart), [4]);
    assert_eq!(plan(&apart).reads, [(0, 1), (2, 3)]);
    // there and back; a chain; an update before
    assert_eq!(
        lengths(&[moved("1", "2", 1), moved("2", "1", 2)].concat()),
        [2, 2]
    );
    assert_eq!(
        lengths(&[moved("1", "2", 1), moved("2", "3", 2)].concat()),
        [2, 2]
    );
    assert_eq!(
        lengths(&[vec![plain("1")], moved("1", "2", 1).to_vec()].concat()),
        [1, 2]
    );
    // behind it, or of another row, it is no matter
    let behind = [
        vec![plain("7")],
        moved("1", "2", 1).to_vec(),
        vec![plain("1"), plain("2")],
    ];
    assert_eq!(lengths(&behind.concat()), [5]);
}

#[test]
fn a_row_that_is_written_under_another_spelling_is_read_behind_that() {
    let t = t();
    let spelled = |mut change: RowChange<'static>| {
        let identity = KeyIdentity {
            texts: [Some("bob".into())].into(),
            spelling: None,
        };
        change.identity = Some(Arc::new(identity));
        change
    };
    let written = spelled(change(&t, "Bob", Effect::Whole, None));
    assert_eq!(lengths(&[written, spelled(away(&t, "bob", 1))]), [1, 1]);
}

#[test]
fn what_an_earlier_change_says_by_another_key_of_the_table_may_be_of_the_row_that_moves() {
    let t = table("t", "id:int4 big:text n:int4", &[&["id"], &["n"]]);
    let mut by_other = change(&t, "1", Effect::Whole, None);
    by_other.layout = Arc::new(Layout {
        key: vec![2],
        ..Layout::clone(&by_other.layout)
    });
    assert_eq!(lengths(&[by_other, away(&t, "9", 1)]), [1, 1]);
}

#[test]
fn the_events_of_a_move_find_each_other_in_either_order_and_others_are_kept_or_asked_for() {
    let t = t();
    let backwards = [here(&t, "2", 1, &[1]), away(&t, "1", 1)];
    assert_eq!(plan(&backwards).reads, [(1, 0)]);
    // one that told no position
    let lone = [away(&t, "1", 1001), here(&t, "2", 1, &[1])];
    assert_eq!(plan(&lone).reads, [(0, 1)]);
    let strangers = [
        away(&t, "1", 1),
        here(&t, "2", 2, &[1]),
        here(&t, "3", 3, &[]),
    ];
    let expected = MovePlan {
        reads: Vec::new(),
        keeps: vec![0],
        takes: vec![1, 2],
        ..MovePlan::default()
    };
    assert_eq!(plan(&strangers), expected);
}

#[test]
fn of_a_move_that_was_finished_before_the_row_of_the_new_key_is_read_behind_what_writes_it() {
    let t = t();
    let finished = HashSet::from([Uuid::from_u128(1)]);
    let pair = [away(&t, "1", 1), here(&t, "2", 1, &[1])];
    let refs: Vec<&RowChange<'_>> = pair.iter().collect();
    let expected = MovePlan {
        reads: vec![(0, 1)],
        again: vec![1],
        finishes: vec![(Uuid::from_u128(1), 1)],
        ..MovePlan::default()
    };
    assert_eq!(MovePlan::of_part(&refs, &finished), expected);
    assert_eq!(split_at_moves(&refs, &finished).len(), 1);
    // alone, what was kept is asked for too
    let expected = MovePlan {
        takes: vec![0],
        again: vec![0],
        finishes: vec![(Uuid::from_u128(1), 0)],
        ..MovePlan::default()
    };
    assert_eq!(MovePlan::of_part(&refs[1..], &finished), expected);
    // an earlier change writes the row of the new key, or the move stands twice among the changes
    let behind = [change(&t, "2", Effect::Whole, None), pair[1].clone()];
    assert_eq!(
        split_at_moves(&behind.iter().collect::<Vec<_>>(), &finished).len(),
        2
    );
    assert_eq!(lengths(&behind), [2]);
    assert_eq!(lengths(&[pair[1].clone(), pair[1].clone()]), [1, 1]);
}

#[test]
fn a_row_that_comes_whole_behind_its_delete_needs_nothing_of_what_it_was() {
    let t = t();
    let settled = |changes: Vec<RowChange<'static>>| {
        let mut changes: Vec<_> = changes.into_iter().enumerate().collect();
        settle_moves(&mut changes);
        let told = changes.iter();
        told.map(|(_, c)| (c.is_whole(), c.moves.is_some()))
            .collect::<Vec<_>>()
    };
    let (gone, whole) = (away(&t, "1", 1), here(&t, "2", 1, &[]));
    assert_eq!(settled(vec![gone.clone(), whole.clone()])[0], (true, false));
    assert_eq!(settled(vec![whole.clone(), gone.clone()])[1], (false, true));
    let part = here(&t, "2", 1, &[1]);
    assert_eq!(settled(vec![gone.clone(), part])[0], (false, true));
    // where deletes aren't applied, nothing is left to do
    let mut stays = gone;
    stays.moves = Some(Box::new(RowMove::Away {
        id: Uuid::from_u128(1),
        stays: true,
    }));
    assert_eq!(settled(vec![stays, whole]).len(), 1);
}

#[test]
fn what_an_event_leaves_out_is_taken_from_what_was_kept_null_or_not() {
    let t = t();
    let part = here(&t, "2", 1, &[1, 3]);
    let kept = |names: &[&str]| {
        let texts = names
            .iter()
            .map(|name| (*name == "big").then(|| "x".to_owned()));
        KeptValues::new(
            names.iter().map(|n| (*n).to_owned()).collect(),
            texts.collect(),
        )
    };
    let whole = part.fill_left_out(&kept(&["big", "more", "gone"])).unwrap();
    assert_eq!(whole.layout.columns, [0, 1, 2, 3]);
    let texts: Vec<Option<&str>> = whole.texts.iter().map(|t| t.as_deref()).collect();
    assert_eq!(texts, [Some("2"), Some("x"), Some("5"), None]);
    assert!(whole.created && whole.effect == Effect::Whole);
    assert!(
        part.fill_left_out(&kept(&["big"])).is_none(),
        "a column is missing"
    );
}
