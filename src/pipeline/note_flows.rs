//! What batches tell of a run: in which tables the events of a topic are landed, and which columns come of which of their
//! fields. For `[lineage]`; without it nothing is done here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::change::{Change, FieldOrigin, Fields, Shape};
use crate::format::landing::Landing;
use crate::format::schema::{Field, Kind};
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::watch::lineage::{self, Derived, Flow, Flows, How, NamedType};

/// Where events have another shape each time, they are not kept for ever.
const MOST_KNOWN: usize = 1_000;

/// What of it a lane has noted already.
#[derive(Default)]
pub struct NotedFlows(HashMap<Address, Kept>);

/// A topic, a table as it was known, and what rows and keys of its events look like: where these stand in memory.
type Address = (Arc<str>, usize, [usize; 2]);

/// As long as they are kept, nothing else stands there.
type Kept = (Arc<Table>, [Option<Arc<Shape>>; 2]);

impl NotedFlows {
    /// Notes what is new in a batch that is in, and how many rows it has written.
    pub fn note_batch(&mut self, batch: &Batch<'_>) {
        let Some(flows) = lineage::flows() else {
            return;
        };
        let mut written: HashMap<&TableName, u64> = HashMap::new();
        let mut last = None;
        for (entry, change) in batch.entries.iter().filter_map(written_row) {
            *written.entry(&change.table).or_default() += 1;
            let shapes = [&change.row, &change.key].map(|fields| address(fields.shape.as_ref()));
            let alike = Some((&entry.record.source.topic, &change.table, shapes));
            if last != alike {
                last = alike;
                self.note_change(entry, change, batch, flows);
            }
        }
        for (table, rows) in written {
            flows.count_rows(table, rows);
        }
    }

    fn note_change(
        &mut self,
        entry: &Entry<'_>,
        change: &Change<'_>,
        batch: &Batch<'_>,
        to: &Flows,
    ) {
        let mut tables = batch.tables.iter();
        let Some(table) = tables.find(|table| table.name == *change.table) else {
            return;
        };
        let shapes = [&change.row, &change.key].map(|fields| fields.shape.clone());
        let at = [&shapes[0], &shapes[1]].map(|shape| address(shape.as_ref()));
        let topic = &entry.record.source.topic;
        let known = (topic.clone(), address(Some(table)), at);
        if self.0.contains_key(&known) {
            return;
        }
        if self.0.len() >= MOST_KNOWN {
            self.0.clear();
        }
        self.0.insert(known, (table.clone(), shapes));
        to.note_flow(&flow_of(topic, change, table));
    }
}

fn address<T>(of: Option<&Arc<T>>) -> usize {
    of.map_or(0, |of| Arc::as_ptr(of).addr())
}

/// The change, if it has written a row.
fn written_row<'b, 'r>(entry: &'b Entry<'r>) -> Option<(&'b Entry<'r>, &'b Change<'r>)> {
    let change = entry.change.as_ref().filter(|_| entry.is_fresh())?;
    let writes = !change.row.is_empty() && !entry.is_truncate();
    let stays = !change.operation.removes_row() || change.landing == Landing::Appended;
    (writes && stays).then_some((entry, change))
}

fn flow_of(topic: &Arc<str>, change: &Change<'_>, table: &Table) -> Flow {
    let mut flow = Flow {
        topic: topic.clone(),
        fields: Vec::new(),
        table: table.name.clone(),
        columns: table.columns.iter().map(type_of_column).collect(),
        derived: Vec::new(),
    };
    for fields in [&change.row, &change.key] {
        let Some(shape) = &fields.shape else {
            continue;
        };
        let of_event = shape.made_of.as_ref().map_or(shape, |made| &made.shape);
        let event_fields = of_event.names.iter().enumerate();
        let event_fields = event_fields.map(|(at, name)| type_of_field(of_event, at, name));
        for field in event_fields {
            if flow.fields.iter().all(|known| known.name != field.name) {
                flow.fields.push(field);
            }
        }
        for (at, name) in shape.names.iter().enumerate() {
            let Some(column) = column_of(name, change, table) else {
                continue;
            };
            if flow.derived.iter().all(|known| known.column != column) {
                let from = origin_of(shape, of_event, at);
                flow.derived.push(Derived { column, from });
            }
        }
    }
    flow
}

/// As [`crate::rows::mapping`] finds it.
fn column_of(name: &str, change: &Change<'_>, table: &Table) -> Option<String> {
    let has = |fields: &Fields<'_>, other: &str| fields.names().iter().any(|own| **own == *other);
    let is_beside = |other: &str| has(&change.row, other) || has(&change.key, other);
    let at = table.find_column_beside(name, is_beside).ok().flatten()?;
    table.columns.get(at).map(|column| column.name.clone())
}

/// Which field of the event the one at this place has come of.
fn origin_of(shape: &Shape, of_event: &Shape, at: usize) -> Option<(String, How)> {
    let origin = match &shape.made_of {
        None => FieldOrigin::Same(at),
        Some(made) => *made.origins.get(at)?,
    };
    let (at, how) = match origin {
        FieldOrigin::Same(at) => (at, How::Same),
        FieldOrigin::Hash(at) => (at, How::Hash),
        FieldOrigin::Fixed(at) => (at, How::Fixed),
        FieldOrigin::Told => return None,
    };
    let name = of_event.names.get(at)?;
    Some((name.to_string(), how))
}

fn type_of_column(column: &crate::rows::table::Column) -> NamedType {
    NamedType {
        name: column.name.clone(),
        kind: Some(column.pg_type.name.clone()),
    }
}

fn type_of_field(shape: &Shape, at: usize, name: &str) -> NamedType {
    let schema = shape.schema.as_ref();
    let field = schema.and_then(|schema| schema.field_at(at, name));
    NamedType {
        name: name.to_owned(),
        kind: field.and_then(connect_type).map(str::to_owned),
    }
}

/// Connect's word for a field's type.
fn connect_type(field: &Field) -> Option<&'static str> {
    Some(match field.kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float => "float",
        Kind::Double => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(_) => "map",
        Kind::Struct(_) => "struct",
        Kind::Unknown => return None,
    })
}
