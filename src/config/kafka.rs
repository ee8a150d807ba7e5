//! `[kafka]`: what to read, and with which librdkafka properties.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use figment::value::{Dict, Value};

use super::connect_option::advise_on_option;
use super::kafka_property::{may_be_secret, property_of};
use super::reader::Reader;
use super::secret::{SecretFileError, read_secret_file};
use super::start_at::{STARTS, StartAt};
use super::summary::Summary;
use super::topic_pattern::TopicPattern;
use super::value::{
    Found, Refusal, allowed, because, one_of, parse_list, parse_string, show_value, word_for,
};

const PROPERTIES_KEY: &str = "kafka.properties";
const WHO_COMMITS: &str =
    "Landfall commits an offset itself, after Postgres has committed its events";

/// Properties that Landfall sets itself, why, and the value that says what happens anyway.
const OWNED_PROPERTIES: [(&str, &str, Option<&str>); 9] = [
    ("bootstrap.servers", "set kafka.brokers instead", None),
    ("metadata.broker.list", "set kafka.brokers instead", None),
    ("group.id", "set kafka.group instead", None),
    ("enable.auto.commit", WHO_COMMITS, Some("false")),
    ("enable.auto.offset.store", WHO_COMMITS, Some("false")),
    (
        "enable.partition.eof",
        "Landfall sets it, to know when a partition has been read to its end",
        Some("true"),
    ),
    (
        "auto.offset.reset",
        "kafka.start says where a partition begins that this destination never had: set kafka.start = \"latest\" \
         instead; later, a lost position is an error and never a silent jump",
        Some("earliest"),
    ),
    (
        "isolation.level",
        "what read_uncommitted brings of aborted transactions never happened at the source; take it out",
        Some("read_committed"),
    ),
    (
        "statistics.interval.ms",
        "Landfall sets it, for its own metrics",
        None,
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
    /// Where partitions begin that this destination never had.
    pub start: StartAt,
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

    /// The topics that are asked for by name.
    pub fn topic_names(&self) -> impl Iterator<Item = &str> {
        let all = self.topics.iter().map(TopicPattern::as_str);
        all.filter(|topic| !topic.starts_with('^'))
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("kafka.brokers", &self.brokers);
        summary.add("kafka.group", &self.group);
        let topics: Vec<&str> = self.topics.iter().map(|topic| topic.as_str()).collect();
        summary.add("kafka.topics", topics.join(","));
        summary.add("kafka.start", word_for(&STARTS, self.start));
        for (name, value) in self.shown_properties() {
            summary.add(&format!("kafka.properties.{name}"), value);
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Option<Self> {
        let brokers = reader.read_required("kafka.brokers", parse_brokers);
        let group = reader.read_or("kafka.group", "landfall".to_owned(), parse_string);
        let topics = reader
            .read_required("kafka.topics", parse_topics)
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
        let start = reader.read_or("kafka.start", StartAt::Earliest, one_of(&STARTS));
        let properties = read_properties(reader);
        Some(Self {
            brokers: brokers?,
            group,
            topics: topics?,
            start,
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
            .field("start", &self.start)
            .field("properties", &BTreeMap::from_iter(self.shown_properties()))
            .finish()
    }
}

/// As text with commas between, or as a list.
fn parse_brokers(found: &Found) -> Result<String, Refusal> {
    match found.value {
        Value::Array(..) => Ok(parse_list(found)?.join(",")),
        _ => parse_string(found),
    }
}

/// A list; or one pattern, or names with commas between, as Kafka Connect has them.
fn parse_topics(found: &Found) -> Result<Vec<String>, Refusal> {
    match found.value {
        Value::String(_, text) if !found.from_environment && text.starts_with('^') => {
            Ok(vec![text.clone()])
        }
        Value::String(_, text) if !found.from_environment => {
            Ok(text.split(',').map(|name| name.trim().to_owned()).collect())
        }
        Value::Dict(_, dict) if dict.contains_key("regex") => {
            let option = advise_on_option("topics.regex").unwrap_or_default();
            Err(because(format!(
                "topics.regex is an option of Kafka Connect's; here: {option}"
            )))
        }
        _ => parse_list(found),
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
            Ok(Some(text)) => _ = properties.insert(property, text),
            Ok(None) => {}
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

/// `None`: it says what is so anyway.
fn read_property(name: &str, value: &Value) -> Result<Option<String>, PropertyError> {
    let owned = OWNED_PROPERTIES.iter().find(|(owned, ..)| *owned == name);
    if let Some((_, why, as_it_is)) = owned {
        return match as_it_is.is_some() && show_scalar(value).as_deref() == *as_it_is {
            true => Ok(None), // not all of librdkafka's clients know it
            false => Err(PropertyError::Owned(why)),
        };
    }
    if property_of(name) != name {
        let path = value
            .as_str()
            .ok_or_else(|| PropertyError::NoPath(show_value(value)))?;
        return Ok(Some(read_secret_file(Path::new(path))?.expose().to_owned()));
    }
    match show_scalar(value) {
        None => Err(PropertyError::NoScalar(show_value(value))),
        text => Ok(text),
    }
}

fn show_scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(..) | Value::Bool(..) => Some(show_value(value)),
        _ => None,
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
