//! `[format.trigger]` and `[format.flat]`: what the fields are called that say something of the event, and aren't the
//! row's own.

use super::reader::Reader;
use super::summary::Summary;
use super::value::{Found, Refusal, allowed, parse_string};

/// `[format.trigger]`: the fields beside the row's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerFields {
    /// Tells the event from all others of its topic.
    pub id: String,
    /// What happened to the row: INSERT, UPDATE or DELETE.
    pub action: String,
    /// When, if a field tells.
    pub time: Option<String>,
}

impl Default for TriggerFields {
    fn default() -> Self {
        Self {
            id: "action_id".to_owned(),
            action: "action".to_owned(),
            time: None,
        }
    }
}

impl TriggerFields {
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        Self {
            id: reader.read_or("format.trigger.id", default.id, parse_string),
            action: reader.read_or("format.trigger.action", default.action, parse_string),
            time: reader.read("format.trigger.time", parse_string),
        }
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("format.trigger.id", &self.id);
        summary.add("format.trigger.action", &self.action);
        if let Some(time) = &self.time {
            summary.add("format.trigger.time", time);
        }
    }
}

/// `[format.flat]`: fields that ExtractNewRecordState adds to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatFields {
    /// What their names begin with: the transform's `add.fields.prefix`.
    pub prefix: String,
}

impl Default for FlatFields {
    fn default() -> Self {
        Self {
            prefix: "__".to_owned(),
        }
    }
}

impl FlatFields {
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let prefix = reader.read_or("format.flat.prefix", Self::default().prefix, parse_prefix);
        Self { prefix }
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("format.flat.prefix", &self.prefix);
    }
}

/// The empty one is the transform's, too.
fn parse_prefix(found: &Found) -> Result<String, Refusal> {
    let text = found.value.as_str().map(str::to_owned);
    text.ok_or_else(|| allowed("text in quotes"))
}
