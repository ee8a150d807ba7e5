//! Who may import whom. A room is a folder of `src/`; what lies beside the rooms are the words that all of
//! them speak. ARCHITECTURE.md draws the same map.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{code, files, text};

/// Each room with those that it may import, lower ones first: what isn't listed before a room can't be
/// imported by it, so there is no cycle. Everybody may import [`WORDS`].
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &[]),
    ("watch", &[]),
    ("kafka", &["watch"]),
    ("format", &[]),
    ("rows", &["format"]),
    ("postgres", &["watch", "rows"]),
    ("ledger", &["watch", "format", "rows", "postgres"]),
    (
        "pipeline",
        &["watch", "kafka", "format", "rows", "postgres", "ledger"],
    ),
    (
        "operator",
        &[
            "watch", "cli", "kafka", "format", "rows", "postgres", "ledger",
        ],
    ),
];

/// The words that every room speaks. They know each other, and no room.
const WORDS: &[&str] = &[
    "causes",
    "clock",
    "config",
    "failpoint",
    "handshake",
    "letter",
    "locked",
    "memory",
    "rate_limit",
    "record",
    "retry",
    "shutdown",
    "status",
    "table_name",
    "verdict",
];

/// Of a room that is imported for a little: what of it, and why no more.
const ONLY: &[(&str, &str, &[&str])] = &[
    // the ledger knows how ids are laid out and keeps what partitions remember; a change or a row is nothing to it
    (
        "ledger",
        "format",
        &[
            "event_id",
            "named_tables",
            "open_deletes",
            "partition_memory",
            "positions",
            "single_key",
            "stream_ends",
        ],
    ),
    // where a row's last change stood, as plain values
    (
        "ledger",
        "rows",
        &["left_out", "recorded_change", "row_key", "sql"],
    ),
];

/// The modules of this crate that a file's code names, each with the module below it, if it names one.
fn imports(file: &str) -> BTreeSet<(String, String)> {
    let path = Regex::new(r"\bcrate::(\w+)(?:::(\w+))?").unwrap();
    let code = code(file);
    let found = path.captures_iter(&code);
    found
        .map(|c| {
            let below = c.get(2).map_or("", |below| below.as_str());
            (c[1].to_owned(), below.to_owned())
        })
        .collect()
}

/// The room, or the word, that a file belongs to.
fn room_of(file: &str) -> &str {
    let path = file.strip_prefix("src/").unwrap();
    let first = path.split('/').next().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    name.strip_suffix("_tests").unwrap_or(name) // a word's tests belong to it
}

fn may_import(room: &str, other: &str, below: &str) -> bool {
    let allowed = ROOMS.iter().find(|(name, _)| *name == room);
    let rooms = allowed.map_or(&[][..], |(_, rooms)| rooms);
    let only = ONLY.iter().find(|(a, b, _)| *a == room && *b == other);
    let is_known_word = WORDS.contains(&other);
    room == other
        || is_known_word
        || rooms.contains(&other) && only.is_none_or(|(_, _, few)| few.contains(&below))
}

#[test]
fn each_room_imports_only_rooms_below_it() {
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut forbidden = Vec::new();
    for file in files("src") {
        let room = room_of(&file).to_owned();
        if ["main", "lib"].contains(&&*room) {
            continue;
        }
        let known = ROOMS.iter().any(|(name, _)| *name == room) || WORDS.contains(&&*room);
        assert!(known, "{file} is in no room: add it to ROOMS or WORDS");
        for (other, below) in imports(&file) {
            if !may_import(&room, &other, &below) {
                forbidden.push(format!("{file}: crate::{other}::{below}"));
            }
            seen.insert((room.clone(), other));
        }
    }
    assert!(forbidden.is_empty(), "{}", forbidden.join("\n"));
    for (room, allowed) in ROOMS {
        for other in *allowed {
            let used = seen.contains(&((*room).to_owned(), (*other).to_owned()));
            assert!(used, "{room} may import {other} and doesn't");
        }
    }
}

#[test]
fn the_rooms_have_an_order_so_there_is_no_cycle() {
    let mut below = BTreeSet::new();
    for (room, allowed) in ROOMS {
        for other in *allowed {
            assert!(below.contains(other), "{room} -> {other} leads upwards");
        }
        below.insert(room);
    }
}

/// Worker and operator stand side by side; a row of the page's table names a room and what it may import.
#[test]
fn the_architecture_page_draws_the_same_map() {
    let row = Regex::new(r"(?m)^\| `(\w+)/?`[^|]*\|[^|]*\|([^|]*)\|$").unwrap();
    let name = Regex::new(r"`(\w+)/?`").unwrap();
    let page = text("ARCHITECTURE.md");
    let drawn: BTreeMap<String, BTreeSet<String>> = row
        .captures_iter(&page)
        .map(|c| {
            let names = name.captures_iter(&c[2]).map(|n| n[1].to_owned());
            (c[1].to_owned(), names.collect())
        })
        .collect();
    for (room, allowed) in ROOMS {
        let drawn = drawn.get(*room);
        let drawn = drawn.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {room}"));
        let allowed: BTreeSet<String> = allowed.iter().map(|&a| a.to_owned()).collect();
        assert_eq!(drawn, &allowed, "{room}");
    }
}

#[test]
fn the_bookkeeping_tables_are_named_by_sql_in_the_ledger_alone() {
    let tables = "(?:partitions|processed_events|dead_letters|migrations|table_topics|row_sources|row_positions|row_identities|worker_sessions)";
    let sql = Regex::new(&format!(
        r"(?i)(?:\}}\.{tables}\b|\b(?:from|into|update|join|table|only)\s+[\w.{{}}]*\b{tables}\b)"
    ))
    .unwrap();
    let naming: Vec<String> = files("src")
        .into_iter()
        .filter(|file| !file.starts_with("src/ledger/") && sql.is_match(&code(file)))
        .collect();
    assert!(naming.is_empty(), "{naming:?}");
}

/// The files that name a client's types, beside the rooms that exist for it, and why they must.
const SPEAKERS: &[(&str, &str, &str)] = &[
    ("rdkafka", "src/kafka/", "speaks with Kafka"),
    (
        "reqwest",
        "src/format/registry/",
        "asks the schema registry",
    ),
    (
        "reqwest",
        "src/watch/lineage/target.rs",
        "posts lineage events",
    ),
    ("reqwest", "src/operator/health.rs", "asks a worker's port"),
    ("reqwest", "src/kafka/login/endpoint.rs", "asks for tokens"),
    ("tokio_postgres", "src/postgres/", "speaks with Postgres"),
    ("tokio_postgres", "src/ledger", "the bookkeeping tables"),
    (
        "tokio_postgres",
        "src/config/postgres",
        "the driver parses the URL",
    ),
    (
        "tokio_postgres",
        "src/pipeline/",
        "passes the transaction on",
    ),
    ("tokio_postgres", "src/operator/", "passes connections on"),
];

#[test]
fn clients_are_imported_only_where_they_may_be() {
    let client = Regex::new(
        r"\b(rdkafka|tokio_postgres|deadpool_postgres|postgres_openssl|reqwest)\s*(?:::|;)",
    )
    .unwrap();
    let mut used = BTreeSet::new();
    for file in files("src") {
        for found in client.captures_iter(&code(&file)) {
            let client = match &found[1] {
                "deadpool_postgres" | "postgres_openssl" => "tokio_postgres",
                client => client,
            };
            let mut speakers = SPEAKERS.iter();
            let speaker = speakers.position(|(c, at, _)| *c == client && file.starts_with(at));
            let speaker = speaker.unwrap_or_else(|| {
                panic!("{file} imports {client}; if it has to, add it to SPEAKERS with the reason")
            });
            used.insert(speaker);
        }
    }
    for (at, speaker) in SPEAKERS.iter().enumerate() {
        assert!(used.contains(&at), "{speaker:?} is allowed and not needed");
    }
}
