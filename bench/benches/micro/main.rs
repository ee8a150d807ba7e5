//! What a batch costs between Kafka and Postgres, step by step: `cargo bench -p landfall-bench --bench micro`.
//! Each figure is for a batch of 1,000 events of 12 columns.

// A bench that panics says where it failed.
#![allow(clippy::expect_used)]

mod avro;

use std::hint::black_box;
use std::sync::Arc;

use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use landfall::config::{Encoding, FormatConfig};
use landfall::format::change::{Change, Decoded};
use landfall::format::decode::Decoder;
use landfall::format::partition_memory::PartitionMemory;
use landfall::record::body::{Body, Heads};
use landfall::record::{Record, TopicPartition};
use landfall::rows::fold::fold;
use landfall::rows::mapping::Mappings;
use landfall::rows::row_change::RowChange;
use landfall::rows::statement::{self, Conflicts};
use landfall::rows::table::{Column, PgType, Table, UniqueKey};
use landfall::table_name::TableName;

const EVENTS: usize = 1_000;
/// Milliseconds since 1970.
const TIME: i64 = 1_793_491_200_000;

/// Name, type in the schema, type in Postgres.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("id", r#""type":"int64""#, "int8"),
    ("customer_id", r#""type":"int32""#, "int4"),
    ("status", r#""type":"string""#, "text"),
    (
        "amount",
        r#""type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"12"}"#,
        "numeric",
    ),
    (
        "tax",
        r#""type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"12"}"#,
        "numeric",
    ),
    ("currency", r#""type":"string""#, "bpchar"),
    (
        "placed_at",
        r#""type":"string","name":"io.debezium.time.ZonedTimestamp","version":1"#,
        "timestamptz",
    ),
    (
        "shipped_on",
        r#""type":"int32","name":"io.debezium.time.Date","version":1"#,
        "date",
    ),
    ("note", r#""type":"string""#, "text"),
    ("weight", r#""type":"double""#, "float8"),
    ("gift", r#""type":"boolean""#, "bool"),
    (
        "tags",
        r#""type":"array","items":{"type":"string","optional":true}"#,
        "_text",
    ),
];

const SOURCE: [(&str, &str); 10] = [
    ("version", "string"),
    ("connector", "string"),
    ("name", "string"),
    ("ts_ms", "int64"),
    ("snapshot", "string"),
    ("db", "string"),
    ("schema", "string"),
    ("table", "string"),
    ("txId", "int64"),
    ("lsn", "int64"),
];

fn row_schema(field: &str) -> String {
    let columns =
        COLUMNS.map(|(name, kind, _)| format!(r#"{{{kind},"optional":true,"field":"{name}"}}"#));
    format!(
        r#"{{"type":"struct","fields":[{}],"optional":true,"name":"shop.public.orders.Value","field":"{field}"}}"#,
        columns.join(",")
    )
}

fn envelope_schema() -> String {
    let source = SOURCE
        .map(|(name, kind)| format!(r#"{{"type":"{kind}","optional":true,"field":"{name}"}}"#));
    format!(
        r#"{{"type":"struct","fields":[{},{},{{"type":"struct","fields":[{}],"optional":false,"name":"io.debezium.connector.postgresql.Source","field":"source"}},{{"type":"string","optional":false,"field":"op"}},{{"type":"int64","optional":true,"field":"ts_ms"}}],"optional":false,"name":"shop.public.orders.Envelope","version":2}}"#,
        row_schema("before"),
        row_schema("after"),
        source.join(",")
    )
}

fn payload(id: usize) -> String {
    format!(
        r#"{{"before":null,"after":{{"id":{id},"customer_id":{},"status":"paid","amount":"ATFC","tax":"TpQ=","currency":"EUR","placed_at":"2026-01-01T12:34:56.123456Z","shipped_on":20454,"note":"note for order {id}","weight":{}.142857142857142,"gift":true,"tags":["a","b{}"]}},"source":{{"version":"3.6.0.Final","connector":"postgresql","name":"shop","ts_ms":1793491200000,"snapshot":"false","db":"shop","sequence":"[\"1\",\"{id}\"]","ts_us":1793491200000123,"ts_ns":1793491200000123000,"schema":"public","table":"orders","txId":{id},"lsn":{id},"xmin":null}},"transaction":null,"op":"c","ts_ms":1793491200005,"ts_us":1793491200005123,"ts_ns":1793491200005123000}}"#,
        id % 5_000,
        id / 7,
        id % 10
    )
}

fn records(with_schema: bool) -> Vec<Record> {
    let schema = envelope_schema();
    let mut heads = Heads::default();
    let event = |id: usize| {
        let value = match with_schema {
            true => format!(r#"{{"schema":{schema},"payload":{}}}"#, payload(id)),
            false => payload(id),
        };
        let key = format!(r#"{{"id":{id}}}"#).into_bytes();
        record(id, key, heads.split_body(value.as_bytes(), <[u8]>::to_vec))
    };
    (0..EVENTS).map(event).collect()
}

fn record(id: usize, key: Vec<u8>, value: Body) -> Record {
    Record {
        source: TopicPartition {
            topic: "shop.public.orders".into(),
            partition: 0,
        },
        offset: id as i64,
        timestamp: Some(TIME + 10),
        key: Some(key.into()),
        value: Some(value),
        headers: Arc::default(),
        epoch: 1,
        leader_epoch: None,
    }
}

fn decoder(encoding: Encoding) -> Decoder {
    let decoder = Decoder::new(Vec::new().into(), true);
    let mut decoder = decoder.with_format(FormatConfig::of_encoding(encoding));
    if encoding.needs_registry() {
        decoder.learn_schemas(avro::schemas());
    }
    decoder
}

fn decode<'r>(decoder: &mut Decoder, records: &'r [Record], arena: &'r Bump) -> Vec<Change<'r>> {
    let mut memory = PartitionMemory::default();
    let decoded = records.iter().map(|record| {
        match decoder.decode_record(record, arena, None, &mut memory) {
            Ok(Decoded::Change(change)) => Some(change),
            _ => None,
        }
    });
    decoded.map(|change| change.expect("a change")).collect()
}

fn table() -> Arc<Table> {
    let column = |(name, _, kind): (&str, &str, &str)| Column {
        name: name.to_owned(),
        of_domain: false,
        zero_default: false,
        pg_type: PgType {
            name: kind.to_owned(),
            modifier: -1,
            element: kind.strip_prefix('_').map(|element| {
                Box::new(PgType {
                    name: element.to_owned(),
                    modifier: -1,
                    element: None,
                })
            }),
        },
        cast: format!(r#""pg_catalog"."{kind}""#),
        generated: false,
        identity: None,
        not_null: false,
        collation: None,
    };
    let name = TableName {
        schema: "public".to_owned(),
        name: "orders".to_owned(),
    };
    Arc::new(Table::new(
        name,
        COLUMNS.map(column).to_vec(),
        vec![UniqueKey::of_columns(vec![0])],
    ))
}

fn resolve<'r>(changes: &[Change<'r>], table: &Arc<Table>) -> Vec<RowChange<'r>> {
    let mut mappings = Mappings::default();
    let row = |change| {
        mappings
            .mapping_for(change, table)
            .and_then(|m| m.map_change(change))
    };
    changes
        .iter()
        .map(row)
        .map(|row| row.expect("a row"))
        .collect()
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("1000 events");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let mut arena = Bump::new();
    let encodings = [
        ("JSON with schema", records(true), Encoding::Json),
        ("JSON without schema", records(false), Encoding::Json),
        ("Avro", avro::records(EVENTS), Encoding::Avro),
    ];
    for (name, records, encoding) in encodings {
        let mut decoder = decoder(encoding);
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| {
                arena.reset();
                black_box(decode(&mut decoder, &records, &arena).len())
            });
        });
    }
    let (records, arena, table) = (records(true), Bump::new(), table());
    let changes = decode(&mut decoder(Encoding::Json), &records, &arena);
    group.bench_function("values as Postgres reads them", |b| {
        b.iter(|| black_box(resolve(&changes, &table).len()));
    });
    let rows = resolve(&changes, &table);
    group.bench_function("fold", |b| {
        b.iter(|| black_box(fold(rows.iter()).map_or(0, |nets| nets.len())));
    });
    let nets = fold(rows.iter()).expect("whole rows");
    group.bench_function("build statements", |b| {
        b.iter(|| black_box(statement::build_statements(&nets, Conflicts::Unexpected).len()));
    });
}

criterion_group!(benches, steps);
criterion_main!(benches);
