//! A connector's transforms (SMTs), in their order: what each does to topics' names and to rows, in Landfall's terms.

use std::collections::BTreeMap;

use crate::operator::import_connector::connector::{Connector, Kind, split_list};
use crate::operator::import_connector::options::{Becomes, find_transform};
use crate::operator::import_connector::report::{Part, Section};

/// What all transforms of a connector come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transforms {
    /// The envelope is taken off.
    pub unwraps: Option<Unwrap>,
    /// Documents of MongoDB's, or columns of YugabyteDB's, which no envelope here is.
    pub has_foreign_envelope: bool,
    /// Regex and replacement of each RegexRouter.
    pub routers: Vec<(String, String)>,
    /// Old names and new ones.
    pub rename: BTreeMap<String, String>,
    pub exclude: Vec<String>,
    pub columns: Vec<String>,
    /// Column, and the text instead of its value; `None`: null.
    pub mask: BTreeMap<String, Option<String>>,
    /// A fact, and the column that it goes into.
    pub lineage: BTreeMap<&'static str, String>,
    /// A column, and the text that goes into it.
    pub texts: BTreeMap<String, String>,
    /// Fields of the value that are made the key.
    pub key: Vec<String>,
    /// Of that key one field is left, as it stands.
    pub has_bare_key: bool,
}

/// What ExtractNewRecordState is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwrap {
    /// Whether deletes become rows whose `__deleted` is true.
    pub rewrites_deletes: bool,
    /// Whether the sink sees tombstones: always, since Debezium 2.5, unless they are dropped.
    pub keeps_tombstones: bool,
    /// `add.fields.prefix`.
    pub prefix: String,
}

/// What becomes of an unwrap at the source.
const ROWS_IN_TOPIC: &str = "format.envelope = \"flat\": the topic has the rows alone";

/// The transform's own prefix of the fields that it adds.
pub const PREFIX: &str = "__";

/// One of `transforms`.
struct Transform<'a> {
    connector: &'a Connector,
    alias: String,
    class: &'a str,
}

impl Transform<'_> {
    fn text(&self, option: &str) -> Option<&str> {
        self.connector
            .text(&format!("transforms.{}.{option}", self.alias))
    }

    fn list(&self, option: &str) -> Vec<String> {
        self.text(option).map_or_else(Vec::new, split_list)
    }

    /// Whether the envelope is off before the topic has the records.
    fn unwraps_at_source(&self) -> bool {
        let unwraps = self.class.ends_with(".ExtractNewRecordState")
            || self.class.ends_with(".UnwrapFromEnvelope");
        unwraps && self.connector.kind == Kind::ChangeSource
    }

    /// What it is called in the report.
    fn title(&self) -> String {
        let short = self.class.rsplit('.').next().unwrap_or(self.class);
        format!("transforms.{} ({short})", self.alias)
    }
}

impl Transforms {
    /// Reads all of a connector's, and says what becomes of each.
    pub fn read(connector: &Connector, section: &mut Section) -> Self {
        let mut all = Self::default();
        for alias in connector.list("transforms") {
            let Some(class) = connector.text(&format!("transforms.{alias}.type")) else {
                let option = format!("transforms.{alias}");
                section.say(&option, Part::NoCounterpart, "has no type");
                continue;
            };
            let transform = Transform {
                connector,
                alias,
                class,
            };
            if transform.text("predicate").is_some() {
                let text = "has a predicate: what it does to some records isn't taken over";
                section.say(&transform.title(), Part::NoCounterpart, text);
                continue;
            }
            all.add(&transform, section);
        }
        all
    }

    fn add(&mut self, transform: &Transform, section: &mut Section) {
        let (part, text) = match find_transform(transform.class) {
            Becomes::Key(_) if transform.unwraps_at_source() => (Part::Mapped, ROWS_IN_TOPIC),
            Becomes::Key(text) => (Part::Mapped, text),
            Becomes::NotNeeded(text) => (Part::NotNeeded, text),
            Becomes::Differs(text) => (Part::Differs, text),
            Becomes::NoCounterpart(text) => (Part::NoCounterpart, text),
        };
        section.say(&transform.title(), part, text);
        match transform.class.rsplit('.').next().unwrap_or_default() {
            "ExtractNewRecordState" | "UnwrapFromEnvelope" => self.add_unwrap(transform),
            "ExtractNewDocumentState" | "YBExtractNewRecordState" => {
                self.has_foreign_envelope = true;
            }
            "RegexRouter" => self.add_router(transform, section),
            "ReplaceField$Value" => self.add_fields(transform),
            "ReplaceField$Key" => self.add_renames(transform),
            "InsertField$Value" => self.add_lineage(transform, section),
            "MaskField$Value" => {
                let replacement = transform.text("replacement").map(str::to_owned);
                let fields = transform.list("fields").into_iter();
                self.mask
                    .extend(fields.map(|field| (field, replacement.clone())));
            }
            "ValueToKey" => self.key = transform.list("fields"),
            "ExtractField$Key" => {
                self.has_bare_key = true;
                self.key = transform.list("field");
            }
            _ => {}
        }
    }

    fn add_unwrap(&mut self, transform: &Transform) {
        let mode = transform
            .text("delete.tombstone.handling.mode")
            .or(transform.text("delete.handling.mode"));
        let rewrites = mode.is_some_and(|mode| mode.starts_with("rewrite"));
        let drops = transform.text("drop.tombstones") == Some("true")
            || matches!(
                transform.text("delete.tombstone.handling.mode"),
                Some("drop" | "rewrite")
            );
        // before 2.5 tombstones were dropped unless the file said otherwise
        let is_silent = transform.text("drop.tombstones").is_none()
            && transform.text("delete.tombstone.handling.mode").is_none();
        self.unwraps = Some(Unwrap {
            rewrites_deletes: rewrites,
            keeps_tombstones: !(drops || rewrites && is_silent),
            prefix: transform
                .text("add.fields.prefix")
                .unwrap_or(PREFIX)
                .to_owned(),
        });
        for field in transform.list("add.fields") {
            self.add_source_field(&field, transform);
        }
    }

    /// `add.fields`: `op`, `lsn`, `source.ts_ms`, or `op:operation` with a name of its own.
    fn add_source_field(&mut self, field: &str, transform: &Transform) {
        let prefix = transform.text("add.fields.prefix").unwrap_or(PREFIX);
        let (fact, named) = field.split_once(':').unwrap_or((field, field));
        let fact = match fact {
            "op" => "op",
            "lsn" | "source.lsn" => "source_position",
            "source.ts_ms" => "source_time",
            _ => return,
        };
        let column = format!("{prefix}{}", named.replace('.', "_"));
        self.lineage.insert(fact, column);
    }

    fn add_router(&mut self, transform: &Transform, section: &mut Section) {
        match (transform.text("regex"), transform.text("replacement")) {
            (Some(regex), Some(replacement)) => {
                self.routers
                    .push((regex.to_owned(), replacement.to_owned()));
            }
            _ => section.say(
                &transform.title(),
                Part::NoCounterpart,
                "has no regex or no replacement",
            ),
        }
    }

    fn add_fields(&mut self, transform: &Transform) {
        for option in ["exclude", "blacklist"] {
            self.exclude.extend(transform.list(option));
        }
        for option in ["include", "whitelist"] {
            self.columns.extend(transform.list(option));
        }
        self.add_renames(transform);
    }

    fn add_renames(&mut self, transform: &Transform) {
        let renames = transform.list("renames");
        let pairs = renames.iter().filter_map(|pair| pair.split_once(':'));
        let pairs = pairs.map(|(old, new)| (old.trim().to_owned(), new.trim().to_owned()));
        self.rename.extend(pairs.filter(|(old, new)| old != new));
    }

    fn add_lineage(&mut self, transform: &Transform, section: &mut Section) {
        // a mark behind the name says whether the field may be null
        let column = |option| {
            let column = transform.text(option)?;
            Some(column.trim_end_matches(['!', '?']).to_owned())
        };
        for (option, fact) in [
            ("topic.field", "topic"),
            ("partition.field", "partition"),
            ("offset.field", "offset"),
        ] {
            self.lineage
                .extend(column(option).map(|column| (fact, column)));
        }
        if let Some(column) = column("timestamp.field") {
            self.lineage.insert("source_time", column);
            let text = "route.lineage.source_time: when it was changed at its source, else the record's timestamp";
            section.say(&transform.title(), Part::Differs, text);
        }
        if let (Some(column), Some(text)) = (column("static.field"), transform.text("static.value"))
        {
            self.texts.insert(column, text.to_owned());
        }
    }
}

#[cfg(test)]
#[path = "transforms_tests.rs"]
mod tests;
