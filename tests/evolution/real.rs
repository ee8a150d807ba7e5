//! Tables of a real Debezium, made from nothing: equal rows, and types as good as the source's.

use super::schemas::{create, describe};
use crate::support::World;
use crate::support::debezium::{Format, Source};

const TABLES: &str = "
    CREATE TYPE mood AS ENUM ('calm', 'storm');
    CREATE TABLE types (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        flag boolean NOT NULL DEFAULT false, small smallint, int integer, real real, double double precision,
        amount numeric(12,2), free numeric, name text NOT NULL, short varchar(20) DEFAULT 'none', fixed char(5),
        day date, moment timestamp(3), precise timestamp, stamp timestamptz, clock time(3), fine time,
        key uuid, doc jsonb, raw bytea, bits bit(8), addr inet, net cidr, mac macaddr, feeling mood,
        words text[], numbers int[], days date[], prices numeric(8,2)[], small_range int4range);
    CREATE TABLE pairs (part_a int, part_b text, value text, PRIMARY KEY (part_a, part_b));";

const ROWS: &str = "
    INSERT INTO types (flag, small, int, real, double, amount, free, name, short, fixed, day, moment, precise, stamp, clock, fine,
                       key, doc, raw, bits, addr, net, mac, feeling, words, numbers, days, prices, small_range)
    SELECT i % 2 = 0, i, i * 1000, i / 3.0, i / 7.0, i * 1.25, trim_scale(i / 8.0), 'name ' || i, 'short', 'ab',
           date '2024-02-28' + i, timestamp '2024-01-01 10:00:00.123' + i * interval '1 hour', timestamp '1969-10-31 23:59:59.999999',
           timestamptz '2024-03-31 00:00:00.5+02' + i * interval '1 min', time '00:00:00.001', time '12:34:56.789012',
           md5(i::text)::uuid, jsonb_build_object('n', i), decode(md5(i::text), 'hex'), (i % 256)::bit(8),
           '10.0.0.1'::inet + i, '10.0.0.0/8', '08:00:2b:01:02:03', 'storm', ARRAY['a', NULL, 'b,c'], ARRAY[i, NULL, -i],
           ARRAY[date '2024-01-01', NULL], ARRAY[1.50, NULL, -2.25], int4range(1, i + 2)
    FROM generate_series(1, 100) i;
    INSERT INTO types (name) VALUES ('all others null');
    INSERT INTO pairs SELECT i, 'k' || i, 'v' FROM generate_series(1, 20) i;";

/// What the source says of each column, as the destination is to have it.
const TYPES: [&str; 31] = [
    "id bigint not null",
    "flag boolean not null default false",
    "small smallint",
    "int integer",
    "real real",
    "double double precision",
    "amount numeric(12,2)",
    "free numeric",
    "name text not null",
    "short character varying(20) default 'none'::character varying",
    "fixed character(5)",
    "day date",
    "moment timestamp without time zone",
    "precise timestamp without time zone",
    "stamp timestamp with time zone",
    "clock time without time zone",
    "fine time without time zone",
    "key uuid",
    "doc jsonb",
    "raw bytea",
    "bits bit(8)",
    "addr inet",
    "net cidr",
    "mac macaddr",
    "feeling text",
    "words text[]",
    "numbers integer[]",
    "days date[]",
    "prices numeric(8,2)[]",
    "small_range int4range",
    "PRIMARY KEY (id)",
];

async fn made_from_nothing(test: &str, format: Format) {
    let mut world = World::new(test, 1).await;
    world.topics = vec![format!("^{}\\.public\\..*", world.name)];
    create(&mut world);
    if format == Format::Avro {
        world.use_avro();
    }
    let propagated = [("column.propagate.source.type", ".*")];
    let source = Source::with(
        &world,
        format,
        &["types", "pairs"],
        &[TABLES, ROWS],
        &propagated,
    )
    .await;
    let worker = world.run();
    for (table, rows) in [("types", 101), ("pairs", 20)] {
        let made = format!("SELECT count(*) FROM pg_tables WHERE tablename = '{table}'");
        world.until_count(&made, 1).await;
        world
            .until_count(&format!("SELECT count(*) FROM {table}"), rows)
            .await;
    }
    assert_eq!(describe(&world, "types").await, TYPES);
    let pairs = describe(&world, "pairs").await;
    assert_eq!(pairs[3], "PRIMARY KEY (part_a, part_b)");
    source.until_equal(&world, || worker.log()).await;
    let added = "ALTER TABLE types ADD COLUMN later varchar(7); UPDATE types SET later = 'x', name = 'changed' WHERE id < 50";
    source.db.batch_execute(added).await.unwrap();
    world
        .until_count("SELECT count(*) FROM types WHERE name = 'changed'", 49)
        .await;
    source.until_equal(&world, || worker.log()).await;
    let described = describe(&world, "types").await;
    assert!(
        described.contains(&"later character varying(7)".to_owned()),
        "{described:?}"
    );
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0, "{}", worker.log());
    source.remove().await;
}

#[tokio::test]
async fn tables_of_a_real_debezium_are_made_from_nothing_with_the_sources_types() {
    made_from_nothing("evolve_real", Format::JsonWithSchemas).await;
}

#[tokio::test]
async fn tables_of_a_real_debezium_are_made_from_nothing_in_avro() {
    made_from_nothing("evolve_real_avro", Format::Avro).await;
}
