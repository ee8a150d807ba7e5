//! Tables of a real MariaDB, made from nothing.

use serde_json::json;

use super::schemas::{create, describe};
use crate::support::World;
use crate::support::mariadb::MariaDb;

const TABLE: &str = "
    CREATE TABLE kinds (
        id int unsigned PRIMARY KEY, at datetime, fine datetime(6), stamp timestamp(3) NULL, day date NOT NULL, clock time(6), made year,
        amount decimal(12,2) NOT NULL DEFAULT 1.5, large bigint unsigned, tiny tinyint unsigned, medium mediumint unsigned, truth tinyint(1),
        ratio double, half float, mood enum('calm', 'storm') DEFAULT 'calm', tags set('a', 'b', 'c'), flag bit(1), bits bit(12),
        raw varbinary(20), fixed binary(4), doc json, name varchar(50) CHARACTER SET utf8mb4, code char(3), body longtext);
    INSERT INTO kinds VALUES
        (4294967295, '2024-01-01 10:00:00', '2024-01-01 10:00:00.123456', '2024-03-31 01:30:00.5', '2024-02-29', '12:34:56.789012', 2024,
         -1.25, 18446744073709551615, 255, 16777215, 1, 0.5, 1.5, 'storm', 'a,c', b'1', b'101010101010', x'00ff', x'01020304',
         '{\"a\": 1}', 'x', 'abc', 'long');
    INSERT INTO kinds (id, day) VALUES (2, '2024-01-01')";

const MADE: [&str; 25] = [
    "id bigint not null",
    "at timestamp without time zone",
    "fine timestamp without time zone",
    "stamp timestamp with time zone",
    "day date not null",
    "clock interval", // which may be negative and longer than a day
    "made integer",
    "amount numeric(12,2) not null default 1.50",
    "large numeric(20,0)",
    "tiny smallint",
    "medium integer",
    "truth smallint",
    "ratio double precision",
    "half real",
    "mood text default 'calm'::text",
    "tags text",
    "flag bit(1)",
    "bits bit(12)",
    "raw bytea",
    "fixed bytea",
    "doc text", // MariaDB's json is another name of longtext
    "name character varying(50)",
    "code character(3)",
    "body text",
    "PRIMARY KEY (id)",
];

#[tokio::test]
async fn tables_of_a_real_mariadb_are_made_from_nothing_with_types_that_take_all_their_values() {
    let mut world = World::new("evolve_mariadb", 1).await;
    create(&mut world);
    world.topics = vec![format!("^{}\\.public\\..*", world.name)];
    let source = MariaDb::start(&world, TABLE);
    let json_with_schemas = "org.apache.kafka.connect.json.JsonConverter";
    source.connect(json!({
        "column.propagate.source.type": ".*",
        "key.converter": json_with_schemas, "key.converter.schemas.enable": "true",
        "value.converter": json_with_schemas, "value.converter.schemas.enable": "true",
    }));
    let worker = world.run();
    world
        .until_count(
            "SELECT count(*) FROM pg_tables WHERE tablename = 'kinds'",
            1,
        )
        .await;
    world.until_count("SELECT count(*) FROM kinds", 2).await;
    assert_eq!(describe(&world, "kinds").await, MADE);
    let landed = "SELECT count(*) FROM kinds WHERE id = 4294967295 AND large = 18446744073709551615 AND tiny = 255 AND medium = 16777215
        AND amount = -1.25 AND bits = B'101010101010' AND tags = 'a,c' AND fixed = '\\x01020304' AND doc = '{\"a\": 1}' AND made = 2024";
    assert_eq!(world.count(landed).await, 1);
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0, "{}", worker.log());
    source.remove();
}
