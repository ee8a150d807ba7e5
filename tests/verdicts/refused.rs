//! Reject: it is this row. It is put aside alone, and its neighbours are applied. What can't be
//! decoded, NOT NULL, CHECK and others are in `dead_letters.rs`.

use rdkafka::Message as _;
use serde_json::{Value, json};

use super::sql;
use crate::support::events::{change, change_of, insert};
use crate::support::kafka::header;
use crate::support::own_postgres::OwnPostgres;
use crate::support::{World, audit, events};

const COLUMNS: &str = "
    CREATE TYPE mood AS ENUM ('calm', 'cross');
    CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
    ALTER TABLE t ADD mood mood, ADD day date, ADD code varchar(3), ADD price numeric(5, 2), ADD small smallint,
        ADD doc jsonb, ADD words tsvector, ADD even even, ADD parts int,
        ADD share int GENERATED ALWAYS AS (100 / parts) STORED,
        ADD span int4range, ADD EXCLUDE USING gist (span WITH &&), ADD label text;
    CREATE INDEX ON t (label);
    INSERT INTO t (id, version, span) VALUES (8000, 1, '[1,5)');
    CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.body = 'forbidden-9' THEN RAISE EXCEPTION 'no %', NEW.body; END IF;
        CASE WHEN NEW.body = 'unforeseen-9' THEN NULL; END CASE;
        RETURN NEW; END $$;
    CREATE TRIGGER judge BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.body LIKE '%-9') EXECUTE FUNCTION judge()";

/// Text that doesn't get smaller when it is compressed.
fn noise(length: usize) -> String {
    let mut state: u64 = 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'a' + (state >> 33) as u8 % 26)
    };
    (0..length).map(|_| next()).collect()
}

/// A column, a value that it refuses, the reason and the SQLSTATE of the letter.
fn refused() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        ("mood", json!("angry-9"), "value", "22P02"),
        ("day", json!("no day"), "value", "22007"),
        ("day", json!("2024-02-30"), "value", "22008"),
        ("code", json!("four-9"), "value", "22001"),
        ("price", json!("12345.67"), "value", "22003"),
        ("small", json!(70_001), "value", "22003"),
        ("doc", json!({ "nul-9": "\0" }), "value", "22P05"),
        // Postgres isn't asked: it would take the whole statement for broken
        ("body", json!("nul\0-9"), "value", ""),
        ("words", json!("'open-9"), "value", "42601"),
        ("parts", json!(0), "value", "22012"),
        ("label", json!(noise(10_000)), "value", "54000"),
        ("even", json!(77_777), "constraint", "23514"),
        ("span", json!("[3,9)"), "constraint", "23P01"),
        ("body", json!("forbidden-9"), "constraint", "P0001"),
        ("body", json!("other-9"), "constraint", "20000"),
    ]
}

#[tokio::test]
async fn what_a_column_a_constraint_or_a_trigger_refuses_is_put_aside_alone() {
    let world = World::new("refused", 1).await;
    sql(&world, COLUMNS).await;
    let mut all = events::history(300, 2);
    let refused = refused();
    let place = |n: usize| 10 + n * 33;
    for (n, (column, value, ..)) in refused.iter().enumerate() {
        let id = 9000 + n as i64;
        let mut row = json!({ "id": id, "version": 1, "body": "b" });
        row[column] = value.clone();
        all.insert(place(n), change("c", 90_000_000 + id, id, Some(row)));
    }
    world.kafka.produce(&world.topic, &all).await;
    let worker = world.catch_up().await;

    let applied = "SELECT count(*) FROM t WHERE version = 2";
    assert_eq!(world.count(applied).await, 300, "{}", worker.log());
    let landed = "SELECT id - 9000 FROM t WHERE id >= 9000";
    let landed = world.db.query(landed, &[]).await.unwrap();
    let landed = landed
        .iter()
        .map(|row| refused[row.get::<_, i64>(0) as usize].0);
    assert_eq!(landed.collect::<Vec<_>>(), [""; 0]);
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, 600);
    audit::assert_forward_only(&world.db).await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), refused.len());
    for (n, (column, value, reason, sqlstate)) in refused.iter().enumerate() {
        let offset = Some(place(n).to_string());
        let letter = letters
            .iter()
            .find(|l| header(l, "__connect.errors.offset") == offset);
        let letter = letter.unwrap_or_else(|| panic!("no letter of {column} {sqlstate}"));
        assert_eq!(letter.payload(), all[place(n)].value.as_deref());
        let said = |key| header(letter, key).unwrap();
        let why = said("__connect.errors.exception.message");
        assert_eq!(said("landfall.sqlstate"), *sqlstate, "{column}: {why}");
        assert_eq!(said("landfall.reason"), *reason, "{column}: {why}");
        let logged = value.as_str().is_some_and(|v| worker.log().contains(v));
        assert!(!logged, "no row value in the log:\n{}", worker.log());
    }
}

/// After an error, a transaction answers to everything else only that it is aborted (25P02).
#[tokio::test]
async fn the_first_error_of_a_transaction_decides() {
    let postgres = OwnPostgres::start(&[]);
    let world = World::on("first_error", 1, &postgres.url()).await;
    audit::create_table(&world.db, "u").await;
    sql(
        &world,
        "ALTER TABLE t ALTER version TYPE smallint; ALTER TABLE u ALTER version TYPE smallint",
    )
    .await;
    let row = |version: i64| Some(json!({ "id": 1, "version": version, "body": "b" }));
    // a statement for each table, sent one behind the other: once the first is refused, the other is told 25P02
    let batch = [
        insert(1, 2, 1),
        change("c", 2, 1, row(70_001)),
        change_of("u", "c", 3, json!({ "id": 1 }), row(70_002)),
        change_of("u", "c", 4, json!({ "id": 2 }), row(2)),
    ];
    world.kafka.produce(&world.topic, &batch).await;
    let worker = world.catch_up().await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    let codes: Vec<_> = letters
        .iter()
        .map(|letter| header(letter, "landfall.sqlstate").unwrap())
        .collect();
    assert_eq!(codes, ["22003", "22003"], "{}", worker.log());
    let log = postgres.log();
    assert!(log.contains("out of range"), "{log}");
    assert!(log.contains("current transaction is aborted"), "{log}");
    assert!(!worker.log().contains("25P02"), "{}", worker.log());
}
