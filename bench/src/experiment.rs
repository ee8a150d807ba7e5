//! What can be run by name, and what each of them compares. Each of its variants is run once a round.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::Options;
use crate::sink::Sink;
use crate::workload::{TOPICS, Topic};

pub struct Experiment {
    pub name: &'static str,
    pub about: &'static str,
    pub variants: Vec<Variant>,
}

impl Experiment {
    /// The prefixes of the topics that it reads, besides those that it makes for itself.
    pub fn topics(&self) -> impl Iterator<Item = &'static str> {
        self.variants
            .iter()
            .filter_map(|variant| match &variant.run {
                Run::Lands(topic, ..) => Some(topic.name),
                Run::Limit(_) => Some(JSON.name),
                Run::Latency(..) => None,
            })
    }
}

pub struct Variant {
    pub name: String,
    pub run: Run,
}

pub enum Run {
    Lands(Topic, Sink, Special),
    /// Plain statements from memory, in so many sessions.
    Limit(usize),
    /// Through a connector that looks at its log every so many milliseconds.
    Latency(Sink, u64),
}

/// What else is there to a run.
#[derive(Clone, Copy)]
pub enum Special {
    Nothing,
    /// So many million ids are in the ledger beforehand.
    Ledger(u64),
    /// The destination's Postgres is stopped in the middle.
    Outage,
    /// The records of `json`, over so many tables, each with its topic.
    Tables(u64),
    /// The same, with a destination that is [`FAR`] away.
    FarTables(u64),
}

/// A round trip to another zone or two.
pub const FAR: Duration = Duration::from_millis(5);

/// The variants' names, as the results know them.
pub const LANDFALL: &str = "Landfall";
pub const JDBC: &str = "JDBC sink";
pub const JDBC_TUNED: &str = "JDBC sink, tuned";
pub const FLINK: &str = "Flink";
pub const FLINK_TUNED: &str = "Flink, tuned";

/// Each peer's configurations.
pub const JDBC_SINKS: [&str; 2] = [JDBC, JDBC_TUNED];
pub const FLINKS: [&str; 2] = [FLINK, FLINK_TUNED];

const JSON: Topic = TOPICS[0];
const PLAIN: Topic = TOPICS[1];
const AVRO: Topic = TOPICS[2];
const HOT: Topic = TOPICS[3];
const WIDE: Topic = TOPICS[4];
const LARGE: Topic = TOPICS[5];

/// Leads each topic of a table of this name to it.
const ANY_TOPICS: &str = "\n[[route]]\ntopic = '.*[.]orders'\ntable = \"public.orders\"\n";

/// All of them, in the order in which they are run.
///
/// # Errors
/// If `LEDGER` isn't a list of numbers.
pub fn all(options: &Options) -> Result<Vec<Experiment>> {
    let ledgers: Vec<u64> = match options
        .ledger
        .split(',')
        .map(|n| n.trim().parse())
        .collect()
    {
        Ok(sizes) => sizes,
        Err(_) => bail!(
            "LEDGER={} is not a list of numbers with commas between",
            options.ledger
        ),
    };
    let set = |name: &str, key: &str, value: &str| {
        let variable = format!("LANDFALL_APPLY__{key}");
        lands(
            name,
            JSON,
            Sink::landfall_with(&variable, value),
            Special::Nothing,
        )
    };
    let ledger = ledgers.into_iter().map(|millions| {
        lands(
            &ledger_name(millions),
            JSON,
            Sink::landfall(),
            Special::Ledger(millions),
        )
    });
    let usual = |name, special| lands(name, JSON, Sink::landfall(), special);
    Ok(vec![
        against_all("json", "Debezium JSON with schemas", JSON),
        against("avro", "the same as Avro", AVRO, AVRO),
        against(
            "plain",
            "the same as JSON without schemas; the JDBC sink, which can't read it, on Avro",
            PLAIN,
            AVRO,
        ),
        against_all("hot", "1 % of the keys get 90 % of the updates", HOT),
        against_all("wide", "80 columns", WIDE),
        against_all("large", "rows of 20 kB", LARGE),
        experiment(
            "limit",
            "the writes of json from memory by plain unnest upserts, ids included",
            vec![
                usual(LANDFALL, Special::Nothing),
                limit(1),
                limit(2),
                limit(4),
            ],
        ),
        experiment(
            "idempotency",
            "with a row for each event id, and without",
            vec![
                set("event_id", "IDEMPOTENCY", "event_id"),
                set("offset", "IDEMPOTENCY", "offset"),
            ],
        ),
        experiment(
            "lanes",
            "more batches at a time",
            ["1", "2", "4"]
                .map(|n| set(&format!("{n} lanes"), "LANES", n))
                .into(),
        ),
        experiment(
            "tables",
            "the same records over more tables and topics, the split ones written by the bench",
            vec![
                usual("1 table", Special::Nothing),
                usual("300 tables", Special::Tables(300)),
                usual("300 tables, 5 ms away", Special::FarTables(300)),
            ],
        ),
        experiment(
            "merged",
            "a table that several topics may lead to, so that the position of each row's last change is kept",
            vec![
                usual("one topic", Special::Nothing),
                lands(
                    "any topics",
                    JSON,
                    Sink::landfall_led(ANY_TOPICS),
                    Special::Nothing,
                ),
            ],
        ),
        experiment(
            "ledger",
            "ids of the same day that the ledger holds already",
            ledger.collect(),
        ),
        experiment(
            "outage",
            "Postgres stopped for 30 s in the middle, for the memory's sake",
            vec![usual(LANDFALL, Special::Outage)],
        ),
        latency(
            "latency",
            "commit at the source to commit in the destination, 1,000 rows a second through live Debezium",
            10,
        ),
        latency(
            "bursts",
            "the same with Debezium's default poll.interval.ms of 500: rows come to Kafka in bursts",
            500,
        ),
    ])
}

pub fn ledger_name(millions: u64) -> String {
    format!("{millions} M ids")
}

fn experiment(name: &'static str, about: &'static str, variants: Vec<Variant>) -> Experiment {
    Experiment {
        name,
        about,
        variants,
    }
}

/// Landfall on one topic, the JDBC sink on another.
fn against(name: &'static str, about: &'static str, ours: Topic, theirs: Topic) -> Experiment {
    let peer = |name, tuned| lands(name, theirs, Sink::Jdbc { tuned }, Special::Nothing);
    experiment(
        name,
        about,
        vec![
            lands(LANDFALL, ours, Sink::landfall(), Special::Nothing),
            peer(JDBC, false),
            peer(JDBC_TUNED, true),
        ],
    )
}

/// On one topic, Flink too.
fn against_all(name: &'static str, about: &'static str, topic: Topic) -> Experiment {
    let mut experiment = against(name, about, topic, topic);
    let peer = |name, tuned| lands(name, topic, Sink::Flink { tuned }, Special::Nothing);
    experiment.variants.push(peer(FLINK, false));
    experiment.variants.push(peer(FLINK_TUNED, true));
    experiment
}

fn lands(name: &str, topic: Topic, sink: Sink, special: Special) -> Variant {
    Variant {
        name: name.to_owned(),
        run: Run::Lands(topic, sink, special),
    }
}

fn limit(sessions: usize) -> Variant {
    Variant {
        name: format!("limit, {sessions} sessions"),
        run: Run::Limit(sessions),
    }
}

fn latency(name: &'static str, about: &'static str, poll_interval: u64) -> Experiment {
    let variant = |name: &str, sink| Variant {
        name: name.to_owned(),
        run: Run::Latency(sink, poll_interval),
    };
    experiment(
        name,
        about,
        vec![
            variant(LANDFALL, Sink::landfall()),
            variant(JDBC, Sink::Jdbc { tuned: false }),
            variant(JDBC_TUNED, Sink::Jdbc { tuned: true }),
        ],
    )
}
