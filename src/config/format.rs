//! `[format]`: how records are to be understood.

use super::reader::Reader;
use super::registry::{Login, RegistryConfig};
use super::route::RouteConfig;
use super::schemaless::{SchemalessColumns, SchemalessConfig};
use super::summary::Summary;
use super::topic_format::{Encoding, FormatOverride, TopicFormat};
use super::trigger::{FlatFields, TriggerFields};
use super::units::show_duration;
use super::value::{Found, Refusal, allowed, parse_string};

/// `[format]`: envelope and encoding of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatConfig {
    /// What is said of all topics.
    pub all: FormatOverride,
    /// `[format.trigger]`: what a trigger's fields are called.
    pub trigger: TriggerFields,
    /// `[format.flat]`: what fields are called that a transform adds to a row.
    pub flat: FlatFields,
    /// The connector's `unavailable.value.placeholder`, as it is written there: octets in hexadecimal behind `hex:`.
    pub unavailable_placeholder: String,
    /// What JSON without schemas means, where the event doesn't tell.
    pub schemaless: SchemalessConfig,
    /// The same of single columns.
    pub schemaless_columns: SchemalessColumns,
    /// Always there if an encoding needs it.
    pub registry: Option<RegistryConfig>,
}

/// Debezium's default.
const UNAVAILABLE_PLACEHOLDER: &str = "__debezium_unavailable_value";

impl Default for FormatConfig {
    fn default() -> Self {
        Self {
            all: FormatOverride::default().with_defaults(),
            trigger: TriggerFields::default(),
            flat: FlatFields::default(),
            unavailable_placeholder: UNAVAILABLE_PLACEHOLDER.to_owned(),
            schemaless: SchemalessConfig::default(),
            schemaless_columns: SchemalessColumns::default(),
            registry: None,
        }
    }
}

impl FormatConfig {
    /// The format of topics of which no route says anything.
    pub fn of_all(&self) -> TopicFormat {
        FormatOverride::default().apply_over(self.all)
    }

    /// Whether any topic's records need a registry, by what is said of all and of these routes' own.
    pub fn needs_registry(&self, routes: &[RouteConfig]) -> bool {
        let of_routes = routes.iter().map(|route| route.format);
        let mut all = of_routes.chain([FormatOverride::default()]);
        all.any(|said| said.apply_over(self.all).needs_registry())
    }

    /// Of keys and values that are written so, and else as by default.
    pub fn of_encoding(encoding: Encoding) -> Self {
        Self {
            all: FormatOverride::of_encoding(encoding).with_defaults(),
            ..Self::default()
        }
    }

    /// `registry`: whether any topic's encoding needs it.
    pub(super) fn summarize(&self, registry: bool, summary: &mut Summary) {
        let all = self.of_all();
        summary.add("format.envelope", all.envelope.name());
        summary.add("format.encoding", all.encoding.name());
        summary.add("format.key_encoding", all.key_encoding.name());
        self.trigger.summarize(summary);
        self.flat.summarize(summary);
        summary.add(
            "format.unavailable_placeholder",
            &self.unavailable_placeholder,
        );
        self.schemaless.summarize(summary);
        self.schemaless_columns.summarize(summary);
        if let Some(registry) = self.registry.as_ref().filter(|_| registry) {
            summary.add("format.registry.url", registry.display_urls());
            if let Some(Login::Basic { username, .. }) = &registry.login {
                summary.add("format.registry.username", username);
            }
            summary.add("format.registry.timeout", show_duration(registry.timeout));
        }
    }

    /// `routes` are those that are right: what they say of their topics may need a registry.
    pub(super) fn from_reader(reader: &mut Reader, routes: &[RouteConfig]) -> Self {
        let default = Self::default();
        let all = FormatOverride::from_reader(reader, "format").with_defaults();
        let unavailable_placeholder = reader.read_or(
            "format.unavailable_placeholder",
            default.unavailable_placeholder,
            parse_placeholder,
        );
        Self {
            all,
            trigger: TriggerFields::from_reader(reader),
            flat: FlatFields::from_reader(reader),
            unavailable_placeholder,
            schemaless: SchemalessConfig::from_reader(reader),
            schemaless_columns: SchemalessColumns::from_reader(reader),
            registry: RegistryConfig::from_reader(reader, find_need(all, routes)),
        }
    }
}

/// The key that asks for a registry, and the encoding that it names.
fn find_need(all: FormatOverride, routes: &[RouteConfig]) -> Option<(String, Encoding)> {
    let of_routes = routes.iter().enumerate();
    let of_routes = of_routes.map(|(at, route)| (format!("route[{at}]"), route.format));
    let said = std::iter::once(("format".to_owned(), FormatOverride::default())).chain(of_routes);
    said.map(|(table, said)| (table, said.apply_over(all)))
        .find_map(|(table, format)| {
            let halves = [
                ("encoding", format.encoding),
                ("key_encoding", format.key_encoding),
            ];
            let mut halves = halves.into_iter();
            let (half, encoding) = halves.find(|(_, encoding)| encoding.needs_registry())?;
            Some((format!("{table}.{half}"), encoding))
        })
}

fn parse_placeholder(found: &Found) -> Result<String, Refusal> {
    let text = parse_string(found)?;
    let is_hexadecimal = |octets: &str| {
        let digits = octets.bytes().all(|digit| digit.is_ascii_hexdigit());
        digits && !octets.is_empty() && octets.len().is_multiple_of(2)
    };
    match text.strip_prefix("hex:") {
        Some(octets) if !is_hexadecimal(octets) => {
            Err(allowed("text, or pairs of hexadecimal digits behind hex:"))
        }
        _ => Ok(text),
    }
}
