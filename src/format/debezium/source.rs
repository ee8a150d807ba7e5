//! Where at its source an event comes from.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

/// Where at its source an event comes from. Which of the fields there are depends on the connector.
#[derive(Default, Deserialize)]
pub struct Source<'r> {
    /// The connector's logical name (`topic.prefix`).
    #[serde(borrow)]
    pub name: Option<Cow<'r, str>>,
    /// The database at the source.
    #[serde(borrow)]
    pub db: Option<Cow<'r, str>>,
    #[serde(borrow)]
    /// At the source; MySQL and MariaDB have none.
    pub schema: Option<Cow<'r, str>>,
    /// The table at the source.
    #[serde(borrow)]
    pub table: Option<Cow<'r, str>>,
    /// Milliseconds since 1970: commit at the source, or the snapshot's time.
    pub ts_ms: Option<i64>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(in crate::format) lsn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) sequence: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text", rename = "txId")]
    pub(in crate::format) tx_id: Option<&'r str>,
    /// pg-replicate-kafka's name for the same.
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(in crate::format) xid: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) file: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) pos: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) row: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) commit_lsn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) change_lsn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) event_serial_no: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) server_id: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) gtid: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) scn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) commit_scn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) rs_id: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) ssn: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) redo_thread: Option<&'r str>,
    #[serde(borrow, default, deserialize_with = "raw_text")]
    pub(super) row_id: Option<&'r str>,
}

/// A value's JSON text as it stands there.
fn raw_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    Option::<&RawValue>::deserialize(deserializer).map(|raw| raw.map(RawValue::get))
}

/// A field of `source` that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceField {
    Name,
    Db,
    Schema,
    Table,
    TsMs,
    Lsn,
    Sequence,
    TxId,
    Xid,
    File,
    Pos,
    Row,
    CommitLsn,
    ChangeLsn,
    EventSerialNo,
    ServerId,
    Gtid,
    Scn,
    CommitScn,
    RsId,
    Ssn,
    RedoThread,
    RowId,
}

impl SourceField {
    /// `None` for those that nobody asks for.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "db" => Self::Db,
            "schema" => Self::Schema,
            "table" => Self::Table,
            "ts_ms" => Self::TsMs,
            "lsn" => Self::Lsn,
            "sequence" => Self::Sequence,
            "txId" => Self::TxId,
            "xid" => Self::Xid,
            "file" => Self::File,
            "pos" => Self::Pos,
            "row" => Self::Row,
            "commit_lsn" => Self::CommitLsn,
            "change_lsn" => Self::ChangeLsn,
            "event_serial_no" => Self::EventSerialNo,
            "server_id" => Self::ServerId,
            "gtid" => Self::Gtid,
            "scn" => Self::Scn,
            "commit_scn" => Self::CommitScn,
            "rs_id" => Self::RsId,
            "ssn" => Self::Ssn,
            "redo_thread" => Self::RedoThread,
            "row_id" => Self::RowId,
            _ => return None,
        })
    }
}

impl<'r> Source<'r> {
    /// Sets a field to its JSON text, as reading the same `source` from JSON would.
    pub fn set_field(&mut self, field: SourceField, text: &'r str) {
        let raw = Some(text).filter(|text| *text != "null");
        match field {
            SourceField::Name => self.name = raw.and_then(unquoted_string),
            SourceField::Db => self.db = raw.and_then(unquoted_string),
            SourceField::Schema => self.schema = raw.and_then(unquoted_string),
            SourceField::Table => self.table = raw.and_then(unquoted_string),
            SourceField::TsMs => self.ts_ms = raw.and_then(|digits| digits.parse().ok()),
            SourceField::Lsn => self.lsn = raw,
            SourceField::Sequence => self.sequence = raw,
            SourceField::TxId => self.tx_id = raw,
            SourceField::Xid => self.xid = raw,
            SourceField::File => self.file = raw,
            SourceField::Pos => self.pos = raw,
            SourceField::Row => self.row = raw,
            SourceField::CommitLsn => self.commit_lsn = raw,
            SourceField::ChangeLsn => self.change_lsn = raw,
            SourceField::EventSerialNo => self.event_serial_no = raw,
            SourceField::ServerId => self.server_id = raw,
            SourceField::Gtid => self.gtid = raw,
            SourceField::Scn => self.scn = raw,
            SourceField::CommitScn => self.commit_scn = raw,
            SourceField::RsId => self.rs_id = raw,
            SourceField::Ssn => self.ssn = raw,
            SourceField::RedoThread => self.redo_thread = raw,
            SourceField::RowId => self.row_id = raw,
        }
    }
}

/// What a JSON string holds.
fn unquoted_string(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

impl Source<'_> {
    /// MySQL and MariaDB have no schemas: their database takes that place.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref().or(self.db.as_deref())
    }
}
