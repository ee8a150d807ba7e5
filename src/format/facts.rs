//! What is known of an event beside its row, as JSON texts for columns (`[route.lineage]`).

use bumpalo::Bump;

use crate::clock::now_ms;
use crate::config::Fact;
use crate::format::change::Operation;
use crate::format::debezium::Source;
use crate::format::schema::{Field, Kind, Logical};
use crate::record::Record;

/// What is known of an event beside its row.
pub(super) struct Facts<'r> {
    record: &'r Record,
    /// Its place in its source's log, with colons between the parts.
    source_position: Option<String>,
    /// When the change was made at the source, in milliseconds since 1970.
    source_time: i64,
}

impl<'r> Facts<'r> {
    /// Of a record; `source`: what its envelope says of where it comes from, if it has one.
    /// `tells_position`: whether its place in the log is wanted.
    pub fn of_record(
        record: &'r Record,
        source: Option<&Source<'_>>,
        tells_position: bool,
    ) -> Self {
        let position = source.filter(|_| tells_position).and_then(|source| {
            let position = source.event_position()?;
            let parts = position.entry.into_iter().chain([position.change]);
            let parts = parts.map(|part| part.trim_matches('"'));
            let told: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
            Some(told.join(":"))
        });
        let time = source.and_then(|source| source.ts_ms);
        Self {
            record,
            source_position: position,
            source_time: time.or(record.timestamp).unwrap_or_else(now_ms),
        }
    }

    /// When the change was made at the source, else when its record was written; in milliseconds since 1970.
    pub fn source_time(&self) -> i64 {
        self.source_time
    }

    /// The fact as the JSON text of a field.
    pub fn to_json(&self, fact: Fact, operation: Operation, arena: &'r Bump) -> &'r str {
        let quoted = |text: &str| arena.alloc_str(&serde_json::Value::from(text).to_string());
        match fact {
            Fact::Topic => quoted(&self.record.source.topic),
            Fact::Partition => arena.alloc_str(&self.record.source.partition.to_string()),
            Fact::Offset => arena.alloc_str(&self.record.offset.to_string()),
            Fact::Op => quoted(operation.name()),
            Fact::SourcePosition => match &self.source_position {
                Some(position) => quoted(position),
                None => "null",
            },
            Fact::SourceTime => arena.alloc_str(&self.source_time.to_string()),
            Fact::AppliedAt => arena.alloc_str(&now_ms().to_string()),
        }
    }
}

/// The schema of a fact's field.
pub(super) fn fact_schema(fact: Fact, name: &str) -> Field {
    let (kind, logical) = match fact {
        Fact::Topic | Fact::Op | Fact::SourcePosition => (Kind::String, None),
        Fact::Partition => (Kind::Int32, None),
        Fact::Offset => (Kind::Int64, None),
        Fact::SourceTime | Fact::AppliedAt => (Kind::Int64, Some(Logical::Timestamp)),
    };
    plain_field(name, kind, logical)
}

/// The schema of a field that may be null and has no default.
pub(super) fn plain_field(name: &str, kind: Kind, logical: Option<Logical>) -> Field {
    Field {
        name: name.into(),
        kind,
        logical,
        scale: None,
        length: None,
        optional: true,
        default: None,
        source: None,
    }
}
