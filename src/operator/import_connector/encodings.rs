//! How records are written: Connect's converters as encodings, and the registry behind them.

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::given::{Secret, is_given_elsewhere};
use crate::operator::import_connector::report::{Part, Section};

/// How values and keys are written, in Landfall's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encodings {
    /// `encoding`.
    pub value: &'static str,
    /// `key_encoding`; `None`: nobody says, so as values are.
    pub key: Option<&'static str>,
    /// Whether keys are single values: texts, numbers.
    pub has_bare_keys: bool,
    /// Whether the file says how values are written.
    pub is_said: bool,
    /// Whether JSON comes without schemas.
    pub is_schemaless: bool,
    /// Where schemas are.
    pub registry: Option<Registry>,
}

/// `[format.registry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// `None`: the file doesn't say.
    pub url: Option<String>,
    /// Name of basic authentication, and where its password is to be had.
    pub login: Option<(String, Secret)>,
    /// Whether it asks for certificates that Java's stores hold.
    pub has_stores: bool,
}

/// A converter's class, without its package, and the encoding of what it writes.
const CONVERTERS: &[(&str, &str)] = &[
    ("JsonConverter", "json"),
    ("AvroConverter", "avro"),
    ("JsonSchemaConverter", "json-schema"),
    ("ProtobufConverter", "protobuf"),
    // Confluent Cloud's words
    ("JSON", "json"),
    ("AVRO", "avro"),
    ("JSON_SR", "json-schema"),
    ("PROTOBUF", "protobuf"),
];

/// Those of single values, which keys alone may be.
const BARE: &[&str] = &[
    "StringConverter",
    "LongConverter",
    "IntegerConverter",
    "ShortConverter",
    "STRING",
];

impl Encodings {
    /// Of a sink, or of the worker that it ran in, whose converters stand where the sink says nothing.
    pub fn read(sink: &Connector, worker: Option<&Connector>, section: &mut Section) -> Self {
        let (value_option, key_option) = match sink.kind {
            Kind::Cloud => ("input.data.format", "input.key.format"),
            _ => ("value.converter", "key.converter"),
        };
        let of = |option: &str| sink.text(option).or_else(|| worker?.text(option));
        let value_class = of(value_option);
        let value = value_class.map(|class| read_value(class, value_option, section));
        let key_class = of(key_option).map(short_name);
        let has_bare_keys = key_class.is_some_and(|class| BARE.contains(&class));
        let key = match key_class {
            Some("StringConverter" | "STRING") => Some("string"),
            Some(class) => find_encoding(class),
            None => None,
        };
        if let (None, Some(class)) = (key, key_class) {
            let text = format!("{class} writes bytes that no key_encoding reads");
            section.say(key_option, Part::NoCounterpart, text);
        }
        if value.is_none() {
            section.say(
                value_option,
                Part::ToDecide,
                "not in the file, so the worker's: format.encoding",
            );
        }
        let schemas = of("value.converter.schemas.enable");
        let value_encoding = value.unwrap_or("json");
        let needs_registry = [Some(value_encoding), key]
            .iter()
            .flatten()
            .any(|encoding| !matches!(*encoding, "json" | "string"));
        Self {
            value: value_encoding,
            key: key.filter(|key| *key != value_encoding),
            has_bare_keys,
            is_said: value.is_some(),
            is_schemaless: value == Some("json") && schemas == Some("false"),
            registry: needs_registry.then(|| Registry::read(&of, section)),
        }
    }
}

fn read_value(class: &str, option: &str, section: &mut Section) -> &'static str {
    if class.contains("apicurio") {
        let text = "as Confluent's are, which it writes with as-confluent = true and headers.enabled = false";
        section.say(option, Part::Differs, text);
    }
    find_encoding(short_name(class)).unwrap_or_else(|| {
        let text = format!(
            "{}: only JSON, Avro, JSON Schema and Protobuf are read",
            short_name(class)
        );
        section.say(option, Part::NoCounterpart, text);
        "json"
    })
}

fn find_encoding(class: &str) -> Option<&'static str> {
    let mut known = CONVERTERS.iter();
    let (_, encoding) = known.find(|(name, _)| *name == class)?;
    Some(*encoding)
}

fn short_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

impl Registry {
    fn read<'a>(of: &dyn Fn(&str) -> Option<&'a str>, section: &mut Section) -> Self {
        let find = |option: &str| {
            let of_values = of(&format!("value.converter.{option}"));
            of_values.or_else(|| of(&format!("key.converter.{option}")))
        };
        let url = find("schema.registry.url").filter(|url| !is_given_elsewhere(url));
        if url.is_none() {
            section.say(
                "schema.registry.url",
                Part::ToDecide,
                "not in the file: format.registry.url",
            );
        }
        let (url, of_url) = url.map_or((None, None), take_login_out);
        let said =
            find("basic.auth.user.info").or_else(|| find("schema.registry.basic.auth.user.info"));
        let login = said.map(str::to_owned).or(of_url).map(|said| {
            // the whole may be a reference, whose colons are its own
            let (user, password) = match is_given_elsewhere(&said) {
                true => ("USERNAME".to_owned(), Secret::locate(&said)),
                false => {
                    let (user, password) = said.split_once(':').unwrap_or((&said, ""));
                    (user.to_owned(), Secret::locate(password))
                }
            };
            (user, password)
        });
        let has_stores = find("schema.registry.ssl.truststore.location").is_some()
            || find("schema.registry.ssl.keystore.location").is_some();
        if has_stores {
            let text = "format.registry.ca_file, cert_file and key_file are PEM files: see ssl.ca.location";
            section.say("schema.registry.ssl", Part::Differs, text);
        }
        Self {
            url,
            login,
            has_stores,
        }
    }
}

/// The URLs without name and password, which Landfall takes apart from them.
fn take_login_out(urls: &str) -> (Option<String>, Option<String>) {
    let mut login = None;
    let bare = urls.split(',').map(|text| {
        let text = text.trim();
        let Ok(mut url) = url::Url::parse(text) else {
            return text.to_owned();
        };
        if url.username().is_empty() {
            return text.to_owned();
        }
        login = Some(format!(
            "{}:{}",
            url.username(),
            url.password().unwrap_or_default()
        ));
        let _ = url.set_username("").and_then(|()| url.set_password(None)); // a URL with a host takes any
        url.to_string()
    });
    let bare: Vec<String> = bare.collect();
    (Some(bare.join(",")), login)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::import_connector::testing::sink_with;

    fn read(options: &[(&str, &str)]) -> (Encodings, Section) {
        let sink = sink_with(options);
        let mut section = Section::about(&sink);
        let encodings = Encodings::read(&sink, None, &mut section);
        (encodings, section)
    }

    #[test]
    fn converters_become_encodings() {
        let (encodings, _) = read(&[
            (
                "key.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            ("value.converter", "io.confluent.connect.avro.AvroConverter"),
            (
                "value.converter.schema.registry.url",
                "http://ann:hunter2@r:8081, http://s",
            ),
        ]);
        assert_eq!((encodings.value, encodings.key), ("avro", Some("string")));
        assert!(encodings.has_bare_keys);
        let registry = encodings.registry.unwrap();
        assert_eq!(registry.url.as_deref(), Some("http://r:8081/,http://s"));
        assert_eq!(registry.login, Some(("ann".to_owned(), Secret::Written)));
    }

    #[test]
    fn what_the_file_leaves_out_is_left_for_a_person() {
        let (encodings, section) = read(&[]);
        assert_eq!((encodings.value, encodings.is_said), ("json", false));
        assert_eq!(section.part(Part::ToDecide).count(), 1);
        let (encodings, section) = read(&[("value.converter", "x.StringConverter")]);
        assert_eq!((encodings.value, encodings.registry), ("json", None));
        assert_eq!(section.part(Part::NoCounterpart).count(), 1);
    }
}
