//! A column without a zone holds the moment that Postgres itself finds in a text, in UTC.

use landfall::rows::table::PgType;
use landfall::rows::value::{Reading, Value, to_text};
use tokio_postgres::Client;

use crate::support::stack::stack;
use crate::support::world::connect;

/// `'…'::type`, or nothing where Postgres can't read it.
const READ: &str = "\
    CREATE FUNCTION pg_temp.read(sql text, said text) RETURNS text LANGUAGE plpgsql AS $$ \
    DECLARE found text; BEGIN EXECUTE sql INTO found USING said; RETURN found; \
    EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$";

const DATES: [&str; 12] = [
    "2024-01-01",
    "2024-02-29",
    "20240101",
    "2024-1-1",
    "0044-03-15",
    "10000-12-31",
    "2024/01/01",
    "01-Jan-2024",
    "Jan-01-2024",
    "Mon Jan 01 2024",
    "1 January 2024",
    "2024.001",
];
const SEPARATORS: [&str; 4] = ["T", " ", "  ", "t"];
const CLOCKS: [&str; 13] = [
    "00:30:00",
    "12:34:56.789",
    "9:05:00",
    "12:00:0",
    "12:00",
    "120000",
    "1200",
    "24:00:00",
    "23:59:60",
    "12:34.5",
    "120000.5",
    "01:00:00 PM",
    "12:00:00.123456",
];
const ZONES: [&str; 30] = [
    "",
    "Z",
    "z",
    " UTC",
    " GMT",
    " UT",
    " UCT",
    " Zulu",
    " Etc/UTC",
    " UTC+00:00",
    "+00",
    "-00:00",
    " +0000",
    "+02",
    "+02:00",
    " +02:00",
    "-05",
    "+0530",
    "-11:30",
    "+14:00",
    "+00:53:28",
    "+2",
    " + 02",
    "+530",
    " CET",
    " America/New_York",
    "America/New_York",
    " UTC+2",
    " GMT-5",
    "+02:00 ",
];

/// Of each text: what is written for a column of that type, if anything is.
fn written(texts: &[String], column: &str) -> Vec<Option<String>> {
    let column = PgType {
        name: column.to_owned(),
        modifier: -1,
        element: None,
    };
    let write = |text: &String| {
        let raw = serde_json::to_string(text).unwrap();
        match to_text(&raw, None, &column, &Reading::default()) {
            Ok(Value::Text(text)) => Some(text.into_owned()),
            _ => None,
        }
    };
    texts.iter().map(write).collect()
}

/// What Postgres reads from each text by that SQL over `$1`.
async fn read(db: &Client, sql: &str, texts: &[Option<String>]) -> Vec<Option<String>> {
    let all = "SELECT pg_temp.read($1, said) FROM unnest($2::text[]) WITH ORDINALITY u(said, n) ORDER BY n";
    let rows = db.query(all, &[&sql, &texts]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Holds of each text that Postgres reads both ways; returns how many were written, and how many refused.
async fn compare(db: &Client, column: &str, moment: &str, texts: Vec<String>) -> (usize, usize) {
    let written = written(&texts, column);
    let ours = read(db, &format!("SELECT $1::{column}::text"), &written).await;
    let said: Vec<Option<String>> = texts.iter().cloned().map(Some).collect();
    let theirs = read(db, moment, &said).await;
    let mut counts = (0, 0);
    for (at, text) in texts.iter().enumerate() {
        if theirs[at].is_none() {
            continue;
        }
        if written[at].is_none() {
            counts.1 += 1;
            continue;
        }
        counts.0 += 1;
        assert_eq!(
            ours[at], theirs[at],
            "{text:?} for {column}, written as {:?}",
            written[at]
        );
    }
    counts
}

fn texts(clocks: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for date in DATES {
        for separator in SEPARATORS {
            for clock in clocks {
                for zone in ZONES {
                    all.push(format!("{date}{separator}{clock}{zone}"));
                    all.push(format!("{date}{separator}{clock}{zone} BC"));
                }
            }
        }
    }
    all
}

async fn database() -> Client {
    let db = connect(&format!("{}/postgres", stack().postgres)).await;
    db.batch_execute("SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'")
        .await
        .unwrap();
    db.batch_execute(READ).await.unwrap();
    db
}

#[tokio::test]
async fn a_timestamp_without_a_zone_is_the_moment_that_postgres_reads_in_utc() {
    let db = database().await;
    let moment = "SELECT ($1::timestamptz AT TIME ZONE 'UTC')::text";
    let (written, refused) = compare(&db, "timestamp", moment, texts(&CLOCKS)).await;
    assert!(
        written > 10_000 && refused < written,
        "{written} written, {refused} refused"
    );
    let days = DATES
        .iter()
        .flat_map(|date| ZONES.map(|zone| format!("{date}{zone}")));
    let (written, _) = compare(&db, "timestamp", moment, days.collect()).await;
    assert!(written > 100, "{written} days written");
}

#[tokio::test]
async fn a_date_and_a_time_without_a_zone_are_those_of_the_moment_in_utc() {
    let db = database().await;
    // a day has no time of it: what isn't midnight must not be written at all
    let moment = "SELECT CASE WHEN m = date_trunc('day', m) THEN m::date::text ELSE 'not midnight' END \
                  FROM (SELECT $1::timestamptz AT TIME ZONE 'UTC') moments(m)";
    let midnights = [
        "00:00:00",
        "00:00",
        "02:00:00",
        "05:30:00",
        "000000",
        "0:00:00.000",
    ];
    let clocks: Vec<&str> = CLOCKS.into_iter().chain(midnights).collect();
    let (written, refused) = compare(&db, "date", moment, texts(&clocks)).await;
    assert!(
        written > 1_000 && refused > written,
        "{written} written, {refused} refused"
    );
    let day = "SELECT $1::date::text";
    let days = DATES
        .iter()
        .flat_map(|date| ZONES.map(|zone| format!("{date}{zone}")));
    let (written, _) = compare(&db, "date", day, days.collect()).await;
    assert!(written > 100, "{written} days written");

    // 24:00 is a time of its own, unless it is moved
    let time = "SELECT CASE WHEN $1::timetz::time = '24:00' AND extract(timezone FROM $1::timetz) = 0 THEN '24:00:00' \
                ELSE ($1::timetz AT TIME ZONE 'UTC')::time::text END";
    let clocks = CLOCKS
        .iter()
        .flat_map(|clock| ZONES.map(|zone| format!("{clock}{zone}")));
    let (written, _) = compare(&db, "time", time, clocks.collect()).await;
    assert!(written > 150, "{written} times written");
}
