//! `[kafka]`: what to read, and with which librdkafka properties.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use figment::value::{Dict, Value};

use super::kafka_property::{may_be_secret, property_of};
use super::reader::Reader;
use super::secret::{SecretFileError, read_secret_file};
use super::summary::Summary;
use super::topic_pattern::TopicPattern;
use super::value::{allowed, parse_list, parse_string, show_value};

const PROPERTIES_KEY: &str = "kafka.properties";
const WHO_COMMITS: &str =
    "Landfall commits an offset itself, after Postgres has committed its events";

const ISOLATION_LEVEL: &str = "isolation.level";

/// Properties that Landfall sets itself, and why.
const OWNED_PROPERTIES: [(&str, &str); 9] = [
    ("bootstrap.servers", "set kafka.brokers instead"),
    ("metadata.broker.list", "set kafka.brokers instead"),
    ("group.id", "set kafka.group instead"),
    ("enable.auto.commit", WHO_COMMITS),
    ("enable.auto.offset.store", WHO_COMMITS),
    (
        "enable.partition.eof",
        "Landfall sets it, to know when a partition has been read to its end",
    ),
    (
        "auto.offset.reset",
        "a new group starts at the earliest offset; later, a lost position is an error and \
         never a silent jump",
    ),
    (
        ISOLATION_LEVEL,
        "what read_uncommitted brings of aborted transactions never happened at the source; take it out",
    ),
    (
        "statistics.interval.ms",
        "Landfall sets it, for its own metrics",
    ),
];

/// `[kafka]`: the brokers, the group and its topics.
#[derive(Clone)]
pub struct KafkaConfig {
    /// `host:port`, with commas between.
    pub brokers: String,
    /// The consumer group. Its name is also part of all bookkeeping.
    pub group: String,
    /// Names and patterns of the topics to read. Never empty.
    pub topics: Vec<TopicPattern>,
    /// librdkafka's, secrets included: show them with `shown_properties`.
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// Whether a topic is named or matched.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        self.topics
            .iter()
            .any(|pattern| pattern.matches_topic(topic))
    }

    /// The properties with the secrets' values replaced.
    pub fn shown_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(name, value)| {
            let shown = if may_be_secret(name) {
                "[secret]"
            } else {
                value
            };
            (name.as_str(), shown)
        })
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("kafka.brokers", &self.brokers);
        summary.add("kafka.group", &self.group);
        let topics: Vec<&str> = self.topics.iter().map(|topic| topic.as_str()).collect();
        summary.add("kafka.topics", topics.join(","));
        for (name, value) in self.shown_properties() {
            summary.add(&format!("kafka.properties.{name}"), value);
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Option<Self> {
        let brokers = reader.read_required("kafka.brokers", parse_string);
        let group = reader.read_or("kafka.group", "landfall".to_owned(), parse_string);
        let topics = reader
            .read_required("kafka.topics", parse_list)
            .map(|texts| {
                texts
                    .iter()
                    .filter_map(|text| {
                        TopicPattern::parse(text)
                            .map_err(|error| reader.note_problem("kafka.topics", error))
                            .ok()
                    })
                    .collect()
            });
        let properties = read_properties(reader);
        Some(Self {
            brokers: brokers?,
            group,
            topics: topics?,
            properties,
        })
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("group", &self.group)
            .field("topics", &self.topics)
            .field("properties", &BTreeMap::from_iter(self.shown_properties()))
            .finish()
    }
}

fn read_properties(reader: &mut Reader) -> BTreeMap<String, String> {
    let written = reader.read_hidden(PROPERTIES_KEY, |found| match found.value {
        Value::Dict(_, dict) => Ok(dict.clone()),
        _ => Err(allowed("a table, [kafka.properties]")),
    });
    let mut entries = Vec::new();
    flatten_table("", &written.unwrap_or_default(), &mut entries);
    // Variables last, so that they replace what the file says.
    entries.sort_by_key(|(_, value)| reader.is_from_environment(value));

    let mut chosen: BTreeMap<String, (String, Value)> = BTreeMap::new();
    for (name, value) in entries {
        let by_variable = reader.is_from_environment(&value);
        if let Some((_, earlier)) = chosen.get(property_of(&name))
            && reader.is_from_environment(earlier) == by_variable
        {
            let text = "set twice; set the property or its _file, once";
            refuse_property(reader, &name, &value, text);
        }
        chosen.insert(property_of(&name).to_owned(), (name, value));
    }
    let mut properties = BTreeMap::new();
    for (property, (name, value)) in chosen {
        match read_property(&name, &value) {
            Ok(text) => _ = properties.insert(property, text),
            Err(error) => refuse_property(reader, &name, &value, error),
        }
    }
    properties
}

/// Why a property is not taken.
#[derive(Debug, thiserror::Error)]
enum PropertyError {
    #[error("cannot be set: {0}")]
    Owned(&'static str),
    #[error("found {0}; allowed: a path")]
    NoPath(String),
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    #[error("found {0}; allowed: text, a number, true or false")]
    NoScalar(String),
}

fn read_property(name: &str, value: &Value) -> Result<String, PropertyError> {
    let as_it_is = name == ISOLATION_LEVEL && value.as_str() == Some("read_committed");
    let owned = OWNED_PROPERTIES.iter().find(|(owned, _)| *owned == name);
    if let Some((_, why)) = owned.filter(|_| !as_it_is) {
        return Err(PropertyError::Owned(why));
    }
    if property_of(name) != name {
        let path = value
            .as_str()
            .ok_or_else(|| PropertyError::NoPath(show_value(value)))?;
        return Ok(read_secret_file(Path::new(path))?.expose().to_owned());
    }
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Num(..) | Value::Bool(..) => Ok(show_value(value)),
        _ => Err(PropertyError::NoScalar(show_value(value))),
    }
}

/// `security.protocol = "SSL"` without quotes is a table within a table to TOML.
fn flatten_table(outer: &str, dict: &Dict, entries: &mut Vec<(String, Value)>) {
    for (name, value) in dict {
        let name = match outer {
            "" => name.clone(),
            outer => format!("{outer}.{name}"),
        };
        match value {
            Value::Dict(_, inner) => flatten_table(&name, inner, entries),
            value => entries.push((name, value.clone())),
        }
    }
}

fn refuse_property(reader: &mut Reader, name: &str, value: &Value, text: impl std::fmt::Display) {
    reader.refuse_value(Some(value), &format!("{PROPERTIES_KEY}.{name}"), text);
}
