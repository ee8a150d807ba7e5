//! `landfall import-connector`: turns Kafka Connect's JDBC sinks into a configuration.
//!
//! The configuration goes to standard output, and nothing else does; what became of each option goes to standard
//! error. `import_connector/options.rs` is the table of options, and `docs/from-kafka-connect.md` explains it.

mod configuration;
mod connector;
mod consumer;
mod destination;
mod encodings;
mod error;
mod file;
mod given;
mod java_regex;
mod jdbc_parameters;
mod naming;
pub mod options;
mod report;
mod route_text;
mod row_rules;
mod sink;
mod source;
mod subscription;
#[cfg(test)]
mod testing;
mod toml_text;
mod transforms;

pub use crate::operator::import_connector::error::ImportError;

use crate::cli::ImportConnector;
use crate::operator::import_connector::configuration::write_configuration;
use crate::operator::import_connector::connector::Kind;
use crate::operator::import_connector::file::Found;
use crate::operator::import_connector::report::{Part, Section};
use crate::operator::import_connector::sink::Sink;
use crate::operator::import_connector::source::Source;
use crate::operator::terminal;

/// What was made of the files.
#[derive(Debug)]
pub struct Imported {
    /// The configuration, in TOML.
    pub configuration: String,
    /// What became of each option, for people.
    pub report: String,
}

/// `landfall import-connector`: prints both.
///
/// # Errors
/// What was given is no sink's configuration, or several that don't go together. Nothing is printed then.
pub fn run_import(asked: &ImportConnector) -> Result<(), ImportError> {
    let imported = import_connectors(&asked.files, asked.brokers.as_deref())?;
    terminal::print_error(&imported.report);
    terminal::print(&imported.configuration);
    Ok(())
}

/// Reads the files and makes one configuration of all sinks in them. `brokers`: where Kafka is, which connectors
/// don't say.
///
/// # Errors
/// What was given is no sink's configuration, or several that don't go together.
pub fn import_connectors(files: &[String], brokers: Option<&str>) -> Result<Imported, ImportError> {
    let mut found = Found::default();
    files.iter().try_for_each(|file| found.read_file(file))?;
    combine_connectors(&found, files, brokers)
}

/// The same of one file's bytes, for those who have no file. How it is read, its name says.
///
/// # Errors
/// They are no sink's configuration.
pub fn import_bytes(file: &str, bytes: &[u8]) -> Result<Imported, ImportError> {
    let mut found = Found::default();
    found.add_bytes(file, bytes.to_vec())?;
    combine_connectors(&found, &[file.to_owned()], None)
}

fn combine_connectors(
    found: &Found,
    files: &[String],
    brokers: Option<&str>,
) -> Result<Imported, ImportError> {
    let worker = found.connectors.iter().find(|one| one.kind == Kind::Worker);
    let mut sections = Vec::new();
    let mut sources = Vec::new();
    for connector in &found.connectors {
        if matches!(connector.kind, Kind::ChangeSource | Kind::RowSource) {
            let mut section = Section::about(connector);
            sources.push(Source::read(connector, &mut section));
            sections.push(section);
        }
    }
    let mut sinks = Vec::new();
    for connector in found.connectors.iter().filter(|one| one.is_sink()) {
        let mut section = Section::about(connector);
        sinks.push(Sink::read(connector, &sources, worker, &mut section)?);
        sections.push(section);
    }
    check_together(&sinks, files)?;
    if let Some(section) = sections.last_mut() {
        judge_whole(&sinks, brokers, section);
    }
    let left_out = found
        .left_out
        .iter()
        .map(|(name, class)| format!("left out: {name}, as Landfall has no place for {class}\n"));
    let report: String = sections
        .iter()
        .map(Section::as_text)
        .chain(left_out)
        .collect();
    Ok(Imported {
        configuration: write_configuration(&sinks, brokers),
        report,
    })
}

/// One Landfall writes into one database.
fn check_together(sinks: &[Sink], files: &[String]) -> Result<(), ImportError> {
    let Some((first, others)) = sinks.split_first() else {
        return Err(ImportError::NoSink {
            files: files.join(", "),
        });
    };
    let place = |sink: &Sink| {
        (
            sink.destination.url.clone(),
            sink.destination.elsewhere.clone(),
        )
    };
    match others.iter().find(|other| place(other) != place(first)) {
        None => Ok(()),
        Some(other) => Err(ImportError::TwoDatabases {
            one: first.name.clone(),
            other: other.name.clone(),
        }),
    }
}

/// What is to be said of all sinks together.
fn judge_whole(sinks: &[Sink], brokers: Option<&str>, section: &mut Section) {
    if brokers.is_none() && sinks.iter().all(|sink| sink.brokers.is_none()) {
        let text = "a connector's file doesn't hold them: --brokers, or the worker's .properties as one more FILE";
        section.say("kafka.brokers", Part::ToDecide, text);
    }
    if sinks.len() > 1 {
        let text = "each connector had a group of its own: import them one by one to go on where they stopped";
        section.say("kafka.group", Part::Differs, text);
    }
    let first = sinks.first();
    if sinks
        .iter()
        .any(|sink| Some(&sink.properties) != first.map(|first| &first.properties))
    {
        let text =
            "the sinks' differ, and one Landfall has one set: those of the first that has any";
        section.say("kafka.properties", Part::ToDecide, text);
    }
    let registries = sinks
        .iter()
        .filter_map(|sink| sink.encodings.registry.as_ref());
    let urls: Vec<_> = registries.map(|registry| &registry.url).collect();
    if urls.iter().any(|url| Some(url) != urls.first()) {
        let text = "the sinks' differ, and one Landfall asks one registry: the first";
        section.say("format.registry.url", Part::ToDecide, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(files: &[(&str, &str)]) -> Result<Imported, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<String> = files
            .iter()
            .map(|(name, text)| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                path.to_str().unwrap().to_owned()
            })
            .collect();
        import_connectors(&paths, None)
    }

    const SINK: &str = r#"{"name": "s", "config": {
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "connection.url": "jdbc:postgresql://db/shop?user=u&password=hunter2",
        "topics": "a", "pk.mode": "record_key", "insert.mode": "upsert"}}"#;

    #[test]
    fn a_password_is_neither_in_the_configuration_nor_in_the_report() {
        let imported = import(&[("s.json", SINK)]).unwrap();
        let all = imported.configuration + &imported.report;
        assert!(!all.contains("hunter2"), "{all}");
        assert!(all.contains("password_file"), "{all}");
    }

    #[test]
    fn two_databases_or_no_sink_are_refused() {
        let other = SINK.replace("db/shop", "db/other");
        let error = import(&[("s.json", SINK), ("t.json", &other)]).unwrap_err();
        assert!(matches!(error, ImportError::TwoDatabases { .. }), "{error}");
        let worker = "bootstrap.servers=k:9092\n";
        let error = import(&[("w.properties", worker)]).unwrap_err();
        assert!(matches!(error, ImportError::NoSink { .. }), "{error}");
    }

    #[test]
    fn a_worker_beside_a_sink_tells_brokers_and_converters() {
        let worker = "bootstrap.servers=k:9092\nvalue.converter=io.confluent.connect.avro.AvroConverter\n\
                      value.converter.schema.registry.url=http://r:8081\nconsumer.security.protocol=SSL\n";
        let imported = import(&[("s.json", SINK), ("w.properties", worker)]).unwrap();
        for line in [
            "brokers = \"k:9092\"",
            "encoding = \"avro\"",
            "url = \"http://r:8081\"",
            "\"security.protocol\" = \"SSL\"",
        ] {
            assert!(
                imported.configuration.contains(line),
                "{}",
                imported.configuration
            );
        }
    }

    #[test]
    fn sinks_that_differ_have_routes_of_their_own() {
        let other = SINK
            .replace(
                "\"a\"",
                "\"b\", \"delete.enabled\": true, \"value.converter\": \"x.AvroConverter\"",
            )
            .replace("\"s\"", "\"t\"");
        let imported = import(&[("s.json", SINK), ("t.json", &other)]).unwrap();
        let (_, second) = imported.configuration.split_once("# t (t.json)").unwrap();
        assert!(second.contains("deletes = true "), "{second}");
        assert!(second.contains("encoding = \"avro\""), "{second}");
        assert!(imported.configuration.contains("group = \"landfall\""));
    }

    #[test]
    fn of_a_clusters_connectors_the_others_are_left_out() {
        let sink: serde_json::Value = serde_json::from_str(SINK).unwrap();
        let listing = serde_json::json!({
            "s": {"info": sink},
            "x": {"info": {"name": "x", "config": {"connector.class": "io.aiven.kafka.S3"}}},
        });
        let imported = import(&[("all.json", &listing.to_string())]).unwrap();
        assert!(
            imported.report.contains("left out: x"),
            "{}",
            imported.report
        );
    }
}
