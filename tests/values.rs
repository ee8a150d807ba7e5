//! What goes to Postgres in binary is what Postgres reads from the text.

use landfall::rows::binary::{Column, Form};
use serde_json::json;
use tokio_postgres::types::Type;

use crate::support::World;
use crate::support::events::{Event, change, change_of};
use crate::support::stack::stack;
use crate::support::world::connect;

mod moments;
mod schemaless;

/// Of each type: some texts at the edges, and SQL for any number of others, over a random `r` below 1 and a `n`.
const TYPES: [(&str, Type, &[&str], &str); 10] = [
    (
        "bool",
        Type::BOOL_ARRAY,
        &["true", "false", "1", "0"],
        "(r > 0.5)::text",
    ),
    (
        "int2",
        Type::INT2_ARRAY,
        &["-32768", "32767", "0", "+7", "007"],
        "(r * 65535 - 32768)::int::text",
    ),
    (
        "int4",
        Type::INT4_ARRAY,
        &["-2147483648", "2147483647"],
        "(r * 4e9 - 2e9)::bigint::int::text",
    ),
    (
        "int8",
        Type::INT8_ARRAY,
        &["-9223372036854775808", "9223372036854775807"],
        "(r * 1.8e19 - 9e18)::numeric::bigint::text",
    ),
    (
        "float4",
        Type::FLOAT4_ARRAY,
        &[
            "0",
            "-0.0",
            "0.1",
            "3.4028235e38",
            "1.17549435e-38",
            "16777217",
            "1E5",
        ],
        "((r - 0.5) * 10 ^ (n % 60 - 30))::float4::text",
    ),
    (
        "float8",
        Type::FLOAT8_ARRAY,
        &[
            "0.0",
            "0.1",
            "1.7976931348623157e308",
            "2.2250738585072014e-308",
            "9007199254740993",
            "123456789012345678901234567890",
        ],
        "((r - 0.5) * 10 ^ (n % 600 - 300))::text",
    ),
    (
        "date",
        Type::DATE_ARRAY,
        &[
            "0001-01-01",
            "9999-12-31",
            "2000-02-29",
            "1900-02-28",
            "2024-12-31",
        ],
        "(date '0001-01-01' + (r * 3652058)::int)::text",
    ),
    (
        "timestamp",
        Type::TIMESTAMP_ARRAY,
        &[
            "0001-01-01 00:00:00",
            "9999-12-31T23:59:59.999999",
            "1999-12-31 23:59:59.9",
            "2000-01-01 00:00:00.000001",
        ],
        "(timestamp '0001-01-01' + (r * 3652058) * interval '1 day')::text",
    ),
    (
        "timestamptz",
        Type::TIMESTAMPTZ_ARRAY,
        &[
            "0001-01-01 00:00:00+00",
            "2024-02-29T12:34:56.123456Z",
            "1969-12-31 23:59:59.999999+00",
        ],
        "(timestamptz '0001-01-01 00:00:00Z' + (r * 3652058) * interval '1 day')::text",
    ),
    (
        "uuid",
        Type::UUID_ARRAY,
        &[
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF",
        ],
        "gen_random_uuid()::text",
    ),
];

#[tokio::test]
async fn a_value_that_goes_in_binary_is_what_postgres_reads_from_its_text() {
    let db = connect(&format!("{}/postgres", stack().postgres)).await;
    db.batch_execute("SET timezone = 'UTC'").await.unwrap();
    for (name, array, edges, others) in TYPES {
        let sql = format!(
            "SELECT {others} FROM (SELECT random() AS r, n FROM generate_series(1, 5000) n) numbers"
        );
        let others = db.query(&sql, &[]).await.unwrap();
        let mut texts: Vec<Option<&str>> = edges.iter().copied().map(Some).collect();
        texts.push(None);
        texts.extend(others.iter().map(|row| Some(row.get::<_, &str>(0))));
        let column = Column::new(texts.clone(), &format!("\"pg_catalog\".\"{name}\""));
        assert_ne!(column.form, Form::Text, "{name}");
        let sql = format!(
            "SELECT b::text, t::{name}::text FROM (SELECT unnest($1::{name}[]) AS b, unnest($2::text[]) AS t) pairs"
        );
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&column, array), (&texts, Type::TEXT_ARRAY)];
        let rows = db.query_typed(&sql, &parameters).await.unwrap();
        assert_eq!(rows.len(), texts.len());
        for (row, text) in rows.iter().zip(&texts) {
            let (binary, parsed): (Option<&str>, Option<&str>) = (row.get(0), row.get(1));
            assert_eq!(binary, parsed, "{text:?} as {name}");
            assert_eq!(binary.is_none(), text.is_none());
        }
    }
}

#[tokio::test]
async fn large_values_are_compressed_with_lz4_unless_somebody_chose_otherwise() {
    let world = World::new("compressed", 1).await;
    let large = |id: i64| {
        let row = json!({ "id": id, "version": 1, "body": "large ".repeat(4000) });
        change("c", id, id, Some(row))
    };
    world.kafka.produce(&world.topic, &[large(1)]).await;
    world.catch_up().await;
    let chosen = format!(
        "ALTER DATABASE {} SET default_toast_compression = 'pglz'",
        world.name
    );
    world.sql(&chosen).await;
    world.kafka.produce(&world.topic, &[large(2)]).await;
    world.catch_up().await;
    let how = "SELECT string_agg(pg_column_compression(body), ' ' ORDER BY id) FROM t";
    let how: String = world.db.query_one(how, &[]).await.unwrap().get(0);
    assert_eq!(how, "lz4 pglz");
}

#[tokio::test]
async fn an_amount_of_money_lands_exactly_whatever_it_comes_as() {
    let world = World::new("amounts", 1).await;
    world
        .sql("CREATE TABLE bills (id int PRIMARY KEY, amount money, more money[])")
        .await;
    let amounts = [
        json!(12.34),
        json!("12.34"),
        json!(1e3),
        json!("$1,234.50"),
        json!({ "scale": 2, "value": "BNI=" }),
        json!({ "scale": 3, "value": "AdTA" }),
        json!({ "scale": 3, "value": "MDk=" }),
    ];
    let events: Vec<Event> = (1..)
        .zip(amounts)
        .map(|(id, amount)| bill(id, &amount))
        .collect();
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let found = "SELECT string_agg(concat(amount::numeric, ' ', more::numeric[]), ' ' ORDER BY id) FROM bills";
    let found: String = world.db.query_one(found, &[]).await.unwrap().get(0);
    assert_eq!(
        found,
        "12.34 {12.34,NULL} 12.34 {12.34,NULL} 1000.00 {1000.00,NULL} 1234.50 {1234.50,NULL} 12.34 {12.34,NULL} 120.00 {120.00,NULL}"
    );
    // 12.345 is no amount of cents
    assert_eq!(world.letters().await, ["7 value parked"]);
}

fn bill(id: i64, amount: &serde_json::Value) -> Event {
    let row = json!({ "id": id, "amount": amount, "more": [amount, null] });
    change_of("bills", "c", id, json!({ "id": id }), Some(row))
}

#[tokio::test]
async fn a_key_that_its_column_would_round_is_a_letter_and_no_other_rows_event() {
    let world = World::new("rounded_keys", 1).await;
    world
        .sql("CREATE TABLE rates (id numeric(10,2) PRIMARY KEY, at timestamp(0), name text)")
        .await;
    let rate = |lsn, id: serde_json::Value, name: &str| {
        let row = json!({ "id": id, "at": "2024-01-01T12:00:00", "name": name });
        change_of("rates", "c", lsn, json!({ "id": id }), Some(row))
    };
    let events = [
        rate(1, json!("1.00"), "one"),
        rate(2, json!("1.004"), "a little more"),
        rate(3, json!(1.004), "the same as a float"),
        rate(4, json!("2.000"), "two"),
    ];
    for _ in 0..2 {
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let found = "SELECT string_agg(concat(id, ' ', name), ', ' ORDER BY id) FROM rates";
        let found: String = world.db.query_one(found, &[]).await.unwrap().get(0);
        assert_eq!(found, "1.00 one, 2.00 two");
        assert_eq!(
            world.letters().await,
            ["1.004 value parked", "1.004 value parked"]
        );
    }
}

#[tokio::test]
async fn an_array_of_a_domain_is_read_as_one_of_the_domains_type() {
    let world = World::new("domain_arrays", 1).await;
    world
        .sql(
            "CREATE DOMAIN moment AS timestamp; CREATE DOMAIN later AS moment; CREATE DOMAIN picture AS bytea;
             CREATE DOMAIN cents AS numeric(10,2);
             CREATE TABLE visits (id int PRIMARY KEY, at later[], pictures picture[], paid cents[])",
        )
        .await;
    let visit = |id: i64, paid: &str| {
        let row = json!({
            "id": id, "at": ["2024-01-01T12:00:00+02:00"], "pictures": ["AAH+/w=="], "paid": [paid]
        });
        change_of("visits", "c", id, json!({ "id": id }), Some(row))
    };
    let events = [visit(1, "12.34"), visit(2, "12.345")];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let found = "SELECT string_agg(concat_ws(' ', id, at, pictures, paid), ', ') FROM visits";
    let found: String = world.db.query_one(found, &[]).await.unwrap().get(0);
    assert_eq!(
        found,
        r#"1 {"2024-01-01 10:00:00"} {"\\x0001feff"} {12.34}"#
    );
    assert_eq!(world.letters().await, ["2 value parked"]);
}
