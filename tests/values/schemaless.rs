//! What JSON without schemas doesn't tell stops its topic until the configuration says it; nothing is guessed.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::events::{Event, change_of};

const TABLE: &str = "CREATE TABLE visits (id int PRIMARY KEY, at timestamp, tm time, price numeric(12,2), picture bytea)";
/// 2024-01-01 10:00:00.123 in milliseconds, 12:34:56.789 in milliseconds, 12.34 in base64, 0001feff in hexadecimal.
const AMBIGUOUS: [(&str, &str); 4] = [
    ("at", "1704103200123"),
    ("tm", "45296789"),
    ("price", "\"BNI=\""),
    ("picture", "\"0001feff\""),
];
const SETTINGS: [(&str, &str); 4] = [
    ("timestamps", "millis"),
    ("times", "millis"),
    ("decimals", "base64"),
    ("bytes", "hex"),
];

fn visit(id: i64, columns: &[(&str, &str)]) -> Event {
    let mut row = json!({ "id": id });
    for (column, raw) in columns {
        row[*column] = serde_json::from_str(raw).unwrap();
    }
    change_of("visits", "c", id, json!({ "id": id }), Some(row))
}

async fn rows(world: &World) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', id, at, tm, price, picture) FROM visits ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What `landfall check --json` finds, and its exit code.
fn check(world: &World) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["check", "--json", "--config"])
        .arg(world.config_file())
        .output()
        .expect("landfall starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
    (output.status.code(), text.lines().map(parse).collect())
}

#[tokio::test]
async fn a_column_whose_meaning_nothing_tells_waits_for_the_setting_and_lands_as_the_source_had_it()
{
    for (number, (column, key)) in AMBIGUOUS.iter().zip(SETTINGS).enumerate() {
        let mut world = World::new(&format!("undeclared_{number}"), 1).await;
        world.sql(TABLE).await;
        world
            .kafka
            .produce(&world.topic, &[visit(1, &[*column])])
            .await;

        let worker = world.run();
        let named = format!("column {} of public.visits", column.0);
        let setting = format!("format.schemaless.{}", key.0);
        worker.says(&["breaker open", &named, &setting]).await;
        let (_, log) = worker.stop().await;
        for (_, raw) in AMBIGUOUS {
            assert!(
                !log.contains(raw.trim_matches('"')),
                "no value in the log:\n{log}"
            );
        }
        assert_eq!(rows(&world).await, Vec::<String>::new());
        assert_eq!(world.letters().await, Vec::<String>::new());

        world.set("format.schemaless", &format!("{} = \"{}\"", key.0, key.1));
        world.catch_up().await;
        let landed = [
            "1 2024-01-01 10:00:00.123",
            "1 12:34:56.789",
            "1 12.34",
            "1 \\x0001feff",
        ];
        assert_eq!(rows(&world).await, [landed[number]]);
        assert_eq!(world.letters().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn check_names_every_column_and_key_and_shows_what_the_settings_make_of_the_samples() {
    let mut world = World::new("proposed", 1).await;
    world.sql(TABLE).await;
    world
        .kafka
        .produce(&world.topic, &[visit(1, &AMBIGUOUS), visit(2, &AMBIGUOUS)])
        .await;
    let (code, lines) = check(&world);
    assert_eq!(code, Some(1), "{lines:?}");
    let undeclared: Vec<&Value> = lines
        .iter()
        .filter(|line| line["code"] == "values_undeclared")
        .collect();
    assert_eq!(undeclared.len(), 4, "{lines:?}");
    let said = |part: &str| {
        undeclared
            .iter()
            .any(|line| line.to_string().contains(part))
    };
    for (column, _) in AMBIGUOUS {
        assert!(
            said(&format!("column {column} of public.visits")),
            "{lines:?}"
        );
    }
    for part in [
        "set timestamps = \\\"millis\\\"",
        "2024-01-01 10:00:00.123 as millis",
        "00:00:45.296789 as micros",
        "12.34 as base64",
        "x0001feff as hex",
    ] {
        assert!(said(part), "{part} in {lines:?}");
    }
    for (key, value) in SETTINGS {
        world.set("format.schemaless", &format!("{key} = \"{value}\""));
    }
    let (code, lines) = check(&world);
    assert_eq!(code, Some(0), "{lines:?}");
}

#[tokio::test]
async fn a_moment_with_an_offset_lands_in_utc_where_its_column_has_no_zone() {
    let world = World::new("zoned", 1).await;
    world
        .sql(
            "CREATE TABLE visits (at timestamp, id int, day date, tm time, zoned timestamptz, several timestamp[], \
             during tsrange, PRIMARY KEY (at, id))",
        )
        .await;
    let at = |clock: &str| format!("2024-01-01T{clock}+02:00");
    let visit = |op, lsn, clock: &str| {
        let row = json!({
            "id": 1, "at": at(clock), "day": at("02:00:00"), "tm": "00:30:00+02:00", "zoned": at(clock),
            "several": [at(clock), null], "during": format!("[\"{}\",)", at(clock).replace('T', " ")),
        });
        let key = json!({ "at": at(clock), "id": 1 });
        change_of("visits", op, lsn, key, (op != "d").then_some(row))
    };
    let events = [
        visit("c", 1, "12:00:00"),
        visit("c", 2, "13:00:00"),
        visit("d", 3, "13:00:00"),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let sql =
        "SELECT concat_ws('|', at, day, tm, zoned AT TIME ZONE 'UTC', several, during) FROM visits";
    let rows: Vec<String> = world
        .db
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        rows,
        [
            "2024-01-01 10:00:00|2024-01-01|22:30:00|2024-01-01 10:00:00|{\"2024-01-01 10:00:00\",NULL}|[\"2024-01-01 10:00:00\",)"
        ]
    );
    assert_eq!(world.letters().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_decimals_scale_is_the_declared_one_and_what_is_only_assumed_is_told() {
    let mut world = World::new("scales", 1).await;
    world
        .sql("CREATE TABLE sales (id int PRIMARY KEY, price numeric(12,4), tax numeric(12,4))")
        .await;
    world.set("format.schemaless", "decimals = \"base64\"");
    let sale = |id: i64| {
        // 12.34, whose scale at the source is 2, and 0.0987
        let row = json!({ "id": id, "price": "BNI=", "tax": "A9s=" });
        change_of("sales", "c", id, json!({ "id": id }), Some(row))
    };
    world.kafka.produce(&world.topic, &[sale(1), sale(2)]).await;
    let assumed = |world: &World| {
        let (code, lines) = check(world);
        let found = lines.iter().filter(|line| line["code"] == "scale_assumed");
        (code, found.map(Value::to_string).collect::<Vec<_>>())
    };
    let (code, found) = assumed(&world);
    assert_eq!((code, found.len()), (Some(0), 2), "{found:?}");
    assert!(
        found[0].contains("column price of public.sales"),
        "{found:?}"
    );
    assert!(
        found[0].contains(r#"scales = { \"public.sales.price\" = 4 }"#),
        "{found:?}"
    );

    world.set(
        "format.schemaless",
        "scales = { price = 3, \"public.sales.price\" = 2 }",
    );
    let (code, found) = assumed(&world);
    assert_eq!((code, found.len()), (Some(0), 1), "{found:?}");
    let worker = world.run();
    worker
        .says(&[
            "the scale of decimals in base64",
            "tax",
            "format.schemaless.scales",
        ])
        .await;
    world.until_count("SELECT count(*) FROM sales", 2).await;
    let (_, log) = worker.stop().await;
    assert_eq!(
        log.matches("the scale of decimals in base64").count(),
        1,
        "once for each column, and not for one that is declared:\n{log}"
    );
    let sql = "SELECT string_agg(concat_ws(' ', id, price, tax), ', ' ORDER BY id) FROM sales";
    let rows: String = world.db.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(rows, "1 12.3400 0.0987, 2 12.3400 0.0987");
    assert_eq!(world.letters().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_columns_own_unit_holds_for_it_alone_and_check_names_the_one_that_needs_it() {
    let mut world = World::new("units", 1).await;
    world
        .sql("CREATE TABLE visits (id int PRIMARY KEY, at timestamp, seen timestamp)")
        .await;
    // Debezium's adaptive choice for timestamp(6) and timestamp(3)
    let row = json!({ "id": 1, "at": 1704103200123456_i64, "seen": 1704103200123_i64 });
    let event = change_of("visits", "c", 1, json!({ "id": 1 }), Some(row));
    world.kafka.produce(&world.topic, &[event]).await;
    world.set("format.schemaless", "timestamps = \"micros\"");
    let (code, lines) = check(&world);
    assert_eq!(code, Some(1));
    let unfit: Vec<String> = lines
        .iter()
        .filter(|line| line["code"] == "values_unfit")
        .map(Value::to_string)
        .collect();
    assert_eq!(unfit.len(), 1, "{lines:?}");
    assert!(
        unfit[0].contains("column seen of public.visits"),
        "{unfit:?}"
    );
    assert!(unfit[0].contains("format.schemaless.units"), "{unfit:?}");
    world.set(
        "format.schemaless",
        "units = { \"public.visits.seen\" = \"millis\" }",
    );
    assert_eq!(check(&world).0, Some(0));
    world.catch_up().await;
    let sql = "SELECT concat_ws(' ', at, seen) FROM visits";
    let row: String = world.db.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(row, "2024-01-01 10:00:00.123456 2024-01-01 10:00:00.123");
}
