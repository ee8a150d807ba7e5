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
        "12.34 {12.34,NULL} 12.34 {12.34,NULL} 1000.00 {1000.00,NULL} 1234.50 {1234.50,NULL} 12.34 {12.34,NULL}"
    );
    assert_eq!(world.letters().await, Vec::<String>::new());
}

fn bill(id: i64, amount: &serde_json::Value) -> Event {
    let row = json!({ "id": id, "amount": amount, "more": [amount, null] });
    change_of("bills", "c", id, json!({ "id": id }), Some(row))
}
