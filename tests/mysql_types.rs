//! Every type of a real MariaDB, at its edges, by a real Debezium: what lands is what the source itself says, in the
//! tables that `create` makes and in those that a careful user wrote, from the snapshot and from the log alike.

use std::collections::BTreeMap;

use rdkafka::Message;
use serde_json::{Value, json};

use crate::support::debezium::Format;
use crate::support::mariadb::MariaDb;
use crate::support::repository::root;
use crate::support::{Event, World, eventually};

mod columns;

use columns::{COLUMNS, Column, Schemaless, Side};

const DOCUMENT: &str = "docs/sources.md";

/// Dates that are none of the calendar's, and a NULL beside a default: what comes of those can't be told apart from others.
const ZEROS: &str = "CREATE TABLE zeros (id int PRIMARY KEY, day date, needed date NOT NULL, at datetime, stamp timestamp NULL, word varchar(9) DEFAULT 'x');
    INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 'y'),
        (2, '2024-00-15', '2024-02-30', '2024-02-30 10:00:00', NULL, NULL)";

/// A row of each edge, and one of nothing but NULL.
const ROWS: usize = 5;

fn source_tables() -> String {
    let define = |column: &Column| format!("`{}` {}", column.name, column.at_source);
    let columns: Vec<String> = COLUMNS.iter().map(define).collect();
    let rows = (0..ROWS).map(|row| {
        let values = COLUMNS.iter().map(|column| match column.values.get(row) {
            Some(value) => value,
            None if column.values[0] == "DEFAULT" => "DEFAULT",
            None => "NULL",
        });
        format!(
            "({}, 0, {})",
            row + 1,
            values.collect::<Vec<_>>().join(", ")
        )
    });
    format!(
        "SET NAMES utf8mb4; SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
        CREATE TABLE kinds (id int PRIMARY KEY, n int NOT NULL, {});
        INSERT INTO kinds VALUES {}; {ZEROS}",
        columns.join(", "),
        rows.collect::<Vec<_>>().join(", ")
    )
}

/// All rows once more, by way of the log.
fn changes() -> String {
    let own = COLUMNS
        .iter()
        .filter(|column| column.values[0] != "DEFAULT");
    let names: Vec<String> = own.map(|column| format!("`{}`", column.name)).collect();
    let names = names.join(", ");
    format!(
        "SET NAMES utf8mb4; SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
        INSERT INTO kinds (id, n, {names}) SELECT id + 10, 0, {names} FROM kinds;
        UPDATE kinds SET n = 1 WHERE id > 10;
        INSERT INTO zeros SELECT id + 10, day, needed, at, stamp, word FROM zeros"
    )
}

/// A table's columns: their names there, and their sides.
type Sides = Vec<(String, &'static Column, Side)>;

fn sides(choose: impl Fn(&Column) -> Option<Side>) -> Sides {
    let chosen = COLUMNS
        .iter()
        .filter_map(|c| Some((c.name.to_owned(), c, choose(c)?)));
    chosen.collect()
}

fn in_all_rows(expressions: &[String]) -> String {
    let whole = expressions.join(", ");
    format!("SELECT CONCAT_WS('¦', id, n, {whole}) FROM kinds ORDER BY id")
}

async fn assert_equal(world: &World, source: &MariaDb, sides: &Sides, log: &str) {
    let at_source = sides.iter().map(|(_, column, side)| {
        let value = side.source.replace("{}", &format!("`{}`", column.name));
        format!("COALESCE(CONVERT(CAST({value} AS CHAR) USING utf8mb4), '∅')")
    });
    let landed = sides.iter().map(|(name, _, side)| {
        let value = side.landed.replace("{}", &format!("\"{name}\""));
        format!("COALESCE({value}, '∅')")
    });
    let at_source = in_all_rows(&at_source.collect::<Vec<_>>());
    let expected = source.run(&format!("SET NAMES utf8mb4; {at_source}"));
    let landed = in_all_rows(&landed.collect::<Vec<_>>());
    let rows = world.db.query(&landed, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!((rows.len(), letters.len()), (2 * ROWS, 0), "{log}");
    let mut wrong = Vec::new();
    for (expected, landed) in expected.iter().zip(&rows) {
        let of_row: Vec<_> = expected.split('¦').zip(landed.split('¦')).collect();
        assert_eq!(of_row.len(), sides.len() + 2, "{expected}\n{landed}");
        let differing = of_row
            .iter()
            .enumerate()
            .filter(|(_, (expected, landed))| expected != landed);
        wrong.extend(differing.map(|(at, (expected, landed))| {
            let kind = at.checked_sub(2).map_or("id", |at| sides[at].1.kind);
            format!(
                "{kind} in row {}: {expected} landed as {landed}",
                of_row[0].0
            )
        }));
    }
    assert!(wrong.is_empty(), "{}\n{log}", wrong.join("\n"));
}

/// The types of the columns that a table has, by their names.
async fn types(world: &World) -> BTreeMap<String, String> {
    let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'kinds'::regclass AND attnum > 0";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn write_table(world: &World, sides: &Sides) {
    let define = |(name, _, side): &(String, _, Side)| format!("\"{name}\" {}", side.of);
    let columns: Vec<String> = sides.iter().map(define).collect();
    let sql = format!(
        "CREATE TYPE weather AS ENUM ('calm', 'storm', 'größer', 'storm, or worse');
        CREATE TABLE kinds (id int PRIMARY KEY, n int, {})",
        columns.join(", ")
    );
    world.db.batch_execute(&sql).await.unwrap();
}

async fn until_sent(world: &World, prefix: &str, rows: usize) {
    for (table, rows) in [("kinds", rows), ("zeros", 2)] {
        let topic = format!("{prefix}.public.{table}");
        eventually("the rows are sent", async || {
            (world.kafka.read_all(&topic).await.len() >= rows).then_some(())
        })
        .await;
    }
}

/// A world of its own that reads the tables of a connector.
async fn reader(test: &str, prefix: &str, tables: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.topics = vec![format!("^{prefix}\\.public\\.{tables}$")];
    world
}

fn create(world: &mut World) {
    world.set("apply", "schema_evolution = \"create\"");
}

/// The records of a topic as the same converter writes them without schemas.
async fn produce_without_schemas(world: &World, topic: &str) {
    let payload_of = |part: Option<&[u8]>| {
        let whole: Value = serde_json::from_slice(part?).expect("JSON");
        Some(whole["payload"].to_string().into_bytes())
    };
    let records = world.kafka.read_all(topic).await;
    let strip = |record: &rdkafka::message::OwnedMessage| Event {
        key: payload_of(record.key()),
        value: payload_of(record.payload()),
        ..Event::default()
    };
    let events: Vec<Event> = records.iter().map(strip).collect();
    world.kafka.produce(&world.topic, &events).await;
}

#[tokio::test]
async fn every_type_of_mariadbs_lands_as_the_source_says_it_is_at_its_edges() {
    let mut made = World::new("mysql_types", 1).await;
    let (json, avro) = (made.name.clone(), format!("{}_avro", made.name));
    made.topics = vec![format!("^{json}\\.public\\..*")];
    let source = MariaDb::start(&made, &source_tables());
    let mut with_schemas = Format::JsonWithSchemas.converters();
    with_schemas["column.propagate.source.type"] = ".*".into();
    source.connect(with_schemas);
    // other ways to write the same
    let mut in_avro = Format::Avro.converters();
    let more = json!({
        "column.propagate.source.type": ".*", "database.server.id": "5001", "field.name.adjustment.mode": "avro",
        "bigint.unsigned.handling.mode": "long", "decimal.handling.mode": "string",
    });
    for (name, value) in more.as_object().expect("properties") {
        in_avro[name.as_str()] = value.clone();
    }
    source.connect_as(&avro, in_avro);
    for prefix in [&json, &avro] {
        until_sent(&made, prefix, ROWS).await;
    }
    source.run(&changes());
    for prefix in [&json, &avro] {
        until_sent(&made, prefix, 3 * ROWS).await;
    }

    create(&mut made);
    let worker = made.catch_up().await;
    let of_made = sides(|column| Some(column.made));
    let found = types(&made).await;
    for (name, column, side) in &of_made {
        assert_eq!(found[name], side.of, "{}", column.kind);
    }
    assert_equal(&made, &source, &of_made, &worker.log()).await;
    assert_zeros(&made).await;

    let careful = reader("mysql_careful", &json, "kinds").await;
    let of_careful = sides(|column| Some(column.careful));
    write_table(&careful, &of_careful).await;
    let worker = careful.catch_up().await;
    assert_equal(&careful, &source, &of_careful, &worker.log()).await;

    let mut made_in_avro = reader("mysql_avro", &avro, "kinds").await;
    made_in_avro.use_avro();
    create(&mut made_in_avro);
    let worker = made_in_avro.catch_up().await;
    let adjusted = |(name, column, side): (String, _, _)| (name.replace(' ', "_"), column, side);
    let of_made = of_made.into_iter().map(adjusted).collect();
    assert_equal(&made_in_avro, &source, &of_made, &worker.log()).await;

    let mut careful_in_avro = reader("mysql_careful_avro", &avro, "kinds").await;
    careful_in_avro.use_avro();
    write_table(&careful_in_avro, &of_careful).await;
    let worker = careful_in_avro.catch_up().await;
    assert_equal(&careful_in_avro, &source, &of_careful, &worker.log()).await;

    let mut schemaless = World::new("mysql_schemaless", 1).await;
    for line in [
        "timestamps = \"millis\"",
        "units = { dm6 = \"micros\" }",
        "times = \"micros\"",
        "decimals = \"base64\"",
        "bytes = \"base64\"",
    ] {
        schemaless.set("format.schemaless", line);
    }
    produce_without_schemas(&schemaless, &format!("{json}.public.kinds")).await;
    let mut of_schemaless = sides(|column| match column.schemaless {
        Schemaless::ForCareful => Some(column.careful),
        Schemaless::ForMade | Schemaless::TooLittle => Some(column.made),
    });
    write_table(&schemaless, &of_schemaless).await;
    of_schemaless.retain(|(_, column, _)| column.schemaless != Schemaless::TooLittle);
    let worker = schemaless.catch_up().await;
    assert_equal(&schemaless, &source, &of_schemaless, &worker.log()).await;
    source.disconnect(&avro);
    source.remove();
}

/// What the document says of dates that are none, and of NULL where a column has a default.
async fn assert_zeros(world: &World) {
    let sql = "SELECT concat_ws(' ', id, coalesce(day::text, '-'), coalesce(needed::text, '-'), coalesce(at::text, '-'),
        coalesce((stamp AT TIME ZONE 'UTC')::text, '-'), coalesce(word, '-')) FROM zeros ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected = [
        "1 - 1970-01-01 - - y",
        "2 - 1970-01-01 - - x",
        "11 - 1970-01-01 - 1970-01-01 00:00:00 y",
        "12 - 1970-01-01 - - x",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_table_of_the_document_says_what_becomes_of_every_type() {
    let text = std::fs::read_to_string(root().join(DOCUMENT))
        .expect("the document")
        .replace('`', "");
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    for column in &COLUMNS {
        let line = lines
            .iter()
            .find(|cells| cells.len() == 4 && cells[0] == column.kind);
        let cells = line.unwrap_or_else(|| panic!("{DOCUMENT} has no line of {}", column.kind));
        let made = column.made.of;
        assert_eq!(cells[2], made, "{}", column.kind);
        let careful = column.careful.of;
        let is_named = careful == made
            || cells[3].contains(careful)
            || careful == "weather" && cells[3].contains("enum");
        assert!(is_named, "{}: {careful} isn't in {}", column.kind, cells[3]);
    }
}
