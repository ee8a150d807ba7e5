//! A refused batch is taken apart until its culprits stand alone, with few statements, and nobody is
//! blamed for what only the order of writing did.

use serde_json::{Value, json};

use crate::support::events::{change_of, insert};
use crate::support::worker::Worker;
use crate::support::{Event, World, audit};

const BATCH: i64 = 5_000;

/// A batch of 5,000 rows, of which these are refused by NOT NULL or by CHECK.
async fn culprits(test: &str, culprits: &[i64]) -> usize {
    let world = World::new(test, 1).await;
    sql(&world, "ALTER TABLE t ADD CHECK (version > 0)").await;
    let event = |id: i64| {
        let version = match culprits.iter().position(|culprit| *culprit == id) {
            Some(nth) if nth % 2 == 0 => json!(null),
            Some(_) => json!(-1),
            None => json!(1),
        };
        put("t", id, json!({ "id": id, "version": version }))
    };
    let events: Vec<Event> = (1..=BATCH).map(event).collect();
    let worker = land_in_one_batch(&world, &events).await;
    let log = worker.log();
    assert_eq!(blamed(&world).await, culprits, "{log}");
    let landed = "SELECT count(*) FROM t WHERE version = 1";
    assert_eq!(world.count(landed).await, BATCH - culprits.len() as i64);
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, BATCH - culprits.len() as i64);
    audit::assert_forward_only(&world.db).await;
    // at each level one half is refused and one written, each with its savepoint and what ends it
    let bound = 3 + 6 * culprits.len() * (BATCH as f64).log2().ceil() as usize;
    let statements = statements(&worker);
    println!("{} culprits: {statements} statements", culprits.len());
    assert!(statements <= bound, "{statements} > {bound}\n{log}");
    statements
}

#[tokio::test]
async fn one_culprit_in_five_thousand_takes_few_statements() {
    culprits("one_culprit", &[3_217]).await;
}

#[tokio::test]
async fn fifty_culprits_in_five_thousand_take_few_statements() {
    let spread: Vec<i64> = (0..50).map(|n| 17 + n * 97).collect();
    culprits("fifty_culprits", &spread).await;
}

#[tokio::test]
async fn culprits_side_by_side_take_fewer() {
    let together: Vec<i64> = (2_000..2_050).collect();
    let statements = culprits("side_by_side", &together).await;
    assert!(statements < 1_000, "{statements}");
}

/// `u(id, code)`, where a code is there once.
async fn unique(test: &str) -> World {
    let world = World::new(test, 1).await;
    let table =
        "CREATE TABLE u (id bigint PRIMARY KEY, code int UNIQUE CHECK (code < 1000), note text)";
    sql(&world, table).await;
    let before: Vec<Event> = (1..=9).map(|n| code(n, n)).collect();
    land_in_one_batch(&world, &before).await;
    world
}

fn code(id: i64, code: i64) -> Event {
    put("u", id, json!({ "id": id, "code": code }))
}

async fn codes(world: &World) -> Vec<(i64, i32)> {
    let sql = "SELECT id, code FROM u ORDER BY id";
    let rows = world.db.query(sql, &[]).await.expect("rows");
    rows.iter().map(|r| (r.get(0), r.get(1))).collect()
}

#[tokio::test]
async fn values_swapped_through_a_temporary_one_blame_nobody() {
    let world = unique("swapped").await;
    let events = [
        code(1, 100),
        code(2, 1),
        code(1, 2),
        code(5, 101),
        code(6, 5),
        code(5, 6),
    ];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [0; 0], "{}", worker.log());
    let after = codes(&world).await;
    assert_eq!(after[..2], [(1, 2), (2, 1)]);
    assert_eq!(after[4..6], [(5, 6), (6, 5)]);
}

#[tokio::test]
async fn a_value_freed_by_a_delete_or_an_update_may_be_taken_by_another_key() {
    let world = unique("freed").await;
    // the takers' keys come before and after those of the keys that free it
    let events = [
        delete("u", 1),
        code(11, 1),
        delete("u", 9),
        code(0, 9),
        code(5, 50),
        code(4, 5),
        code(6, 60),
        code(7, 6),
    ];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [0; 0], "{}", worker.log());
    let expected = [
        (0, 9),
        (2, 2),
        (3, 3),
        (4, 5),
        (5, 50),
        (6, 60),
        (7, 6),
        (8, 8),
        (11, 1),
    ];
    assert_eq!(codes(&world).await, expected);
}

#[tokio::test]
async fn of_a_real_conflict_only_the_one_who_came_too_late_is_blamed() {
    let world = unique("conflict").await;
    let events = [code(20, 200), code(21, 3), code(22, 200), code(23, 201)];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [21, 22], "{}", worker.log());
    assert_eq!(codes(&world).await[9..], [(20, 200), (23, 201)]);
}

#[tokio::test]
async fn swaps_and_takeovers_beside_real_culprits_blame_only_those() {
    let world = unique("swapped_beside").await;
    let mut events = vec![
        code(1, 100),
        code(30, 5_000),
        code(2, 1),
        delete("u", 3),
        code(31, 4),
    ];
    events.extend([code(1, 2), code(32, 3), code(33, 9_999)]);
    events.extend((100..400).map(|n| code(n, n + 100)));
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [30, 31, 33], "{}", worker.log());
    let after = codes(&world).await;
    assert_eq!(after[..2], [(1, 2), (2, 1)]);
    assert!(after.contains(&(32, 3)));
    assert_eq!(after.len(), 8 + 1 + 300);
}

/// Rooms that are booked for days, never two at a time.
fn booking(id: i64, days: &str) -> Event {
    put("booking", id, json!({ "id": id, "days": days }))
}

#[tokio::test]
async fn an_exclusion_constraint_blames_only_who_overlaps() {
    let world = World::new("excluded", 1).await;
    let table = "CREATE TABLE booking (id bigint PRIMARY KEY, days int4range NOT NULL, EXCLUDE USING gist (days WITH &&))";
    sql(&world, table).await;
    let before = [
        booking(1, "[1,5)"),
        booking(2, "[5,9)"),
        booking(3, "[20,25)"),
    ];
    land_in_one_batch(&world, &before).await;
    let swapped = [
        booking(1, "[100,105)"),
        booking(2, "[1,5)"),
        booking(1, "[5,9)"),
    ];
    let freed = [delete("booking", 3), booking(4, "[22,24)")];
    let culprits = [booking(5, "[23,30)"), booking(6, "[3,4)")];
    let events: Vec<Event> = swapped.into_iter().chain(freed).chain(culprits).collect();
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [5, 6], "{}", worker.log());
    let days = "SELECT string_agg(id || days::text, ' ' ORDER BY id) FROM booking";
    let days: String = world.db.query_one(days, &[]).await.unwrap().get(0);
    assert_eq!(days, "1[5,9) 2[1,5) 4[22,24)");
}

#[tokio::test]
async fn values_swapped_between_parents_blame_nobody_either() {
    let world = unique("swapped_parents").await;
    let table = "CREATE TABLE part (id bigint PRIMARY KEY, u bigint NOT NULL REFERENCES u, n int CHECK (n > 0))";
    sql(&world, table).await;
    let part = |id: i64, u: i64, n: i64| put("part", id, json!({ "id": id, "u": u, "n": n }));
    // three in a ring, a culprit among their children
    let events = [
        part(1, 1, 1),
        code(1, 100),
        part(2, 70, -1),
        code(2, 1),
        code(3, 2),
        code(1, 3),
        part(3, 50, 1),
        delete("u", 7),
        code(50, 7),
        part(4, 2, -1),
    ];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [2, 4], "{}", worker.log());
    let after = codes(&world).await;
    assert_eq!(after[..3], [(1, 3), (2, 1), (3, 2)]);
    assert!(after.contains(&(50, 7)));
    assert_eq!(world.count("SELECT count(*) FROM part").await, 2);
}

#[tokio::test]
async fn culprits_of_several_tables_are_found_in_one_batch() {
    let world = World::new("several", 1).await;
    let tables = "ALTER TABLE t ADD CHECK (version > 0); CREATE TABLE a (id bigint PRIMARY KEY, n int CHECK (n > 0));
        CREATE TABLE b (id bigint PRIMARY KEY, day date)";
    sql(&world, tables).await;
    let mut events = Vec::new();
    for n in 1..=1_000 {
        let bad = n == 500;
        events.push(insert(n, n, if bad { -1 } else { 1 }));
        events.push(put(
            "a",
            2_000 + n,
            json!({ "id": 2_000 + n, "n": if bad { 0 } else { 1 } }),
        ));
        let day = if bad { "no day" } else { "2024-01-01" };
        events.push(put("b", 4_000 + n, json!({ "id": 4_000 + n, "day": day })));
    }
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(
        blamed(&world).await,
        [500, 2_500, 4_500],
        "{}",
        worker.log()
    );
    for table in ["t", "a", "b"] {
        let rows = world.count(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, 999, "{table}");
    }
}

fn put(table: &str, id: i64, row: Value) -> Event {
    change_of(table, "u", next(), json!({ "id": id }), Some(row))
}

fn delete(table: &str, id: i64) -> Event {
    change_of(table, "d", next(), json!({ "id": id }), None)
}

/// Log positions rise.
fn next() -> i64 {
    use std::sync::atomic::{AtomicI64, Ordering};
    static LAST: AtomicI64 = AtomicI64::new(10_000_000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

async fn sql(world: &World, sql: &str) {
    let done = world.db.batch_execute(sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// A batch waits long enough to take all of them in.
async fn land_in_one_batch(world: &World, events: &[Event]) -> Worker {
    world.kafka.produce(&world.topic, events).await;
    let linger = [("LANDFALL_APPLY__LINGER", "1s")];
    let file = world.config_file();
    let mut worker = Worker::start(&["run", "--until-caught-up"], &file, &linger);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    worker
}

/// The ids in the letters' keys, in order.
async fn blamed(world: &World) -> Vec<i64> {
    let sql = "SELECT (key::jsonb ->> 'id')::bigint FROM landfall.dead_letters WHERE state = 'parked' ORDER BY 1";
    let rows = world.db.query(sql, &[]).await.expect("letters");
    rows.iter().map(|r| r.get(0)).collect()
}

/// How many statements it took to take everything apart: mostly one batch, two where the machine is
/// so busy that a fetch takes longer than a batch waits for company.
fn statements(worker: &Worker) -> usize {
    let log = worker.log();
    let counts: Vec<usize> = log
        .lines()
        .filter(|line| line.contains("refused batch taken apart"))
        .filter_map(|line| line.split("statements=").nth(1))
        .map(|rest| rest.split(' ').next().unwrap_or_default())
        .map(|count| count.parse().expect("a count"))
        .collect();
    assert!(!counts.is_empty(), "nothing was taken apart:\n{log}");
    counts.iter().sum()
}

const LEFT_OUT: &str = "__debezium_unavailable_value";

#[tokio::test]
async fn an_update_of_a_row_that_is_not_there_is_blamed_though_the_one_behind_it_is_refused() {
    let world = World::new("update_refused", 1).await;
    let table = "CREATE TABLE p (id bigint PRIMARY KEY, doc text, img text CHECK (img <> 'no'));
                 INSERT INTO p VALUES (2, 'old', 'old'), (3, 'old', 'old')";
    sql(&world, table).await;
    let part =
        |id: i64, doc: &str, img: &str| put("p", id, json!({ "id": id, "doc": doc, "img": img }));
    let events = [
        part(1, "new", LEFT_OUT),
        part(2, LEFT_OUT, "no"),
        part(3, "new", LEFT_OUT),
    ];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [1, 2], "{}", worker.log());
    let after =
        "SELECT count(*) FROM p WHERE (id, doc, img) IN ((2, 'old', 'old'), (3, 'new', 'old'))";
    assert_eq!(world.count(after).await, 2);
}

#[tokio::test]
async fn a_row_that_a_trigger_makes_behind_an_update_that_missed_it_does_not_make_up_for_it() {
    let world = World::new("stub_behind", 1).await;
    let tables = "CREATE TABLE p (id bigint PRIMARY KEY, doc text, img text);
        CREATE TABLE c (id bigint PRIMARY KEY, p bigint REFERENCES p);
        CREATE FUNCTION make_stub() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.p (id) VALUES (NEW.p) ON CONFLICT DO NOTHING; RETURN NEW; END $$;
        CREATE TRIGGER stub BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION make_stub()";
    sql(&world, tables).await;
    let events = [
        put("p", 7, json!({ "id": 7, "doc": LEFT_OUT, "img": "new" })),
        put("c", 1, json!({ "id": 1, "p": 7 })),
    ];
    let worker = land_in_one_batch(&world, &events).await;
    assert_eq!(blamed(&world).await, [7], "{}", worker.log());
    let landed = "SELECT count(*) FROM c JOIN p ON p.id = c.p WHERE p.img IS NULL";
    assert_eq!(world.count(landed).await, 1);
}
