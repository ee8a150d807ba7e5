//! A row is what Postgres says it is: keys that the destination's unique index holds equal are one key, however
//! they are written, and a key is kept as it is written.

mod model;

use serde_json::{Value, json};

use crate::commands::done;
use crate::support::events::change_of;
use crate::support::{Event, World};

/// Kinds of keys, each with two spellings of one key, as JSON.
const KINDS: &[(&str, &str, &str)] = &[
    ("citext", r#""bob""#, r#""Bob""#),
    ("login", r#""bob""#, r#""Bob""#),
    ("text COLLATE blind", r#""bob""#, r#""BOB""#),
    ("varchar(9) COLLATE blind", r#""bob""#, r#""BOB""#),
    ("numeric", "1.0", "1.00"),
    ("numeric(10, 2)[]", "[1, 2.5]", "[1.00, 2.50]"),
    ("float8", "0.0", "-0.0"),
    ("interval", r#""24 hours""#, r#""1 day""#),
    ("jsonb", r#"{"a":1}"#, r#"{"a":1.0}"#),
    ("pair", r#""(bob,1)""#, r#""(Bob,1)""#),
    ("numrange", r#""[1,2)""#, r#""[1.0,2)""#),
    // these Postgres writes alike, or cuts: another text, but nothing of it is kept
    ("char(5)", r#""ab""#, r#""ab  ""#),
    ("numeric(10, 2)", "1", "1.00"),
    (
        "uuid",
        r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#,
        r#""a0eebc999c0b4ef8bb6d6bb9bd380a11""#,
    ),
    (
        "timestamptz",
        r#""2024-01-02T03:04:05Z""#,
        r#""2024-01-02T04:04:05+01:00""#,
    ),
    (
        "timestamptz(0)",
        r#""2024-01-02T03:04:05.0Z""#,
        r#""2024-01-02T03:04:05Z""#,
    ),
    ("varchar(3)", r#""äbc""#, r#""äbc  ""#),
    ("interval(0)", r#""1 second""#, r#""1.0 seconds""#),
    ("inet", r#""10.0.0.1""#, r#""10.0.0.1/32""#),
    ("bigint", "7", r#""07""#),
    ("text", r#""A""#, r#""\u0041""#),
];

/// What the kinds need.
const TYPES: &str = "CREATE EXTENSION citext; CREATE DOMAIN login AS citext; \
    CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
    CREATE TYPE pair AS (name citext, n int)";

fn key(raw: &str) -> Value {
    let value: Value = serde_json::from_str(raw).unwrap();
    json!({ "k": value })
}

/// An event of `table(k, v)`.
fn put(table: &str, op: &str, lsn: i64, raw: &str, v: i64) -> Event {
    let mut row = key(raw);
    row["v"] = v.into();
    raw_key(change_of(table, op, lsn, key(raw), Some(row)), raw)
}

fn gone(table: &str, lsn: i64, raw: &str) -> Event {
    raw_key(change_of(table, "d", lsn, key(raw), None), raw)
}

/// The key as it is written, escapes and all.
fn raw_key(mut event: Event, raw: &str) -> Event {
    event.key = Some(format!("{{\"k\":{raw}}}").into_bytes());
    event
}

fn tombstone(raw: &str) -> Event {
    Event {
        key: Some(format!("{{\"k\":{raw}}}").into_bytes()),
        ..Event::default()
    }
}

/// A table for each kind, `kind_0` and on, to which another refers.
async fn world_of_kinds(test: &str) -> World {
    let world = World::new(test, 1).await;
    world.sql(TYPES).await;
    for (at, (kind, _, _)) in KINDS.iter().enumerate() {
        let table = format!("CREATE TABLE kind_{at} (k {kind} PRIMARY KEY, v int CHECK (v >= 0))");
        world.sql(&table).await;
        // Postgres itself can't check a foreign key on an array with a modifier
        if !kind.ends_with("[]") {
            let child = format!("CREATE TABLE child_{at} (k {kind} REFERENCES kind_{at})");
            world.sql(&child).await;
        }
    }
    world
}

/// Events of all kinds, of which each has its own log position.
fn of_all_kinds(first: i64, events: impl Fn(&str, i64, &str, &str) -> Vec<Event>) -> Vec<Event> {
    let kinds = KINDS.iter().enumerate();
    let events = kinds.map(|(at, (_, one, other))| {
        let lsn = first + 10 * at as i64;
        events(&format!("kind_{at}"), lsn, one, other)
    });
    events.flatten().collect()
}

/// The rows of each kind's table, and how they should be written.
async fn assert_rows(
    world: &World,
    why: &str,
    expected: impl Fn(&str, &str) -> Option<(String, i64)>,
) {
    for (at, (kind, one, other)) in KINDS.iter().enumerate() {
        let sql = format!("SELECT k::text, v::bigint FROM kind_{at}");
        let rows = world.db.query(&sql, &[]).await.unwrap();
        let rows: Vec<(String, i64)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
        let expected: Vec<_> = match expected(one, other) {
            Some((raw, v)) => vec![(written(world, kind, &raw).await, v)],
            None => Vec::new(),
        };
        assert_eq!(rows, expected, "{why}: {kind}");
    }
}

/// What Postgres keeps of a key.
async fn written(world: &World, kind: &str, raw: &str) -> String {
    let text = match key(raw)["k"].clone() {
        Value::String(text) => text,
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
            format!("{{{}}}", elements.join(","))
        }
        other => other.to_string(),
    };
    let sql = format!("SELECT (('{text}'::text)::{kind})::text");
    world.db.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_key_that_is_spelled_anew_keeps_its_row_whatever_its_type() {
    let mut world = world_of_kinds("respelled").await;
    world.set("apply", "batch_rows = 1000");
    let events = of_all_kinds(100, |table, lsn, one, other| {
        vec![
            put(table, "c", lsn, one, 1),
            gone(table, lsn + 1, one),
            tombstone(one),
            put(table, "c", lsn + 2, other, 2),
        ]
    });
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_rows(&world, "in one batch", |_, other| {
        Some((other.to_owned(), 2))
    })
    .await;
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());

    // each event in a batch of its own
    let events = of_all_kinds(1_000, |table, lsn, one, other| {
        vec![
            gone(table, lsn, other),
            put(table, "c", lsn + 1, one, 3),
            put(table, "u", lsn + 2, other, 4),
        ]
    });
    world.set("apply", "memory = \"16MiB\"");
    world
        .settings
        .get_mut("apply")
        .unwrap()
        .retain(|line| !line.starts_with("batch_rows"));
    world.set("apply", "batch_rows = 1");
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_rows(&world, "one by one", |_, other| Some((other.to_owned(), 4))).await;
    assert_eq!(world.letters().await, [""; 0]);
}

#[tokio::test]
async fn a_row_that_is_deleted_as_it_is_spelled_is_gone_whatever_it_was_before() {
    let world = world_of_kinds("deleted_as_spelled").await;
    let events = of_all_kinds(100, |table, lsn, one, _| vec![put(table, "c", lsn, one, 1)]);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    // in one batch: the row gets another spelling, and goes by that one
    let events = of_all_kinds(1_000, |table, lsn, _, other| {
        vec![put(table, "u", lsn, other, 2), gone(table, lsn + 1, other)]
    });
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_rows(&world, "gone", |_, _| None).await;
}

#[tokio::test]
async fn a_delete_that_names_another_spelling_leaves_the_row_and_says_so() {
    let world = World::new("other_spelling", 1).await;
    world.sql(TYPES).await;
    world
        .sql("CREATE TABLE users (k citext PRIMARY KEY, v int)")
        .await;
    // the destination was filled in another spelling than the events have
    let late = [gone("users", 2, r#""bob""#), tombstone(r#""bob""#)];
    world
        .kafka
        .produce(&world.topic, &[put("users", "c", 1, r#""Bob""#, 1)])
        .await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &late).await;
    let worker = world.catch_up().await;
    let rows = "SELECT count(*) FROM users WHERE k::text = 'Bob'";
    assert_eq!(world.count(rows).await, 1);
    let said = "a delete has left a row that Postgres holds equal to it";
    assert_eq!(worker.log().matches(said).count(), 1, "{}", worker.log());
    // the log isn't filled with it, and each is counted
    let worker = world.run();
    for (lsn, raw) in [(3, r#""bob""#), (4, r#""BOB""#)] {
        world
            .kafka
            .produce(&world.topic, &[gone("users", lsn, raw)])
            .await;
    }
    crate::support::eventually("both are counted", async || {
        let count = worker.metric("landfall_rows_left_total", &["users"]).await;
        (count == 2.0).then_some(())
    })
    .await;
    assert_eq!(worker.log().matches(said).count(), 1, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
    // a delete of a row that isn't there at all is none
    let events = [gone("users", 5, r#""eve""#)];
    world.kafka.produce(&world.topic, &events).await;
    assert!(!world.catch_up().await.log().contains(said));
}

/// The source wrote bob and renamed it to Bob, whose records have another key: those of partitions 1 and 0.
fn renamed(v: i64) -> (Vec<Event>, Vec<Event>) {
    let of_bob = vec![
        put("users", "c", 1, r#""bob""#, 1).on(1),
        put("users", "u", 2, r#""bob""#, 2).on(1),
        gone("users", 3, r#""bob""#).on(1),
        tombstone(r#""bob""#).on(1),
    ];
    (of_bob, vec![put("users", "c", 3, r#""Bob""#, v).on(0)])
}

#[tokio::test]
async fn a_row_that_changes_its_spelling_stays_whichever_partition_is_landed_first() {
    for (batch, together) in [(1_000, false), (1, false), (1_000, true)] {
        let mut world = World::new("renamed_partitions", 2).await;
        world.set("apply", &format!("batch_rows = {batch}"));
        world.sql(TYPES).await;
        world
            .sql("CREATE TABLE users (k citext PRIMARY KEY, v int)")
            .await;
        let (of_bob, of_new) = renamed(3);
        world.kafka.produce(&world.topic, &of_new).await;
        if !together {
            world.catch_up().await;
        }
        world.kafka.produce(&world.topic, &of_bob).await;
        let worker = world.catch_up().await;
        let rows = "SELECT count(*) FROM users WHERE k::text = 'Bob' AND v = 3";
        assert_eq!(world.count(rows).await, 1, "{batch} {}", worker.log());
        // and is gone once it is deleted as it is spelled now
        world
            .kafka
            .produce(&world.topic, &[gone("users", 4, r#""Bob""#).on(0)])
            .await;
        world.catch_up().await;
        assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
    }
}

#[tokio::test]
async fn a_row_is_gone_though_the_delete_came_before_the_change_that_spelled_it_so() {
    for batch in [1_000, 1] {
        let mut world = World::new("renamed_deleted", 3).await;
        world.set("apply", &format!("batch_rows = {batch}"));
        world.sql(TYPES).await;
        world
            .sql("CREATE TABLE users (k citext PRIMARY KEY, v int)")
            .await;
        let (mut of_bob, of_new) = renamed(3);
        let late = of_bob.split_off(2);
        world.kafka.produce(&world.topic, &of_bob).await;
        world.catch_up().await;
        // as of rows that move between the tables of the source
        let delete = gone("users", 4, r#""Bob""#).on(2);
        world.kafka.produce(&world.topic, &[delete]).await;
        world.catch_up().await;
        let rows = "SELECT count(*) FROM users";
        assert_eq!(world.count(rows).await, 1, "it is bob still");
        world.kafka.produce(&world.topic, &late).await;
        world.kafka.produce(&world.topic, &of_new).await;
        let worker = world.catch_up().await;
        assert_eq!(world.count(rows).await, 0, "{batch} {}", worker.log());
        // one that comes later stays
        let new = put("users", "c", 5, r#""bob""#, 5).on(1);
        world.kafka.produce(&world.topic, &[new]).await;
        world.catch_up().await;
        assert_eq!(world.count(rows).await, 1);
    }
}

/// A moment has no hash function of its own that could be called: the length of time beside it is told by its hash
/// all the same, in whichever batch it comes.
#[tokio::test]
async fn a_key_of_several_columns_is_one_key_in_every_batch() {
    let world = World::new("several_columns", 2).await;
    world
        .sql("CREATE TABLE spans (at timestamptz, span interval, v int, PRIMARY KEY (at, span))")
        .await;
    let change = |lsn: i64, span: &str| {
        let mut row = json!({ "at": "2024-01-02T03:04:05.5Z", "span": span });
        let key = row.clone();
        row["v"] = lsn.into();
        change_of("spans", "u", lsn, key, Some(row))
    };
    for (partition, lsn, span) in [(0, 2, "24 hours"), (1, 1, "1 day")] {
        let event = change(lsn, span).on(partition);
        world.kafka.produce(&world.topic, &[event]).await;
        world.catch_up().await;
    }
    let rows = "SELECT count(*) FROM spans WHERE span::text = '24:00:00' AND v = 2";
    assert_eq!(world.count(rows).await, 1);
}

/// What Postgres writes alike is one row too, and the source had two keys for it.
#[tokio::test]
async fn a_row_that_changes_its_spelling_stays_though_nothing_of_the_spelling_is_kept() {
    let (upper, lower) = (
        r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#,
        r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#,
    );
    let kinds = [
        ("uuid", upper, lower),
        ("numeric(10, 2)", r#""1.5""#, r#""1.50""#),
        ("char(5)", r#""ab""#, r#""ab ""#),
        ("bigint", r#""07""#, r#""7""#),
        ("date", r#""2024-01-02""#, r#""20240102""#),
        ("numeric(10, 2)", "1.5", "1.50"),
    ];
    for together in [false, true] {
        let world = World::new("alike_partitions", 2).await;
        let (mut first, mut then) = (Vec::new(), Vec::new());
        for (at, (kind, one, other)) in kinds.iter().enumerate() {
            let (table, lsn) = (format!("alike_{at}"), 10 * at as i64);
            world
                .sql(&format!(
                    "CREATE TABLE {table} (k {kind} PRIMARY KEY, v int)"
                ))
                .await;
            first.push(put(&table, "c", lsn + 3, other, 3).on(0));
            then.extend([
                put(&table, "c", lsn + 1, one, 1).on(1),
                gone(&table, lsn + 3, one).on(1),
                tombstone(one).on(1),
            ]);
        }
        world.kafka.produce(&world.topic, &first).await;
        if !together {
            world.catch_up().await;
        }
        world.kafka.produce(&world.topic, &then).await;
        let worker = world.catch_up().await;
        for (at, (kind, ..)) in kinds.iter().enumerate() {
            let rows = format!("SELECT count(*) FROM alike_{at} WHERE v = 3");
            assert_eq!(
                world.count(&rows).await,
                1,
                "{kind} {together} {}",
                worker.log()
            );
        }
    }
}

#[tokio::test]
async fn a_refused_row_of_a_new_spelling_is_not_lost_to_what_came_before_it() {
    let mut world = World::new("renamed_letter", 2).await;
    world.sql(TYPES).await;
    world
        .sql("CREATE TABLE users (k citext PRIMARY KEY, v int CHECK (v >= 0))")
        .await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let (of_bob, of_new) = renamed(-1);
    for events in [of_new, of_bob] {
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
    }
    world
        .sql("ALTER TABLE users DROP CONSTRAINT users_v_check")
        .await;
    done(&world, "dlq replay");
    let rows = "SELECT count(*) FROM users WHERE k::text = 'Bob' AND v = -1";
    assert_eq!(world.count(rows).await, 1, "{:?}", states(&world).await);
}

#[tokio::test]
async fn keys_that_keep_their_spelling_are_landed_without_positions_which_is_said() {
    let world = World::new("spelled_unplaced", 2).await;
    world.sql(TYPES).await;
    world
        .sql("CREATE TABLE users (k citext PRIMARY KEY, v int); CREATE TABLE plain (k bigint PRIMARY KEY, v int)")
        .await;
    let unplaced = |event: Event| {
        let mut event = event;
        let mut value: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        value["source"]["lsn"] = Value::Null;
        event.value = Some(value.to_string().into_bytes());
        event
    };
    let events = [
        unplaced(put("users", "c", 1, r#""bob""#, 1)).on(0),
        unplaced(put("users", "c", 2, r#""eve""#, 1)).on(1),
        unplaced(put("plain", "c", 3, "15", 1)).on(1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM users").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM plain").await, 1);
    let said = "its events tell no position at their source";
    let log = worker.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(said)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("users"), "{log}");
    let answer = crate::commands::landfall(&world, "check --json");
    assert_eq!(answer.code, Some(0), "{}", answer.text);
    assert_eq!(
        answer.text.matches("spelling_order_unknown").count(),
        1,
        "{}",
        answer.text
    );
}

/// `users(k, v)` that refuses negative values.
async fn users(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.sql(TYPES).await;
    world
        .sql("CREATE TABLE users (k citext PRIMARY KEY, v int CHECK (v >= 0), note text)")
        .await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
}

async fn states(world: &World) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', key::json ->> 'k', reason, state) FROM landfall.dead_letters ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn letters_meet_every_spelling_of_their_key() {
    let world = users("letters_meet").await;
    let partial = |lsn, raw: &str| {
        let mut row = key(raw);
        (row["v"], row["note"]) = (3.into(), "__debezium_unavailable_value".into());
        change_of("users", "u", lsn, key(raw), Some(row))
    };
    let events = [
        put("users", "c", 1, r#""bob""#, 1),
        put("users", "u", 2, r#""bob""#, -1),
        Event::raw(r#"{"k":"EVE"}"#, "{ broken"),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    world
        .kafka
        .produce(&world.topic, &[partial(3, r#""Bob""#)])
        .await;
    world.catch_up().await;
    let behind = [
        "bob constraint parked",
        "EVE undecodable parked",
        "Bob behind parked",
    ];
    let mut found = states(&world).await;
    found.sort_unstable();
    let mut expected = behind.map(str::to_owned).to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let events = [
        put("users", "u", 4, r#""BOB""#, 5),
        put("users", "c", 5, r#""Eve""#, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert!(
        states(&world)
            .await
            .iter()
            .all(|state| state.ends_with("superseded")),
        "{:?}",
        states(&world).await
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM users WHERE k::text IN ('BOB', 'Eve')")
            .await,
        2
    );
}

#[tokio::test]
async fn a_letter_is_replayed_before_a_later_one_of_another_spelling() {
    let mut world = users("replayed_spelling").await;
    world.set("dead_letter", "later_events = \"park\"");
    let events = [
        put("users", "c", 1, r#""bob""#, -1),
        put("users", "u", 2, r#""Bob""#, 2),
    ];
    for event in events {
        world.kafka.produce(&world.topic, &[event]).await;
        world.catch_up().await;
    }
    assert_eq!(
        states(&world).await,
        ["bob constraint parked", "Bob behind parked"]
    );
    let later = world
        .count("SELECT max(id) FROM landfall.dead_letters")
        .await;
    let answer = crate::commands::landfall(&world, &format!("dlq replay --id {later} --json"));
    assert!(
        answer.text.contains("behind"),
        "{}{}",
        answer.text,
        answer.error
    );
    world
        .sql("ALTER TABLE users DROP CONSTRAINT users_v_check")
        .await;
    let tried = done(&world, "dlq replay --dry-run --json");
    assert_eq!(
        tried.text.matches("\"outcome\":\"replayed\"").count(),
        2,
        "{}",
        tried.text
    );
    done(&world, "dlq replay --json");
    assert_eq!(
        states(&world).await,
        ["bob constraint replayed", "Bob behind replayed"]
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM users WHERE k::text = 'Bob' AND v = 2")
            .await,
        1
    );
}

#[tokio::test]
async fn a_delete_of_another_spelling_does_not_supersede_a_letter() {
    let world = users("not_superseded").await;
    // the source renamed bob to Bob; Bob is refused, and the delete of bob comes late
    let events = [
        put("users", "c", 1, r#""bob""#, 1),
        put("users", "u", 3, r#""Bob""#, -1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    world
        .kafka
        .produce(&world.topic, &[gone("users", 2, r#""bob""#)])
        .await;
    world.catch_up().await;
    assert_eq!(
        states(&world).await,
        ["Bob constraint parked", "bob behind parked"]
    );
    world
        .kafka
        .produce(&world.topic, &[gone("users", 4, r#""Bob""#)])
        .await;
    world.catch_up().await;
    assert_eq!(
        states(&world).await.len(),
        3,
        "the delete that waits stands before it"
    );
    world
        .sql("ALTER TABLE users DROP CONSTRAINT users_v_check")
        .await;
    done(&world, "dlq replay");
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn letters_of_keys_whose_elements_have_no_hash_are_replayed() {
    let mut world = World::new("unhashed_letter", 1).await;
    world
        .sql("CREATE TABLE bits (k varbit[] PRIMARY KEY, v int CHECK (v >= 0))")
        .await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let events = [
        put("bits", "c", 1, r#"["101"]"#, -1),
        put("bits", "c", 2, r#"["11"]"#, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(states(&world).await.len(), 1);
    world
        .sql("ALTER TABLE bits DROP CONSTRAINT bits_v_check")
        .await;
    let answer = done(&world, "dlq replay --json");
    assert_eq!(
        world.count("SELECT count(*) FROM bits").await,
        2,
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_key_that_postgres_can_not_read_is_put_aside_alone() {
    let mut world = World::new("unreadable_key", 1).await;
    world
        .sql("CREATE TABLE n (k numeric PRIMARY KEY, v int)")
        .await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let mut events: Vec<Event> = (1..=20)
        .map(|n| put("n", "c", n, &format!("{n}.0"), 1))
        .collect();
    events.push(put("n", "c", 21, "true", 1));
    events.push(put("n", "c", 22, r#"{"scale":0,"value":"!"}"#, 1));
    events.push(put("n", "c", 23, r#"1e200000"#, 1));
    events.extend((1..=20).map(|n| put("n", "u", 30 + n, &format!("{n}.00"), 2)));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM n WHERE v = 2 AND k::text LIKE '%.00'")
            .await,
        20,
        "{}",
        worker.log()
    );
    assert!(states(&world).await.len() <= 3);
}
