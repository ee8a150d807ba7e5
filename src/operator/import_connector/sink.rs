//! One sink, read whole: what it reads, where it writes, and how.

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::consumer::{Property, read_properties};
use crate::operator::import_connector::destination::Destination;
use crate::operator::import_connector::encodings::Encodings;
use crate::operator::import_connector::error::ImportError;
use crate::operator::import_connector::given::is_given_elsewhere;
use crate::operator::import_connector::naming::{Naming, NamingError, RoutedTable};
use crate::operator::import_connector::report::{Part, Section};
use crate::operator::import_connector::row_rules::{RowRules, read_row_rules};
use crate::operator::import_connector::source::Source;
use crate::operator::import_connector::subscription::write_subscription;
use crate::operator::import_connector::transforms::{PREFIX, Transforms};

/// What a sink is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    Named(Vec<String>),
    /// Java's regex for whole names.
    Pattern(String),
}

/// A sink's configuration in Landfall's terms.
#[derive(Debug)]
pub struct Sink {
    /// The file that it was read from.
    pub file: String,
    /// The connector's name.
    pub name: String,
    /// The group that commits its offsets; `None`: its name isn't known.
    pub group: Option<String>,
    /// Where Kafka is, if the file says.
    pub brokers: Option<String>,
    /// `kafka.topics`.
    pub topics: Vec<String>,
    /// `[kafka.properties]`.
    pub properties: Vec<Property>,
    /// `envelope`.
    pub envelope: &'static str,
    /// Why it is that one.
    pub envelope_reason: &'static str,
    /// `format.flat.prefix`, where it isn't the usual one.
    pub flat_prefix: Option<String>,
    /// `encoding`, `key_encoding`, the registry.
    pub encodings: Encodings,
    /// `[postgres]`.
    pub destination: Destination,
    /// `[[route]]`: topic and table; `Err`: why there is none.
    pub routes: Result<Vec<RoutedTable>, NamingError>,
    /// `[[route]]`: the rest.
    pub rules: RowRules,
    /// `apply.truncates`.
    pub truncates: bool,
    /// `dead_letter.topic`.
    pub dead_letters: Option<String>,
    /// `dead_letter.replication`.
    pub dead_letter_replication: Option<i64>,
}

impl Sink {
    /// Reads it, and says what became of each of its options.
    ///
    /// # Errors
    /// It has no topics, or doesn't write to Postgres.
    pub fn read(
        sink: &Connector,
        sources: &[Source],
        worker: Option<&Connector>,
        section: &mut Section,
    ) -> Result<Self, ImportError> {
        let topics = read_topics(sink)?;
        let source = sources.iter().find(|source| source.feeds(&topics));
        let shape = Transforms::read(sink, section);
        let (envelope, envelope_reason) = choose_envelope(sink, &shape, source, section);
        let encodings = Encodings::read(sink, worker, section);
        let destination = Destination::read(sink, section)?;
        let naming = read_naming(sink, &shape, destination.schema.clone(), section);
        let unwrap = source.and_then(|source| source.transforms.unwraps.as_ref());
        let flat_prefix = unwrap.map(|unwrap| unwrap.prefix.clone());
        let beside = source.map(|source| &source.transforms);
        let mut rules = read_row_rules(sink, &encodings, shape, beside, section);
        rules.version = source.and_then(|source| find_version(source.connector));
        let result = Self {
            file: sink.file.clone(),
            name: sink.name.clone(),
            group: find_group(sink, section),
            brokers: find_brokers(sink, source, worker),
            topics: subscribe(&topics, section),
            properties: read_properties(sink, worker, section),
            envelope,
            envelope_reason,
            flat_prefix: flat_prefix.filter(|prefix| prefix != PREFIX && envelope == "flat"),
            encodings,
            destination,
            routes: route(&naming, &topics, section),
            rules,
            truncates: sink.is_true("truncate.enabled"),
            dead_letters: sink
                .text("errors.deadletterqueue.topic.name")
                .map(str::to_owned),
            dead_letter_replication: sink
                .text("errors.deadletterqueue.topic.replication.factor")
                .and_then(|number| number.parse().ok())
                .filter(|number| *number > 0),
        };
        section.say_the_rest(sink);
        Ok(result)
    }
}

fn read_topics(sink: &Connector) -> Result<Topics, ImportError> {
    let named = sink.list("topics");
    if !named.is_empty() {
        return Ok(Topics::Named(named));
    }
    let pattern = sink.text("topics.regex").map(str::to_owned);
    pattern.map(Topics::Pattern).ok_or(ImportError::NoTopics {
        file: sink.file.clone(),
    })
}

/// What the records look like. Of sinks only Debezium's reads envelopes: what goes to another one as it is, is a row.
fn choose_envelope(
    sink: &Connector,
    shape: &Transforms,
    source: Option<&Source>,
    section: &mut Section,
) -> (&'static str, &'static str) {
    if shape.has_foreign_envelope {
        let text = "the topic's envelope isn't one that Landfall reads";
        section.say("format.envelope", Part::NoCounterpart, text);
        return ("debezium", "none that Landfall reads: see the report");
    }
    match (&shape.unwraps, source) {
        // the sink's own unwrap lets rows pass as they are
        (_, Some(source)) if source.sends_rows() => ("flat", "the source sends rows"),
        (Some(_), _) => (
            "debezium",
            "it was taken off in the sink, so it is in the topic",
        ),
        (None, Some(_)) => ("debezium", "the source sends envelopes"),
        (None, None) if sink.kind == Kind::Debezium => {
            ("debezium", "or \"flat\", if the source unwraps it")
        }
        (None, None) => ("flat", "this sink takes rows, and unwraps nothing"),
    }
}

fn read_naming(
    sink: &Connector,
    shape: &Transforms,
    schema: Option<String>,
    section: &mut Section,
) -> Naming {
    let is_debezium = sink.kind == Kind::Debezium;
    let (option, format) = sink
        .first_of(&["collection.name.format", "table.name.format"])
        .unwrap_or(("table.name.format (not set)", "${topic}"));
    let unquoted = match is_debezium {
        true => !sink.is_true("quote.identifiers"),
        false => sink
            .text("quote.sql.identifiers")
            .is_some_and(|when| when.eq_ignore_ascii_case("never")),
    };
    let named = sink.text("topics").is_some();
    if unquoted && !named && format.contains("${") {
        let text = "names weren't quoted, so tables are in lower case: a route takes names as topics have them";
        section.say(option, Part::Differs, text);
    }
    let passes = sink
        .text("collection.naming.strategy")
        .is_some_and(|class| class.contains("Passthrough"));
    if passes {
        section.say("collection.naming.strategy", Part::Mapped, "route.table");
    }
    Naming {
        routers: shape.routers.clone(),
        format: format.to_owned(),
        underscores: is_debezium && !passes,
        folds_case: unquoted,
        schema,
    }
}

fn route(
    naming: &Naming,
    topics: &Topics,
    section: &mut Section,
) -> Result<Vec<RoutedTable>, NamingError> {
    let routes = match topics {
        Topics::Named(topics) => naming.route_topics(topics),
        Topics::Pattern(java) => naming.route_pattern(java),
    };
    if let Err(error) = &routes {
        section.say("route.table", Part::ToDecide, error.to_string());
    }
    routes
}

fn subscribe(topics: &Topics, section: &mut Section) -> Vec<String> {
    match topics {
        Topics::Named(topics) => {
            if topics.iter().any(|topic| is_given_elsewhere(topic)) {
                section.say(
                    "topics",
                    Part::ToDecide,
                    "a template: kafka.topics and route.topic",
                );
            }
            topics.clone()
        }
        Topics::Pattern(java) => match write_subscription(java) {
            Ok(pattern) => vec![pattern],
            Err(error) => {
                section.say("topics.regex", Part::ToDecide, error.to_string());
                vec!["^.*$".to_owned()]
            }
        },
    }
}

fn find_group(sink: &Connector, section: &mut Section) -> Option<String> {
    if let Some(group) = sink.text("consumer.override.group.id") {
        return Some(group.to_owned());
    }
    if sink.kind == Kind::Cloud {
        let text = "the group's name is connect-lcc-…: with it and kafka.start = \"group\" Landfall goes on where the connector stopped";
        section.say("name", Part::ToDecide, text);
        return None;
    }
    Some(format!("connect-{}", sink.name))
}

fn find_brokers(
    sink: &Connector,
    source: Option<&Source>,
    worker: Option<&Connector>,
) -> Option<String> {
    let of_worker = worker.and_then(|worker| worker.text("bootstrap.servers"));
    let own = sink.text("kafka.endpoint").or(of_worker);
    let found = own.or_else(|| source?.find_brokers())?;
    let parts = found.split(',').map(|part| {
        let part = part.trim();
        part.split_once("://").map_or(part, |(_, host)| host)
    });
    let brokers = parts.collect::<Vec<_>>().join(",");
    (!is_given_elsewhere(&brokers)).then_some(brokers)
}

/// The JDBC source asks for rows that are newer by this column.
fn find_version(source: &Connector) -> Option<String> {
    let columns = source.list("timestamp.column.name");
    match columns.as_slice() {
        [only] if source.kind == Kind::RowSource => Some(only.clone()),
        _ => None,
    }
}
