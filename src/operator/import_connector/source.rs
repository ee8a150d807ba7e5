//! What source connectors beside a sink tell of its topics: how their records look, and where Kafka is.

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::java_regex::whole_name;
use crate::operator::import_connector::naming::lead_through;
use crate::operator::import_connector::report::{Part, Section};
use crate::operator::import_connector::sink::Topics;
use crate::operator::import_connector::transforms::Transforms;

/// A source connector, read for what it tells.
#[derive(Debug)]
pub struct Source<'a> {
    /// As its file has it.
    pub connector: &'a Connector,
    /// What it does to its records.
    pub transforms: Transforms,
}

/// What begins the names of its topics: Debezium's word, that of its versions before 2.0, and the JDBC source's.
const PREFIXES: [&str; 2] = ["topic.prefix", "database.server.name"];
const TABLES: [&str; 3] = ["table.include.list", "table.whitelist", "tables"];

/// Where a source keeps its own affairs in Kafka, which tells the brokers.
const BROKERS: [&str; 3] = [
    "schema.history.internal.kafka.bootstrap.servers",
    "database.history.kafka.bootstrap.servers",
    "signal.kafka.bootstrap.servers",
];

impl<'a> Source<'a> {
    /// Reads a source connector.
    pub fn read(connector: &'a Connector, section: &mut Section) -> Self {
        let transforms = Transforms::read(connector, section);
        if connector
            .text("heartbeat.interval.ms")
            .is_some_and(|ms| ms != "0")
        {
            let text = "heartbeats are recognised in every envelope, skipped and counted";
            section.say("heartbeat.interval.ms", Part::NotNeeded, text);
        }
        if let Some(router) = connector
            .list("transforms")
            .iter()
            .find(|alias| is_table_router(connector, alias))
        {
            let text = "route.topic and route.table; the field that it adds to keys is no column: route.key names those that are";
            section.say(
                &format!("transforms.{router} (ByLogicalTableRouter)"),
                Part::Differs,
                text,
            );
        }
        Self {
            connector,
            transforms,
        }
    }

    /// The brokers, if it tells them.
    pub fn find_brokers(&self) -> Option<&str> {
        self.connector
            .first_of(&BROKERS)
            .map(|(_, brokers)| brokers)
    }

    /// Whether its records are rows, not envelopes.
    pub fn sends_rows(&self) -> bool {
        self.connector.kind == Kind::RowSource || self.transforms.unwraps.is_some()
    }

    /// Whether topics of the sink's are its own.
    pub fn feeds(&self, topics: &Topics) -> bool {
        let names = self.list_topics();
        let prefix = self.connector.first_of(&PREFIXES).map(|(_, prefix)| prefix);
        match topics {
            Topics::Named(topics) if !names.is_empty() => {
                topics.iter().any(|topic| names.contains(topic))
            }
            // where they are led to isn't known
            _ if names.is_empty() && !self.transforms.routers.is_empty() => true,
            Topics::Named(topics) => {
                prefix.is_some_and(|prefix| topics.iter().any(|topic| topic.starts_with(prefix)))
            }
            Topics::Pattern(java) => {
                let matched = whole_name(java)
                    .is_ok_and(|regex| names.iter().any(|name| regex.is_match(name)));
                let plain = java.replace('\\', "");
                matched || prefix.is_some_and(|prefix| plain.contains(prefix))
            }
        }
    }

    /// The topics of the tables that it lists by name.
    fn list_topics(&self) -> Vec<String> {
        let Some((_, prefix)) = self.connector.first_of(&PREFIXES) else {
            return Vec::new();
        };
        let Some((_, tables)) = self.connector.first_of(&TABLES) else {
            return Vec::new();
        };
        let tables = tables
            .split(',')
            .map(|table| table.trim().replace('\\', ""));
        let topics = tables
            .filter(|table| !table.contains(['*', '+', '|', '(']))
            .map(|table| {
                match self.connector.kind {
                    // a row's source names a topic for the table alone
                    Kind::RowSource => {
                        format!("{prefix}{}", table.rsplit('.').next().unwrap_or(&table))
                    }
                    _ => format!("{prefix}.{table}"),
                }
            });
        topics
            .map(|topic| lead_through(&self.transforms.routers, &topic).unwrap_or(topic))
            .collect()
    }
}

fn is_table_router(connector: &Connector, alias: &str) -> bool {
    let class = connector.text(&format!("transforms.{alias}.type"));
    class.is_some_and(|class| class.ends_with("ByLogicalTableRouter"))
}
