//! Debezium's envelope, read from JSON without copying it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::change::Fields;
use crate::schema::{self, Field};

/// The last `schema` part seen of a topic's keys or values. It comes with every message (4 kB of a
/// 4.5 kB record), hardly ever changes, and is recognised by its bytes instead of being read again.
#[derive(Default)]
pub struct SchemaCache {
    /// `{"schema":…,"payload":`
    prefix: String,
    schema: Option<EventSchema>,
}

#[derive(Clone)]
pub struct EventSchema {
    /// The struct itself: a key's fields.
    pub whole: Arc<Field>,
    /// An envelope's row, `after`.
    pub row: Option<Arc<Field>>,
}

type Unwrapped<'r> = Option<(&'r str, Option<EventSchema>)>;

/// Takes off the wrapper that Connect's JsonConverter adds with `schemas.enable=true`, if there is
/// one. `None` where the value is null.
///
/// # Errors
/// It isn't JSON, or the schema isn't one of Connect's.
pub fn unwrap<'r>(text: &'r str, cache: &mut SchemaCache) -> Result<Unwrapped<'r>, String> {
    let text = text.trim_ascii();
    if !cache.prefix.is_empty()
        && let Some(payload) = text
            .strip_prefix(cache.prefix.as_str())
            .and_then(|rest| rest.strip_suffix('}'))
    {
        return Ok(unless_null(payload.trim_ascii(), cache.schema.clone()));
    }
    if text.starts_with("{\"schema\"") {
        let wrapper = fields(text, None)?;
        if let [(schema, raw_schema), (payload, raw_payload)] = wrapper.values.as_slice()
            && schema == "schema"
            && payload == "payload"
            && (raw_schema.starts_with('{') || *raw_schema == "null")
        {
            if *raw_schema == "null" {
                return Ok(unless_null(raw_payload, None));
            }
            let whole =
                schema::parse(raw_schema).map_err(|e| format!("the schema can't be read: {e}"))?;
            let row = whole.field("after").cloned().map(Arc::new);
            let parsed = EventSchema {
                whole: Arc::new(whole),
                row,
            };
            // only what JsonConverter itself writes can be recognised by its bytes
            let prefix = format!("{{\"schema\":{raw_schema},\"payload\":");
            cache.prefix = if text.starts_with(&prefix) {
                prefix
            } else {
                String::new()
            };
            cache.schema = Some(parsed.clone());
            return Ok(unless_null(raw_payload, Some(parsed)));
        }
    }
    Ok(unless_null(text, None))
}

fn unless_null(payload: &str, schema: Option<EventSchema>) -> Unwrapped<'_> {
    (payload != "null").then_some((payload, schema))
}

/// The fields of a JSON object, each with its text as it stands there.
///
/// # Errors
/// It isn't a JSON object.
pub fn object(raw: &str) -> Result<Vec<(Cow<'_, str>, &str)>, String> {
    let Entries(values) = serde_json::from_str(raw).map_err(|e| e.to_string())?;
    Ok(values)
}

/// [`object`] with the struct's schema.
pub fn fields(raw: &str, schema: Option<EventSchema>) -> Result<Fields<'_>, String> {
    Ok(Fields {
        values: object(raw)?,
        schema: schema.map(|s| s.whole),
    })
}

struct Entries<'r>(Vec<(Cow<'r, str>, &'r str)>);

impl<'de: 'r, 'r> Deserialize<'de> for Entries<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de str)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((Name(name), value)) =
                    map.next_entry::<Name<'de>, &'de RawValue>()?
                {
                    entries.push((name, value.get()));
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Object).map(Entries)
    }
}

/// A name, borrowed unless it holds an escape (serde gives a plain Cow only owned).
#[derive(Deserialize)]
struct Name<'r>(#[serde(borrow)] Cow<'r, str>);

pub struct Envelope<'r> {
    pub op: Cow<'r, str>,
    before: Option<&'r str>,
    row_schema: Option<Arc<Field>>,
    pub after: Option<Fields<'r>>,
    pub source: Source<'r>,
}

#[derive(Deserialize)]
struct RawEnvelope<'r> {
    #[serde(borrow)]
    op: Cow<'r, str>,
    #[serde(borrow)]
    before: Option<&'r RawValue>,
    #[serde(borrow)]
    after: Option<&'r RawValue>,
    #[serde(borrow)]
    source: Option<Source<'r>>,
}

impl<'r> Envelope<'r> {
    /// # Errors
    /// It isn't an envelope of Debezium's.
    pub fn parse(payload: &'r str, schema: Option<EventSchema>) -> Result<Self, String> {
        let raw: RawEnvelope<'r> = serde_json::from_str(payload)
            .map_err(|e| format!("the value is not a Debezium envelope: {e}"))?;
        let row_schema = schema.and_then(|s| s.row);
        let after = raw
            .after
            .map(|raw| row("after", raw.get(), &row_schema))
            .transpose()?;
        let before = raw.before.map(RawValue::get);
        Ok(Self {
            before,
            after,
            op: raw.op,
            source: raw.source.unwrap_or_default(),
            row_schema,
        })
    }

    /// The row as it was: needed only for a delete whose route names key columns.
    pub fn before(&self) -> Result<Option<Fields<'r>>, String> {
        self.before
            .map(|raw| row("before", raw, &self.row_schema))
            .transpose()
    }
}

fn row<'r>(name: &str, raw: &'r str, schema: &Option<Arc<Field>>) -> Result<Fields<'r>, String> {
    let values = object(raw).map_err(|e| format!("{name} is not a row: {e}"))?;
    Ok(Fields {
        values,
        schema: schema.clone(),
    })
}

/// Where at its source an event comes from. Which of the fields there are depends on the connector.
#[derive(Default, Deserialize)]
pub struct Source<'r> {
    #[serde(borrow)]
    pub name: Option<Cow<'r, str>>,
    #[serde(borrow)]
    pub db: Option<Cow<'r, str>>,
    #[serde(borrow)]
    schema: Option<Cow<'r, str>>,
    #[serde(borrow)]
    pub table: Option<Cow<'r, str>>,
    /// Milliseconds since 1970: commit at the source, or the snapshot's time.
    pub ts_ms: Option<i64>,
    #[serde(borrow)]
    lsn: Option<&'r RawValue>,
    #[serde(borrow, rename = "txId")]
    tx_id: Option<&'r RawValue>,
    #[serde(borrow)]
    file: Option<&'r RawValue>,
    #[serde(borrow)]
    pos: Option<&'r RawValue>,
    #[serde(borrow)]
    row: Option<&'r RawValue>,
    #[serde(borrow)]
    commit_lsn: Option<&'r RawValue>,
    #[serde(borrow)]
    change_lsn: Option<&'r RawValue>,
    #[serde(borrow)]
    event_serial_no: Option<&'r RawValue>,
}

impl Source<'_> {
    /// MySQL and MariaDB have no schemas: their database takes that place.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref().or(self.db.as_deref())
    }

    /// What tells this event from every other of its source, together with operation and key: many
    /// rows may share a log position. `None` if the connector gives no position we know.
    /// `sequence` is left out on purpose: it differs when an event is sent again after a restart.
    pub fn position(&self) -> Option<[&str; 8]> {
        fn raw(value: Option<&RawValue>) -> &str {
            value.map_or("", RawValue::get)
        }
        let [connector, log, entry, row] = if self.lsn.is_some() {
            ["postgres", raw(self.lsn), raw(self.tx_id), ""]
        } else if self.file.is_some() && self.pos.is_some() {
            ["binlog", raw(self.file), raw(self.pos), raw(self.row)]
        } else if self.commit_lsn.is_some() {
            [
                "sqlserver",
                raw(self.commit_lsn),
                raw(self.change_lsn),
                raw(self.event_serial_no),
            ]
        } else {
            return None;
        };
        Some([
            connector,
            log,
            entry,
            row,
            self.name.as_deref().unwrap_or(""),
            self.db.as_deref().unwrap_or(""),
            self.schema.as_deref().unwrap_or(""),
            self.table.as_deref().unwrap_or(""),
        ])
    }
}
