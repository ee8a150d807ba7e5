use super::*;
use crate::rows::row_change::Effect;
use crate::rows::table::Table;
use crate::rows::table_testing::table;

/// `t(id, name)` whose key is both; `kinds` are the columns'.
fn keyed(kinds: [KeyKind; 2]) -> Arc<Table> {
    let table = table("t", "id:int4 name:citext", &[&["id", "name"]]);
    let mut table = Arc::into_inner(table).unwrap();
    for (sameness, kind) in table.unique_keys[0].sameness.iter_mut().zip(kinds) {
        sameness.kind = kind;
    }
    table.unique_keys[0].sameness[1].hash = Some(r#""ext"."hash_it""#.to_owned());
    table.unique_keys[0].sameness[1].collation = Some(r#""ext"."blind""#.to_owned());
    Arc::new(table)
}

fn change(table: &Arc<Table>, id: &'static str, name: &'static str) -> RowChange<'static> {
    RowChange {
        layout: Arc::new(Layout {
            table: table.clone(),
            key: vec![0, 1],
            columns: Vec::new(),
        }),
        key: vec![Some(id.into()), Some(name.into())],
        old_key: None,
        old_mark: None,
        identity: None,
        old_identity: None,
        moves: None,
        texts: Vec::new(),
        effect: Effect::Gone,
        created: false,
    }
}

fn told(table: &Arc<Table>, id: &'static str, name: &'static str) -> RowChange<'static> {
    let mut change = change(table, id, name);
    assert!(identify_locally(&mut change));
    change
}

#[test]
fn keys_that_tell_themselves_are_not_asked_about_and_meet_however_they_are_written() {
    let t = keyed([KeyKind::Integer, KeyKind::Text]);
    let plain = told(&t, "1", "x");
    assert!(plain.identity.is_none());
    let other = told(&t, "01", "x");
    assert_eq!(plain.own_key().row_texts(), other.own_key().row_texts());
    assert_eq!(plain.key_hashes(), other.key_hashes());
    assert!(plain.own_key().is_spelled_as(other.own_key()));
    assert_ne!(plain.key_hashes(), told(&t, "1", "X").key_hashes());
}

#[test]
fn a_plainly_written_key_has_the_hash_that_the_events_own_text_has() {
    let t = keyed([KeyKind::Integer, KeyKind::Text]);
    let shape = crate::format::change::Shape {
        names: vec!["id".into(), "name".into()],
        schema: None,
        ..Default::default()
    };
    let fields = crate::format::change::Fields {
        shape: Some(Arc::new(shape)),
        values: &["7", r#""a\"é""#],
    };
    let of_event = crate::format::change::row_hash(&t.name, &fields);
    assert_eq!(told(&t, "7", "a\"é").key_hashes().key, of_event);
}

#[test]
fn postgres_is_asked_by_the_operator_the_collation_and_the_hash_of_the_index() {
    let t = keyed([KeyKind::Integer, KeyKind::KeptAsWritten]);
    let mut change = change(&t, "1", "Bob");
    assert!(!identify_locally(&mut change));
    let sql = KeyQuestion::new(change.layout.clone()).to_sql(true);
    for part in [
        r#"a.k2 OPERATOR("pg_catalog".=) (b.k2) COLLATE "ext"."blind""#,
        r#""ext"."hash_it"((v.k2) COLLATE "ext"."blind", 0::"pg_catalog"."int8")"#,
        r#"u.c1::"pg_catalog"."int4" AS k1"#,
    ] {
        assert!(sql.contains(part), "{part}\n{sql}");
    }
    let without = KeyQuestion::new(change.layout.clone()).to_sql(false);
    assert!(!without.contains("hash_it"));
}

fn answer(class: usize, id: &str, name: &str, hash: Option<&str>) -> Option<KeyAnswer> {
    Some(KeyAnswer {
        class,
        written: vec![id.to_owned(), name.to_owned()],
        hashes: vec![Some("9".to_owned()), hash.map(str::to_owned)],
    })
}

#[test]
fn answers_make_equal_keys_one_and_keep_their_spelling() {
    let t = keyed([KeyKind::Integer, KeyKind::KeptAsWritten]);
    let question = KeyQuestion::new(change(&t, "1", "").layout);
    let answers = [
        answer(0, "1", "Bob", Some("5:6")),
        answer(0, "1", "bob", Some("5:6")),
        answer(2, "1", "collides", Some("5:6")),
        None,
        answer(4, "1", "without", None),
    ];
    let read = question.read_answers(&answers);
    let texts = |at: usize| &read[at].as_ref().unwrap().texts;
    assert_eq!(**texts(0), [Some("1".into()), Some("~5:6".into())]);
    assert_eq!(texts(0), texts(1));
    assert_ne!(texts(0), texts(2), "not equal, whatever their hash says");
    assert!(read[3].is_none());
    assert_eq!(texts(4)[1], Some("without".into()));
    let spelling = |at: usize| read[at].as_ref().unwrap().spelling.clone().unwrap();
    assert_eq!(*spelling(0), ["1", "Bob"]);
    assert_eq!(*spelling(1), ["1", "bob"]);
}

#[test]
fn a_key_is_asked_about_once() {
    let t = keyed([KeyKind::Integer, KeyKind::KeptAsWritten]);
    let mut question = KeyQuestion::new(change(&t, "1", "").layout);
    let keys = [["1", "a"], ["1", "b"], ["1", "a"]];
    let places = keys.map(|key| question.add_key(&key.map(|text| Some(text.into()))));
    assert_eq!(places, [0, 1, 0]);
    assert_eq!(question.column_texts(1..2), [[Some("1")], [Some("b")]]);
}
