//! Source MariaDB → real Debezium → Kafka → Landfall → destination Postgres: every kind of column lands right, and
//! what the connector sends again is known by its place in the binary log.

use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use serde_json::json;

use crate::support::mariadb::MariaDb;
use crate::support::{World, eventually};

const TABLE: &str = "
    CREATE TABLE kinds (
        id int PRIMARY KEY, at datetime, fine datetime(6), stamp timestamp(3) NULL, day date, clock time(6), made year,
        amount decimal(12,2), large bigint unsigned, small tinyint, truth tinyint(1), ratio double,
        mood enum('calm', 'storm'), tags set('a', 'b', 'c'), flag bit(1), bits bit(12), raw varbinary(20),
        doc json, name varchar(50) CHARACTER SET utf8mb4);
    CREATE TABLE pairs (a int, b varchar(10), n int, PRIMARY KEY (a, b));
";

const DESTINATION: &str = "
    CREATE TABLE kinds (
        id int PRIMARY KEY, at timestamp, fine timestamp, stamp timestamptz, day date, clock time, made int,
        amount numeric(12,2), large numeric(20), small smallint, truth boolean, ratio double precision,
        mood text, tags text, flag boolean, bits bit(12), raw bytea, doc jsonb, name text);
    CREATE TABLE pairs (a int, b text, n int, PRIMARY KEY (a, b));
";

/// Both sides' rows as the same text.
const AT_SOURCE: &str = "
    SELECT CONCAT_WS('|', id, at, fine, stamp, day, clock, made, amount, large, small, truth, ratio, mood, tags, flag + 0,
        LPAD(BIN(bits + 0), 12, '0'), LOWER(HEX(raw)), doc, name) FROM kinds ORDER BY id;
    SELECT CONCAT_WS('|', a, b, n) FROM pairs ORDER BY a, b";
const LANDED: [&str; 2] = [
    "SELECT concat_ws('|', id, at, to_char(fine, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(stamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
        day, to_char(clock, 'HH24:MI:SS.US'), made, amount, large, small, truth::int, ratio, mood, tags, flag::int, bits,
        encode(raw, 'hex'), doc, name) FROM kinds ORDER BY id",
    "SELECT concat_ws('|', a, b, n) FROM pairs ORDER BY a, b COLLATE \"C\"",
];

const SNAPSHOT: &str = "
    INSERT INTO kinds VALUES
        (1, '2024-01-01 10:00:00', '2024-01-01 10:00:00.123456', '2024-03-31 01:30:00.5', '2024-02-29', '12:34:56.789012', 2024,
         -1.25, 18446744073709551615, -5, 1, 0.5, 'storm', 'a,c', b'1', b'101010101010', x'00ff', '{\"a\": 1}', 'ü \"x\"'),
        (2, '1969-12-31 23:59:59', '9999-12-31 23:59:59.999999', '1970-01-02 00:00:00', '9999-12-31', '00:00:00', 1999,
         9999999999.99, 0, 127, 0, -0.25, 'calm', '', b'0', b'1', x'', '[1, null]', '');
    INSERT INTO kinds (id) VALUES (3);
    INSERT INTO pairs VALUES (1, 'x', 1), (2, 'y', 1), (3, 'z', 1)";

/// Statements of several rows, several statements of a transaction on the same rows, a key that changes.
const CHANGES: &str = "
    INSERT INTO kinds SELECT id + 10, at, fine, stamp, day, clock, made, amount, large, small, truth, ratio, mood, tags, flag, bits, raw, doc, name FROM kinds;
    UPDATE kinds SET amount = amount - 1, mood = 'calm', stamp = '2024-10-27 02:30:00.25' WHERE id > 10;
    BEGIN;
    UPDATE pairs SET n = 2; UPDATE pairs SET n = 1; UPDATE pairs SET n = 2 WHERE a = 1;
    DELETE FROM pairs WHERE a = 2; INSERT INTO pairs VALUES (2, 'y', 1); DELETE FROM pairs WHERE a = 2; INSERT INTO pairs VALUES (2, 'y', 1);
    UPDATE pairs SET b = 'zz' WHERE a = 3;
    COMMIT;
    DELETE FROM kinds WHERE id = 3";

async fn landed(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for sql in LANDED {
        let found = world.db.query(sql, &[]).await.unwrap();
        rows.extend(found.iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}

async fn until_equal(world: &World, source: &MariaDb, log: impl Fn() -> String) {
    let expected = source.run(AT_SOURCE);
    let mut last = Vec::new();
    for _ in 0..300 {
        last = landed(world).await;
        if last == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("expected {expected:#?}\nlanded {last:#?}\n{}", log());
}

async fn records(world: &World, table: &str) -> usize {
    world
        .kafka
        .read_all(&format!("{}.public.{table}", world.name))
        .await
        .len()
}

#[tokio::test]
async fn mariadbs_tables_land_equal_and_a_connector_that_is_set_back_applies_nothing_twice() {
    let mut world = World::new("mariadb", 1).await;
    world.topics = vec![format!("^{}\\.public\\..*", world.name)];
    world.db.batch_execute(DESTINATION).await.unwrap();
    let source = MariaDb::start(&world, &format!("{TABLE} {SNAPSHOT}"));
    source.connect(json!({}));
    let worker = world.run();
    until_equal(&world, &source, || worker.log()).await;

    let start = source.log_end();
    source.run("INSERT INTO pairs VALUES (9, 'mark', 0)");
    until_equal(&world, &source, || worker.log()).await;
    let before_changes = source.offsets(start).await;
    source.run(CHANGES);
    until_equal(&world, &source, || worker.log()).await;
    // from here on the events tell their place in their transactions
    source.connect_anew(json!({ "provide.transaction.metadata": "true" }));
    source.run(
        &CHANGES
            .replace("id + 10", "id + 100")
            .replace("id > 10", "id > 100")
            .replace("id = 3", "id = 113"),
    );
    until_equal(&world, &source, || worker.log()).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("positions don't tell"), "{log}");

    let pairs = format!("{}.public.pairs", world.name);
    let tells_order = |record: &OwnedMessage| {
        let value = record.payload().unwrap_or_default();
        String::from_utf8_lossy(value).contains(r#""total_order":12,"#)
    };
    let records_before = world.kafka.read_all(&pairs).await;
    assert!(records_before.iter().any(tells_order));

    // all changes once more, all of them with their place in their transactions
    let applied = "SELECT count(*) FROM landfall.processed_events";
    let touched = "SELECT (SELECT sum(xmin::text::bigint) FROM kinds)::bigint + (SELECT sum(xmin::text::bigint) FROM pairs)::bigint";
    let (known, rows) = (world.count(applied).await, world.count(touched).await);
    let sent = [
        records(&world, "kinds").await,
        records(&world, "pairs").await,
    ];
    source.set_back(&before_changes);
    source.run("INSERT INTO pairs VALUES (10, 'last', 0)");
    eventually("the connector has sent all of it again", async || {
        let pairs = format!("{}.public.pairs", world.name);
        let is_last = |record: &OwnedMessage| {
            let value = record.payload().unwrap_or_default();
            String::from_utf8_lossy(value).contains(r#""b":"last""#)
        };
        let records = world.kafka.read_all(&pairs).await;
        records.iter().any(is_last).then_some(())
    })
    .await;
    assert!(records(&world, "kinds").await >= sent[0] + 12);
    assert!(records(&world, "pairs").await >= sent[1] + 20);
    let worker = world.catch_up().await;
    assert_eq!(world.count(applied).await, known + 1, "{}", worker.log());
    assert_eq!(landed(&world).await, source.run(AT_SOURCE));
    world
        .db
        .batch_execute("DELETE FROM pairs WHERE a = 10")
        .await
        .unwrap();
    assert_eq!(world.count(touched).await, rows, "no row was written");
    source.remove();
}
