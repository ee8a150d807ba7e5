//! `[kafka]`: what to read, and with which librdkafka properties.

use std::collections::BTreeMap;
use std::fmt;

use figment::value::{Dict, Value};

use super::connect_option::advise_on_option;
use super::kafka_login::{KafkaLogin, PASSWORD_PROPERTY, is_of_endpoint};
use super::kafka_property::{Twin, may_be_secret, property_of, split_twin};
use super::reader::Reader;
use super::secret_source::{SecretSource, read_short_lived};
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
    /// Those of the properties that are secrets which others may change while we run.
    pub changing: BTreeMap<String, SecretSource>,
    /// What clients log in with, if that changes while they live.
    pub login: Option<KafkaLogin>,
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

    /// The properties that librdkafka is given: not those that are heeded here.
    pub fn librdkafka_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.properties.iter();
        let given = all.filter(|(name, _)| !is_of_endpoint(name));
        given.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Secrets that librdkafka is given when a client is made, and that change: not the password, which it is given later, too.
    pub fn secrets_of_clients(&self) -> BTreeMap<String, SecretSource> {
        let all = self.changing.iter();
        let given = all.filter(|(name, _)| !is_of_endpoint(name) && *name != PASSWORD_PROPERTY);
        given
            .map(|(name, source)| (name.clone(), source.clone()))
            .collect()
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
        let printed = self.changing.iter();
        let printed = printed.filter(|(name, _)| !self.properties.contains_key(*name));
        for (_, source) in printed {
            summary.add(source.key(), "[secret]");
        }
        if let Some(KafkaLogin::Token(source)) = &self.login {
            summary.add(source.key(), "[secret]");
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
        let ChosenProperties {
            properties,
            changing,
        } = read_properties(reader);
        let token = read_short_lived(reader, "kafka.token");
        let login = KafkaLogin::from_properties(&properties, &changing, token);
        let login = login.unwrap_or_else(|error| {
            let key = format!("{PROPERTIES_KEY}.{}", error.property);
            reader.note_problem(&key, error.text);
            None
        });
        Some(Self {
            brokers: brokers?,
            group,
            topics: topics?,
            start,
            properties,
            changing,
            login,
        })
    }
}

#[cfg(test)]
impl KafkaConfig {
    /// One with nothing but these properties.
    pub fn of_properties(properties: &[(&str, &str)]) -> Self {
        let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        Self {
            brokers: "127.0.0.1:1".to_owned(),
            group: "landfall".to_owned(),
            topics: Vec::new(),
            start: StartAt::Earliest,
            properties: properties.iter().map(own).collect(),
            changing: BTreeMap::new(),
            login: None,
        }
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

/// What `[kafka.properties]` comes to.
#[derive(Default)]
struct ChosenProperties {
    /// As they are at the start; not those that a command prints.
    properties: BTreeMap<String, String>,
    changing: BTreeMap<String, SecretSource>,
}

fn read_properties(reader: &mut Reader) -> ChosenProperties {
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
            let text = "set twice; set the property, its _file or its _command, once";
            refuse_property(reader, &name, &value, text);
        }
        chosen.insert(property_of(&name).to_owned(), (name, value));
    }
    let mut read = ChosenProperties::default();
    for (property, (name, value)) in chosen {
        let from_environment = reader.is_from_environment(&value);
        let outcome = match split_twin(&name) {
            Some((_, twin)) => read_twin(&name, twin, &value, from_environment).map(|source| {
                // one that can't be read is told when a client is made
                if let (Twin::File, Ok(secret)) = (twin, source.read_blocking()) {
                    let text = secret.expose().to_owned();
                    read.properties.insert(property.clone(), text);
                }
                read.changing.insert(property, source);
            }),
            None => read_property(&name, &value)
                .map(|text| _ = text.map(|text| read.properties.insert(property, text))),
        };
        if let Err(error) = outcome {
            refuse_property(reader, &name, &value, error);
        }
    }
    read
}

fn read_twin(
    name: &str,
    twin: Twin,
    value: &Value,
    from_environment: bool,
) -> Result<SecretSource, PropertyError> {
    let key = format!("{PROPERTIES_KEY}.{name}");
    let found = Found {
        value,
        from_environment,
    };
    let read = match twin {
        Twin::File => SecretSource::file(key, &found),
        Twin::Command => SecretSource::command(key, &found),
    };
    read.map_err(|refusal| match (refusal, twin) {
        (Refusal::Because(text), _) => PropertyError::Source(text),
        (Refusal::Allowed(text), Twin::Command) => {
            PropertyError::Source(format!("allowed: {text}"))
        }
        (Refusal::Allowed(_), Twin::File) => PropertyError::NoPath(show_value(value)),
    })
}

/// Why a property is not taken.
#[derive(Debug, thiserror::Error)]
enum PropertyError {
    #[error("cannot be set: {0}")]
    Owned(&'static str),
    #[error("found {0}; allowed: a path")]
    NoPath(String),
    #[error("{0}")]
    Source(String),
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
