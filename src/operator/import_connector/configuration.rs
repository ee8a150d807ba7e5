//! The configuration of all sinks together, with the reason for each key beside it.

use std::path::Path;

use toml_edit::{Array, InlineTable, Value};

use crate::operator::import_connector::consumer::PropertyValue;
use crate::operator::import_connector::destination::Destination;
use crate::operator::import_connector::encodings::{Encodings, Registry};
use crate::operator::import_connector::given::Secret;
use crate::operator::import_connector::route_text::{Defaults, write_routes};
use crate::operator::import_connector::sink::Sink;
use crate::operator::import_connector::toml_text::TomlText;

/// Where secrets are looked for, unless somebody says where they are.
const SECRETS: &str = "/run/secrets/landfall";

/// Stand where only a person knows.
const BROKERS: &str = "127.0.0.1:9092";
const POSTGRES_URL: &str = "postgres://landfall@127.0.0.1:5432/warehouse";
const REGISTRY_URL: &str = "http://127.0.0.1:8081";

/// Writes it. `brokers` is what the command line says.
pub fn write_configuration(sinks: &[Sink], brokers: Option<&str>) -> String {
    let Some(first) = sinks.first() else {
        return String::new();
    };
    let mut text = TomlText::default();
    let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
    text.add_comment(&format!(
        "Written by `landfall import-connector` from {}. `landfall check` says what is still wrong with it.",
        names.join(", ")
    ));
    let defaults = Defaults::of(sinks);
    write_kafka(&mut text, sinks, brokers);
    write_format(&mut text, sinks, first, &defaults);
    write_postgres(&mut text, sinks, first);
    for sink in sinks {
        write_routes(&mut text, sink, &defaults, sinks.len() > 1);
    }
    write_apply(&mut text, sinks, &defaults);
    write_dead_letters(&mut text, sinks, &defaults);
    text.into_text()
}

fn write_kafka(text: &mut TomlText, sinks: &[Sink], brokers: Option<&str>) {
    text.open_table("[kafka]");
    let found = brokers.or_else(|| sinks.iter().find_map(|sink| sink.brokers.as_deref()));
    let why = match found {
        Some(_) => "",
        None => "TO DECIDE: a connector's file doesn't hold them",
    };
    text.add_key("brokers", found.unwrap_or(BROKERS), why);
    match sinks {
        [only] => write_group(text, only.group.as_deref()),
        _ => {
            text.add_comment(
                "Each connector had a group of its own, so none of them is taken over: every topic is read from its \
                 start. To go on where a connector stopped, import it by itself.",
            );
            text.add_key("group", "landfall", "");
        }
    }
    let mut topics = Array::new();
    for topic in sinks.iter().flat_map(|sink| &sink.topics) {
        if !topics.iter().any(|known| known.as_str() == Some(topic)) {
            topics.push(topic);
        }
    }
    text.add_key("topics", topics, "");
    let Some(sink) = sinks.iter().find(|sink| !sink.properties.is_empty()) else {
        return;
    };
    text.open_table("[kafka.properties]");
    for property in &sink.properties {
        let remark = property.remark.unwrap_or_default();
        match &property.value {
            PropertyValue::Text(value) => text.add_key(&property.name, value, remark),
            PropertyValue::Secret(secret) => {
                let variable = property.name.replace('.', "_").to_ascii_uppercase();
                let variable = format!("LANDFALL_KAFKA__PROPERTIES__{variable}");
                write_secret(text, &property.name, secret, &variable, "kafka");
            }
        }
    }
}

fn write_group(text: &mut TomlText, group: Option<&str>) {
    let Some(group) = group else {
        text.add_example(
            "group",
            "connect-lcc-…",
            "TO DECIDE: the connector's, which Confluent Cloud names",
        );
        text.add_example("start", "group", "with that group");
        return;
    };
    text.add_key(
        "group",
        group,
        "the connector's, so that Landfall goes on where it stopped",
    );
    text.add_key(
        "start",
        "group",
        "\"earliest\" reads everything once more; see docs/from-kafka-connect.md",
    );
}

/// `name_file`, with where the secret was; a variable takes its place.
fn write_secret(text: &mut TomlText, name: &str, secret: &Secret, variable: &str, file: &str) {
    let key = format!("{name}_file");
    let usual = format!("{SECRETS}/{file}-password");
    match secret {
        Secret::OwnFile(path) => text.add_key(&key, path, ""),
        Secret::Variable(connects) => {
            text.add_comment(&format!(
                "Connect had it of the variable {connects}: give it as {variable}, or as a file."
            ));
            text.add_example(&key, usual, "");
        }
        Secret::Elsewhere(place) => {
            let why = format!("holds the password alone: {place}");
            text.add_key(&key, usual, &why);
        }
        Secret::Written => {
            let why = format!("holds the password alone; or set {variable}");
            text.add_key(&key, usual, &why);
        }
    }
}

fn write_format(text: &mut TomlText, sinks: &[Sink], first: &Sink, defaults: &Defaults) {
    text.open_table("[format]");
    text.add_key("envelope", defaults.envelope, first.envelope_reason);
    let why = match first.encodings.is_said {
        true => "",
        false => "TO DECIDE: what the worker's value.converter writes",
    };
    text.add_key("encoding", defaults.encoding, why);
    if let Some(key) = defaults.key_encoding {
        text.add_key("key_encoding", key, "");
    }
    if let Some(prefix) = sinks.iter().find_map(|sink| sink.flat_prefix.as_deref()) {
        text.open_table("[format.flat]");
        text.add_key(
            "prefix",
            prefix,
            "add.fields.prefix of the source's transform",
        );
    }
    if sinks.iter().any(|sink| sink.encodings.is_schemaless) {
        text.open_table("[format.schemaless]");
        text.add_comment(
            "JSON without schemas doesn't say what numbers mean. If a column needs one of these, its topic waits, and \
             `landfall check` names it: they are as the source's time.precision.mode and decimal.handling.mode.",
        );
        text.add_example("timestamps", "micros", "millis | micros | nanos");
        text.add_example("times", "micros", "millis | micros | nanos");
        text.add_example("decimals", "base64", "base64 | string | number");
    }
    let registries = sinks
        .iter()
        .find_map(|sink| sink.encodings.registry.as_ref());
    if let Some(registry) = registries {
        write_registry(text, registry);
    }
}

fn write_registry(text: &mut TomlText, registry: &Registry) {
    text.open_table("[format.registry]");
    match &registry.url {
        Some(url) => text.add_key("url", url, ""),
        None => text.add_key("url", REGISTRY_URL, "TO DECIDE: the file doesn't hold it"),
    }
    if let Some((user, password)) = &registry.login {
        text.add_key("username", user, "");
        write_secret(
            text,
            "password",
            password,
            "LANDFALL_FORMAT__REGISTRY__PASSWORD",
            "registry",
        );
    }
    if registry.has_stores {
        text.add_comment("PEM files, made of Java's stores as for [kafka.properties].");
        text.add_example("ca_file", "/etc/landfall/registry-ca.pem", "");
        text.add_example("cert_file", "/etc/landfall/registry.pem", "");
        text.add_example("key_file", "/etc/landfall/registry.key", "");
    }
}

fn write_postgres(text: &mut TomlText, sinks: &[Sink], first: &Sink) {
    text.open_table("[postgres]");
    let Destination { url, elsewhere, .. } = &first.destination;
    match (url, elsewhere) {
        (Some(url), _) => text.add_key("url", url, ""),
        (None, Some(_)) => {
            let why = "TO DECIDE: holds postgres://user@host:port/database, without jdbc:";
            text.add_key("url_file", format!("{SECRETS}/postgres-url"), why);
        }
        (None, None) => text.add_key("url", POSTGRES_URL, "TO DECIDE: the file doesn't hold it"),
    }
    if let Some(password) = sinks
        .iter()
        .find_map(|sink| sink.destination.password.as_ref())
    {
        write_secret(
            text,
            "password",
            password,
            "LANDFALL_POSTGRES__PASSWORD",
            "postgres",
        );
    }
}

fn write_apply(text: &mut TomlText, sinks: &[Sink], defaults: &Defaults) {
    text.open_table("[apply]");
    let why = match defaults.deletes {
        true => "delete.enabled",
        false => "delete.enabled isn't true; Landfall's default is true",
    };
    text.add_key("deletes", defaults.deletes, why);
    if sinks.iter().any(|sink| sink.truncates) {
        text.add_key("truncates", true, "truncate.enabled");
    }
    let why = match defaults.evolution {
        "none" => "\"add_columns\" and \"create\" alter tables as events ask for it",
        _ => "auto.create, auto.evolve, schema.evolution",
    };
    text.add_key("schema_evolution", defaults.evolution, why);
}

fn write_dead_letters(text: &mut TomlText, sinks: &[Sink], defaults: &Defaults) {
    let replication = sinks.iter().find_map(|sink| sink.dead_letter_replication);
    if defaults.dead_letters.is_none() && replication.is_none() {
        return;
    }
    text.open_table("[dead_letter]");
    if let Some(topic) = &defaults.dead_letters {
        text.add_key("topic", topic, "errors.deadletterqueue.topic.name");
    }
    if let Some(replication) = replication {
        text.add_key("replication", replication, "");
    }
}

/// What of an encoding a key says.
impl Encodings {
    /// The pair that tells it from others.
    pub fn words(&self) -> (&'static str, Option<&'static str>) {
        (self.value, self.key)
    }
}

/// A list of texts.
pub fn list_of(texts: &[String]) -> Value {
    texts.iter().map(String::as_str).collect::<Array>().into()
}

/// `{ a = "b" }`
pub fn table_of<'a>(pairs: impl Iterator<Item = (&'a String, &'a str)>) -> Value {
    let mut table = InlineTable::new();
    for (key, value) in pairs {
        table.insert(key, value.into());
    }
    table.into()
}

/// The name that a file is called by in a comment.
pub fn file_name(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or(path)
}
