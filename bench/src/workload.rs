//! What there is to land: source tables, and topics that real Debezium made of them.

use crate::table::Table;

/// Sentinels: rows that a source inserts last, so many that each partition ends with some. A destination
/// that shows all of them has everything.
pub const SENTINELS: u64 = 600;
/// Their ids begin here.
pub const FIRST_SENTINEL: u64 = 1_000_000_000;
/// Of each topic.
pub const PARTITIONS: i32 = 4;
/// The source table's name, and the destination's.
pub const TABLE: &str = "orders";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With its schema in each record, Connect's default.
    Json,
    Plain,
    Avro,
}

/// A table that is filled, snapshotted and then changed; all of its topics are made in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Mixed,
    /// 1 % of the keys get 90 % of the updates.
    Hot,
    Wide,
    Large,
}

#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Debezium's topic prefix too.
    pub name: &'static str,
    pub source: Source,
    pub encoding: Encoding,
}

pub const TOPICS: [Topic; 6] = [
    Topic {
        name: "json",
        source: Source::Mixed,
        encoding: Encoding::Json,
    },
    Topic {
        name: "plain",
        source: Source::Mixed,
        encoding: Encoding::Plain,
    },
    Topic {
        name: "avro",
        source: Source::Mixed,
        encoding: Encoding::Avro,
    },
    Topic {
        name: "hot",
        source: Source::Hot,
        encoding: Encoding::Json,
    },
    Topic {
        name: "wide",
        source: Source::Wide,
        encoding: Encoding::Json,
    },
    Topic {
        name: "large",
        source: Source::Large,
        encoding: Encoding::Json,
    },
];

impl Topic {
    pub fn full_name(self) -> String {
        format!("{}.public.{TABLE}", self.name)
    }
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Source::Mixed => "mixed",
            Source::Hot => "hot",
            Source::Wide => "wide",
            Source::Large => "large",
        }
    }

    pub fn database(self) -> String {
        format!("bench_{}", self.name())
    }

    pub fn topics(self) -> impl Iterator<Item = Topic> {
        TOPICS.into_iter().filter(move |topic| topic.source == self)
    }

    pub fn table(self) -> Table {
        match self {
            Source::Mixed | Source::Hot => Table::mixed(),
            Source::Wide => Table::wide(),
            Source::Large => Table::large(),
        }
    }

    pub fn volume(self, events: u64) -> Volume {
        let events = match self {
            Source::Mixed | Source::Hot => events,
            Source::Wide => events / 6,
            Source::Large => events / 10,
        };
        let (rows, deletes) = match self {
            Source::Hot => (events / 10, events / 200),
            _ => (events / 2, events / 20),
        };
        Volume {
            rows,
            updates: events - rows - 2 * deletes, // a delete is two records, itself and its tombstone
        }
    }
}

/// How much a source does, besides some deletes with each transaction's updates.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// In the snapshot.
    pub rows: u64,
    pub updates: u64,
}
