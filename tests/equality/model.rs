//! Random histories of tables with random keys, in random spellings: the destination must come out as Postgres
//! itself has it, which is given the same events one by one, as plain SQL, in another table. Rows come through one
//! partition, through those that their key's spelling chooses, or through any partitions of any topics.
//!
//! `EQUALITY_SEED` is the first seed, `EQUALITY_SEEDS` how many there are.

use std::collections::BTreeMap;

use crate::support::{Event, World};

/// Types with keys, each in its spellings, as JSON writes them.
const KINDS: &[(&str, &[&[&str]])] = &[
    (
        "citext",
        &[
            &[r#""bob""#, r#""Bob""#, r#""B\u006fb""#, r#""BOB""#],
            &[r#""eve""#, r#""EVE""#],
            &[r#""b""#],
        ],
    ),
    (
        "login",
        &[&[r#""bob""#, r#""Bob""#], &[r#""eve""#, r#""EVE""#]],
    ),
    (
        "text COLLATE blind",
        &[
            &[r#""bob""#, r#""Bob""#],
            &[r#""\u00e9""#, r#""É""#],
            &[r#""e""#],
        ],
    ),
    (
        "numeric",
        &[
            &["1", "1.0", "1.00", "1e0"],
            &["100", "1e2", "100.0"],
            &["-0.5", "-0.50"],
            &["0", "0.0"],
        ],
    ),
    (
        "numeric(10, 2)",
        &[&["1", "1.0", "1.00"], &["2.5", "2.50"], &["2.51"]],
    ),
    (
        "char(5)",
        &[
            &[r#""ab""#, r#""ab  ""#],
            &[r#""AB""#],
            &[r#""""#, r#"" ""#],
        ],
    ),
    (
        "timestamptz",
        &[
            &[
                r#""2024-01-02T03:04:05Z""#,
                r#""2024-01-02T04:04:05+01:00""#,
                r#""2024-01-02T03:04:05.000Z""#,
            ],
            &[
                r#""2024-01-02T03:04:05.5Z""#,
                r#""2024-01-02T03:04:05.500000Z""#,
            ],
        ],
    ),
    ("mood", &[&[r#""sad""#], &[r#""ok""#, r#""\u006fk""#]]),
    (
        "uuid",
        &[
            &[
                r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#,
                r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#,
                r#""a0eebc999c0b4ef8bb6d6bb9bd380a11""#,
            ],
            &[r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12""#],
        ],
    ),
    (
        "float8",
        &[
            &["1", "1.0", "1e0"],
            &["0", "-0.0", "0.0"],
            &[r#""NaN""#],
            &["1e300"],
        ],
    ),
    (
        "bigint",
        &[&[r#""7""#, r#""07""#], &[r#""-7""#], &[r#""70""#]],
    ),
    (
        "inet",
        &[&[r#""10.0.0.1""#, r#""10.0.0.1/32""#], &[r#""10.0.0.1/8""#]],
    ),
    (
        "interval",
        &[
            &[r#""1 day""#, r#""24 hours""#],
            &[r#""1 mon""#, r#""30 days""#],
            &[r#""1 second""#],
        ],
    ),
    (
        "jsonb",
        &[
            &[r#"{"a":1,"b":2}"#, r#"{ "b": 2.0, "a": 1 }"#],
            &[r#"{"a":1}"#],
            &[r#"[1]"#],
        ],
    ),
    (
        "pair",
        &[&[r#""(bob,1)""#, r#""(Bob,1)""#], &[r#""(bob,2)""#]],
    ),
    (
        "numrange",
        &[&[r#""[1,2)""#, r#""[1.0,2)""#], &[r#""[1,2]""#]],
    ),
    (
        "text",
        &[&[r#""A""#, r#""\u0041""#], &[r#""a""#], &[r#""A ""#]],
    ),
];

/// Those of which each text is a value of its own.
const TEXTS: &[&str] = &["text", "mood"];

/// Those of which Postgres keeps equal values as they were written.
const KEPT: &[&str] = &[
    "citext",
    "login",
    "text COLLATE blind",
    "numeric",
    "float8",
    "interval",
    "jsonb",
    "pair",
    "numrange",
];

/// A xorshift, scrambled by its seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % limit
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

type Kind = (&'static str, &'static [&'static [&'static str]]);

/// A table with a key of one to three columns, and its model.
struct Table {
    name: String,
    kinds: Vec<Kind>,
    partitions: i32,
    /// Where its events are: one of these, drawn for each event, if a route leads them all to the table.
    topics: Vec<String>,
    is_routed: bool,
}

/// A topic's name, and events for it.
type Told = (String, Vec<Event>);

/// A key: which class each of its columns is of, and how it is spelled.
struct Key {
    partition: i32,
    raw: Vec<&'static str>,
}

impl Table {
    async fn create(
        world: &mut World,
        seed: u64,
        (partitions, is_routed): (i32, bool),
        chance: &mut Chance,
    ) -> Self {
        let columns = 1 + chance.below(5) / 3 + chance.below(4) / 3;
        let mut table = Self {
            name: format!("s{seed}"),
            kinds: (0..columns).map(|_| *chance.one_of(KINDS)).collect(),
            partitions,
            topics: vec![world.topic.clone()],
            is_routed,
        };
        if is_routed {
            let topics = 1 + chance.below(2);
            let name = |n| format!("{}.public.{}_{n}", world.name, table.name);
            table.topics = (0..topics).map(name).collect();
            for topic in &table.topics {
                world.kafka.create_topic(topic, partitions).await;
                world.topics.push(topic.clone());
            }
        }
        let columns = table.each(|n, kind| format!("k{n} {kind} NOT NULL"), ", ");
        let names = table.each(|n, _| format!("k{n}"), ", ");
        let key = match chance.below(3) {
            0 => format!("UNIQUE ({names})"),
            _ => format!("PRIMARY KEY ({names})"),
        };
        for name in [table.name.clone(), table.model()] {
            let sql = format!("CREATE TABLE {name} ({columns}, v int, big text, {key})");
            world.sql(&sql).await;
        }
        if chance.below(2) == 0 {
            let sql = format!(
                "CREATE TABLE child_{0} ({columns}, FOREIGN KEY ({names}) REFERENCES {0} ({names}))",
                table.name
            );
            world.sql(&sql).await;
        }
        table
    }

    fn model(&self) -> String {
        format!("model_{}", self.name)
    }

    /// Something of each key column, counted from 1.
    fn each(&self, part: impl Fn(usize, &str) -> String, separator: &str) -> String {
        let kinds = self.kinds.iter().enumerate();
        let parts: Vec<String> = kinds.map(|(at, (kind, _))| part(at + 1, kind)).collect();
        parts.join(separator)
    }

    fn draw_key(&self, chance: &mut Chance) -> Key {
        let mut class = 0;
        let mut raw = Vec::new();
        for (_, classes) in &self.kinds {
            let at = chance.below(classes.len().min(3));
            class = class * 7 + at;
            raw.push(*chance.one_of(classes[at]));
        }
        Key {
            partition: class as i32 % self.partitions,
            raw,
        }
    }

    /// Which partition Kafka would choose by the key's bytes: the same for one value, however its JSON is escaped here.
    async fn scatter_key(&self, world: &World, key: &mut Key) -> usize {
        // a row keeps its spelling, so that no source has two for it that Postgres writes alike
        let values = self.values(key);
        let texts = key.raw.iter().zip(&self.kinds).zip(values);
        let texts: Vec<String> = texts
            .map(|((raw, (kind, _)), value)| match KEPT.contains(kind) {
                true => format!("{value}::text"),
                false => format!("'{raw}'::json #>> '{{}}'"),
            })
            .collect();
        let sql = format!("SELECT concat_ws('|', {})", texts.join(", "));
        let spelled: String = world.db.query_one(&sql, &[]).await.unwrap().get(0);
        let hash = spelled.bytes().fold(7, |hash: i32, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into()) & 0xffff
        });
        key.partition = hash % self.partitions;
        (hash / self.partitions) as usize
    }

    fn keeps_spellings(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| KEPT.contains(kind))
    }

    /// Whether spellings of one key go through several partitions, as Kafka chooses them by the key's bytes.
    fn is_scattered(&self) -> bool {
        self.is_routed || self.partitions > 1 && self.is_respelled()
    }

    /// Whether one value may be written in several ways.
    fn is_respelled(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| !TEXTS.contains(kind))
    }

    /// The key's values as SQL.
    fn values(&self, key: &Key) -> Vec<String> {
        let value = |(raw, (kind, _)): (&&str, &Kind)| {
            let of = kind.split(" COLLATE").next().unwrap();
            format!("(('{raw}'::json #>> '{{}}')::{of})")
        };
        key.raw.iter().zip(&self.kinds).map(value).collect()
    }

    fn is_equal(&self, values: &[String]) -> String {
        self.each(|n, _| format!("k{n} = {}", values[n - 1]), " AND ")
    }

    fn is_spelled(&self, values: &[String]) -> String {
        self.each(
            |n, _| format!("k{n}::text COLLATE \"C\" = {}::text", values[n - 1]),
            " AND ",
        )
    }

    /// One step of the history: what the model does, and the events that say it.
    async fn step(&self, world: &World, lsn: i64, chance: &mut Chance) -> Told {
        let mut key = self.draw_key(chance);
        let mut topic = chance.one_of(&self.topics);
        // a delete of another spelling leaves the row, so each spelling's events have to come in order; and in one topic
        // equal keys are in one partition
        let any = self.topics.len() > 1 || self.is_respelled();
        if self.is_routed && any && !self.keeps_spellings() {
            key.partition = chance.below(self.partitions as usize) as i32;
        } else if self.is_scattered() {
            let hash = self.scatter_key(world, &mut key).await;
            topic = &self.topics[hash % self.topics.len()];
        }
        let values = self.values(&key);
        let equal = self.is_equal(&values);
        let model = self.model();
        let there = format!("SELECT count(*) FROM {model} WHERE {equal}");
        let there = world.count(&there).await == 1;
        let spelled = format!(
            "SELECT count(*) FROM {model} WHERE {equal} AND {}",
            self.is_spelled(&values)
        );
        let scattered = self.is_scattered();
        // a source deletes no row that is spelled otherwise: through several partitions such a delete would count
        // as the row's last change
        let deletes = !scattered || world.count(&spelled).await == 1;
        let (op, big) = match chance.below(8) {
            0..=2 if deletes => ("d", None),
            3 if there => ("u", None),
            3..=5 => ("c", Some(lsn)),
            6 => ("r", Some(lsn)),
            _ => ("u", Some(lsn)),
        };
        let sql = match (op, big) {
            ("d", _) => format!(
                "DELETE FROM {model} WHERE {equal} AND {}",
                self.is_spelled(&values)
            ),
            (_, None) => {
                let keys = self.each(|n, _| format!("k{n} = {}", values[n - 1]), ", ");
                format!("UPDATE {model} SET v = {lsn}, {keys} WHERE {equal}")
            }
            _ => {
                let names = self.each(|n, _| format!("k{n}"), ", ");
                let keys = self.each(|n, _| format!("k{n} = EXCLUDED.k{n}"), ", ");
                format!(
                    "INSERT INTO {model} ({names}, v, big) VALUES ({}, {lsn}, '{lsn}') ON CONFLICT ({names}) \
                     DO UPDATE SET v = EXCLUDED.v, big = EXCLUDED.big, {keys}",
                    values.join(", ")
                )
            }
        };
        world.sql(&sql).await;
        let mut events = vec![self.event(op, lsn, &key, big, chance)];
        if op == "d" && chance.below(2) == 0 {
            events.push(Event {
                key: Some(self.key_json(&key, chance).into_bytes()),
                partition: Some(key.partition),
                ..Event::default()
            });
        }
        if chance.below(10) == 0 {
            events.push(events[0].clone()); // sent again
        }
        (topic.clone(), events)
    }

    /// Members in whatever order.
    fn key_json(&self, key: &Key, chance: &mut Chance) -> String {
        let mut members: Vec<String> = key
            .raw
            .iter()
            .enumerate()
            .map(|(at, raw)| format!("\"k{}\":{raw}", at + 1))
            .collect();
        if chance.below(4) == 0 {
            members.reverse();
        }
        format!("{{{}}}", members.join(","))
    }

    fn event(&self, op: &str, lsn: i64, key: &Key, big: Option<i64>, chance: &mut Chance) -> Event {
        let key_json = self.key_json(key, chance);
        let members = key_json.trim_matches(['{', '}']);
        let members = if key_json.contains("{{") || key_json.ends_with("}}") {
            &key_json[1..key_json.len() - 1]
        } else {
            members
        };
        let big = big.map_or("__debezium_unavailable_value".to_owned(), |big| {
            big.to_string()
        });
        let after = match op {
            "d" => "null".to_owned(),
            _ => format!("{{{members},\"v\":{lsn},\"big\":\"{big}\"}}"),
        };
        let time = 1_793_491_200_000 + lsn;
        let value = format!(
            "{{\"before\":null,\"after\":{after},\"source\":{{\"connector\":\"postgresql\",\"name\":\"test\",\"ts_ms\":{time},\
             \"db\":\"source\",\"schema\":\"public\",\"table\":\"{}\",\"txId\":{lsn},\"lsn\":{lsn}}},\"op\":\"{op}\",\"ts_ms\":{time}}}",
            self.name
        );
        Event {
            key: Some(key_json.into_bytes()),
            value: Some(value.into_bytes()),
            partition: Some(key.partition),
            ..Event::default()
        }
    }

    /// Rows that only one of the two has, as text.
    async fn differences(&self, world: &World) -> Vec<String> {
        let columns = self.each(|n, _| format!("k{n}::text COLLATE \"C\""), ", ");
        let rows = |table: &str| {
            format!("SELECT concat_ws('|', {columns}, v, big) COLLATE \"C\" FROM {table}")
        };
        let (own, model) = (rows(&self.name), rows(&self.model()));
        let sql = format!(
            "(SELECT 'only here: ' || r FROM ({own} EXCEPT ALL {model}) a(r)) \
            UNION ALL (SELECT 'missing: ' || r FROM ({model} EXCEPT ALL {own}) b(r))"
        );
        let rows = world
            .db
            .query(&sql, &[])
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// The tables of some seeds, landed together in a few runs.
async fn land_seeds(seeds: std::ops::Range<u64>) {
    let mut chance = Chance::new(seeds.start ^ 0x5eed);
    let partitions = *chance.one_of(&[1, 2, 3]);
    let mut world = World::new(&format!("model_{}", seeds.start), partitions).await;
    let batch = *chance.one_of(&[1, 3, 20, 1_000]);
    // each event through any topic and partition, all by one route; or by its key through a partition of one topic
    let is_routed = chance.below(3) == 0;
    if is_routed {
        world.set(
            "[route]",
            "topic = '.*[.]public[.](?<table>s[0-9]+)_[0-9]'\ntable = 'public.${table}'",
        );
    }
    world.set("apply", &format!("batch_rows = {batch}"));
    world.set("dead_letter.breaker", "ratio = 1.0");
    // whatever is waited for comes, be it slowly, a batch of one event after the other
    world.set("retry", "parent_wait = \"10m\"");
    world.sql(super::TYPES).await;
    world.sql("CREATE TYPE mood AS ENUM ('sad', 'ok')").await;
    let mut tables = Vec::new();
    for seed in seeds.clone() {
        let mut chance = Chance::new(seed);
        let table = Table::create(&mut world, seed, (partitions, is_routed), &mut chance).await;
        tables.push((table, chance));
    }
    let mut histories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut lsn = 0;
    for _ in 0..3 {
        let mut events = BTreeMap::new();
        for (table, chance) in &mut tables {
            for _ in 0..12 {
                lsn += 1;
                let (topic, told) = table.step(&world, lsn, chance).await;
                histories
                    .entry(table.name.clone())
                    .or_default()
                    .extend(told.iter().map(|e| describe_event(&topic, e)));
                events.entry(topic).or_insert_with(Vec::new).extend(told);
            }
        }
        for (topic, events) in events {
            world.kafka.produce(&topic, &events).await;
        }
        let worker = world.catch_up().await;
        if !list_letters(&world).await.is_empty() {
            eprintln!("{}", worker.log());
        }
    }
    let mut failed = Vec::new();
    for (seed, (table, _)) in seeds.clone().zip(&tables) {
        let differences = table.differences(&world).await;
        if !differences.is_empty() {
            let kinds: Vec<&str> = table.kinds.iter().map(|(kind, _)| *kind).collect();
            eprintln!("{}", histories[&table.name].join("\n"));
            failed.push(format!("EQUALITY_SEED={seed} of {seeds:?} {kinds:?}, {partitions} partitions, routed: {is_routed}, {batch} a batch: {differences:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let letters = list_letters(&world).await;
    for letter in &letters {
        let name = |(name, _): &(&String, _)| letter.contains(&format!("public.{name} "));
        let history = histories.iter().find(name);
        eprintln!(
            "{}",
            history.map_or(String::new(), |(_, told)| told.join("\n"))
        );
    }
    assert!(
        letters.is_empty(),
        "seeds {seeds:?}, {partitions} partitions, routed: {is_routed}, {batch} a batch: {letters:#?}"
    );
}

async fn list_letters(world: &World) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', table_name, topic, partition, \"offset\", reason, message) FROM landfall.dead_letters ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn describe_event(topic: &str, event: &Event) -> String {
    let text = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_deref().unwrap_or(b"null");
        String::from_utf8_lossy(bytes).into_owned()
    };
    format!(
        "{topic}[{}] {} {}",
        event.partition.unwrap_or(0),
        text(&event.key),
        text(&event.value)
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn the_destination_is_what_postgres_makes_of_the_same_events_one_by_one() {
    let first = number("EQUALITY_SEED").unwrap_or(1);
    let count = number("EQUALITY_SEEDS").unwrap_or(12);
    for start in (first..first + count).step_by(6) {
        land_seeds(start..(start + 6).min(first + count)).await;
    }
}
