//! One connector's configuration: its class and its options, as texts.

use std::collections::BTreeMap;

use crate::operator::import_connector::error::ImportError;

/// What kind of connector it is, which decides what its options mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Confluent's JDBC sink, or Aiven's, which began as a copy of it.
    Confluent,
    /// Debezium's JDBC sink.
    Debezium,
    /// Confluent Cloud's PostgresSink: Confluent's, with names of its own for where things are.
    Cloud,
    /// A source connector of Debezium's, or Confluent Cloud's, which is one.
    ChangeSource,
    /// A source that asks tables for rows.
    RowSource,
    /// No connector: what a Connect worker is started with, which holds the converters of all of them.
    Worker,
}

/// `connector.class`, what it is, and what it is called in the report.
const CLASSES: &[(&str, Kind, &str)] = &[
    (
        "io.confluent.connect.jdbc.JdbcSinkConnector",
        Kind::Confluent,
        "Confluent's JDBC sink",
    ),
    (
        "io.aiven.connect.jdbc.JdbcSinkConnector",
        Kind::Confluent,
        "Aiven's JDBC sink",
    ),
    (
        "io.debezium.connector.jdbc.JdbcSinkConnector",
        Kind::Debezium,
        "Debezium's JDBC sink",
    ),
    (
        "PostgresSink",
        Kind::Cloud,
        "Confluent Cloud's Postgres sink",
    ),
    (
        "io.debezium.connector.postgresql.PostgresConnector",
        Kind::ChangeSource,
        "Debezium for Postgres",
    ),
    (
        "io.debezium.connector.mysql.MySqlConnector",
        Kind::ChangeSource,
        "Debezium for MySQL",
    ),
    (
        "io.debezium.connector.mariadb.MariaDbConnector",
        Kind::ChangeSource,
        "Debezium for MariaDB",
    ),
    (
        "io.debezium.connector.sqlserver.SqlServerConnector",
        Kind::ChangeSource,
        "Debezium for SQL Server",
    ),
    (
        "io.debezium.connector.oracle.OracleConnector",
        Kind::ChangeSource,
        "Debezium for Oracle",
    ),
    (
        "io.debezium.connector.db2.Db2Connector",
        Kind::ChangeSource,
        "Debezium for Db2",
    ),
    (
        "io.confluent.connect.jdbc.JdbcSourceConnector",
        Kind::RowSource,
        "Confluent's JDBC source",
    ),
    (
        "io.aiven.connect.jdbc.JdbcSourceConnector",
        Kind::RowSource,
        "Aiven's JDBC source",
    ),
];

/// A connector as its file has it.
#[derive(Debug, Clone)]
pub struct Connector {
    /// The file that it was read from.
    pub file: String,
    /// `name`; what has none is called as its file.
    pub name: String,
    /// What its options mean.
    pub kind: Kind,
    /// What it is called in the report.
    pub title: &'static str,
    /// Numbers, `true` and `false` are texts here, as they are to Connect.
    pub options: BTreeMap<String, String>,
}

impl Connector {
    /// Recognises it by its class, or a worker's configuration by what it has instead of one.
    ///
    /// # Errors
    /// It is of another class, or has none.
    pub fn recognise(
        file: &str,
        name: Option<String>,
        options: BTreeMap<String, String>,
    ) -> Result<Self, ImportError> {
        let (kind, title) = match options.get("connector.class") {
            Some(class) => find_class(file, class)?,
            None if options.contains_key("bootstrap.servers") => {
                (Kind::Worker, "a Connect worker's configuration")
            }
            None => {
                return Err(ImportError::NoConnector {
                    file: file.to_owned(),
                    found: list_names(options.keys()),
                });
            }
        };
        let name = options.get("name").cloned().or(name);
        Ok(Self {
            file: file.to_owned(),
            name: name.unwrap_or_else(|| file.to_owned()),
            kind,
            title,
            options,
        })
    }

    /// Whether it writes to a database.
    pub fn is_sink(&self) -> bool {
        matches!(self.kind, Kind::Confluent | Kind::Debezium | Kind::Cloud)
    }

    /// An option's value, without blanks around it; an empty one is none.
    pub fn text(&self, option: &str) -> Option<&str> {
        let text = self.options.get(option)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The first of these options that is set, with its name.
    pub fn first_of<'a>(&self, options: &[&'a str]) -> Option<(&'a str, &str)> {
        let mut options = options.iter();
        options.find_map(|&option| Some((option, self.text(option)?)))
    }

    /// Whether an option is `true`, in whatever case.
    pub fn is_true(&self, option: &str) -> bool {
        self.text(option)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// An option's list, without blanks around its parts.
    pub fn list(&self, option: &str) -> Vec<String> {
        self.text(option).map_or_else(Vec::new, split_list)
    }
}

/// What stands between commas.
pub fn split_list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn find_class(file: &str, class: &str) -> Result<(Kind, &'static str), ImportError> {
    let class = class.trim();
    let known = CLASSES.iter().find(|(name, ..)| *name == class);
    let cloud = class.ends_with("CdcSource") || class.ends_with("CdcSourceV2");
    match known {
        Some((_, kind, title)) => Ok((*kind, *title)),
        None if cloud => Ok((Kind::ChangeSource, "Confluent Cloud's change source")),
        None => Err(ImportError::OtherClass {
            file: file.to_owned(),
            found: class.to_owned(),
        }),
    }
}

/// The classes of sinks that are read.
pub fn sink_classes() -> String {
    let sinks = CLASSES
        .iter()
        .filter(|(_, kind, _)| matches!(kind, Kind::Confluent | Kind::Debezium | Kind::Cloud));
    let names: Vec<&str> = sinks.map(|(name, ..)| *name).collect();
    names.join(", ")
}

/// Some of an object's keys, for somebody who named the wrong file.
pub fn list_names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.take(4).map(String::as_str).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        names => format!("keys such as {}", names.join(", ")),
    }
}
