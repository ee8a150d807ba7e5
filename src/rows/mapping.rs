//! How the fields of one shape of events become the columns of one table. It follows from the names
//! alone, so it is found once and then holds for every event of that shape.

mod field_column;
mod landing;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::change::{Change, Fields, Operation, Shape};
use crate::format::key_move::KeyMove;
use crate::format::landing::Landing;
use crate::format::schema::Field;
use crate::rows::delete_mark::MarkColumn;
use crate::rows::row_change::{Effect, Layout, RowChange, Text};
use crate::rows::row_move::RowMove;
use crate::rows::table::Table;
use crate::rows::value::{self, Conversion, Reading, Value, ValueError};
use crate::verdict::{Failure, Reason, Verdict};

/// Where events have another shape each time, as JSON without schemas may, mappings are not kept for ever.
const MOST_MAPPINGS: usize = 256;

/// Which field of the events fills which column of the table.
#[derive(Debug)]
pub struct Mapping {
    key: Vec<Slot>,
    /// Of the row; empty for a removal.
    row: Vec<Slot>,
    layout: Arc<Layout>,
    removes: bool,
    /// The column that says whether the row is deleted, and what is written of a row that is, if it stays.
    mark: Option<(MarkColumn, Arc<Layout>)>,
    /// Whether a column of the key rounds what it is given, so that two keys could become one.
    rounds_key: bool,
    reading: Arc<Reading>,
    /// The columns, as bits, of which it was said that their scale is assumed.
    told: AtomicU64,
}

/// A column and what it is filled from.
#[derive(Clone, Copy, Debug)]
struct Slot {
    column: usize,
    from: From,
    /// Which field of the shape,
    position: usize,
    /// and which of its schema.
    field: Option<usize>,
    conversion: Conversion,
    /// The scale that decimals in base64 are assumed to have, of which it says nothing.
    assumed_scale: Option<i32>,
    /// A moment, not of the key: it is cut to what Postgres holds.
    cuts_moment: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Key,
    Row,
    /// No field: the mapping's mark.
    Mark,
}

impl Mapping {
    /// Finds the column for each field of the change. `reading`: what the configuration says of values.
    ///
    /// # Errors
    /// Systemic: the table lacks a column or a unique index on the key, be it to write the row or to remove
    /// it; or rows of it may be hidden from us. Reject: no key at all.
    pub fn new(
        change: &Change<'_>,
        table: &Arc<Table>,
        reading: Arc<Reading>,
    ) -> Result<Self, Failure> {
        if change.landing == Landing::Appended {
            return Self::of_appended(change, table, reading);
        }
        table.refuse_hidden_rows()?;
        let key = map_key(change, table, &reading)?;
        let removes = change.operation.removes_row();
        let mark = MarkColumn::of_change(change, table)?;
        let mut row = Vec::new();
        if !removes {
            row = map_fields(change, From::Row, table, &reading)?;
            if let Some(mark) = &mark {
                row.push(landing::slot_of_mark(mark, &row, table)?);
            }
            // the key belongs to the row even where `after` leaves it out
            for slot in &key {
                if !row.iter().any(|s| s.column == slot.column) {
                    row.push(*slot);
                }
            }
            row.sort_unstable_by_key(|slot| slot.column);
        }
        let layout = Arc::new(Layout {
            table: table.clone(),
            key: key.iter().map(|slot| slot.column).collect(),
            columns: row.iter().map(|slot| slot.column).collect(),
        });
        let mark = mark.map(|mark| {
            let mut columns = layout.key.clone();
            columns.push(mark.column);
            columns.sort_unstable();
            let layout = Layout {
                columns,
                ..Layout::clone(&layout)
            };
            (mark, Arc::new(layout))
        });
        let columns = key.iter().filter_map(|slot| table.columns.get(slot.column));
        let rounds_key = columns
            .map(|column| &column.pg_type)
            .any(value::rounds_keys);
        Ok(Self {
            key,
            row,
            layout,
            removes,
            mark,
            rounds_key,
            reading,
            told: AtomicU64::new(0),
        })
    }

    /// `change` must be of the shape and the table that the mapping was made for.
    ///
    /// # Errors
    /// Systemic: nothing tells which row is gone. Reject: a value that can't be what its column holds, or a
    /// key with a null.
    pub fn map_change<'r>(&self, change: &Change<'r>) -> Result<RowChange<'r>, Failure> {
        if change.hides_key {
            return Err(explain_hidden_key(change));
        }
        let mut key = Vec::with_capacity(self.key.len());
        for slot in &self.key {
            match self.read_value(slot, change)? {
                Value::Text(text) => {
                    self.check_key_text(slot, &text)?;
                    key.push(Some(text));
                }
                Value::Null | Value::Unavailable => {
                    let table = &self.layout.table;
                    return Err(Failure::new(
                        Verdict::Reject(Reason::MissingKey),
                        format!(
                            "the key column {} of {} is null",
                            table.column_names(&[slot.column]),
                            table.name
                        ),
                    ));
                }
            }
        }
        if self.removes && self.mark.is_some() {
            let moves = move_of_change(change, Vec::new());
            let marked = self.mark_row(change, key);
            return Ok(RowChange { moves, ..marked });
        }
        let old_key = self.map_old_key(change, &key)?;
        let mut texts = Vec::with_capacity(self.row.len());
        for slot in &self.row {
            match self.read_value(slot, change)? {
                Value::Text(text) => texts.push(Some(text)),
                Value::Null => texts.push(None),
                Value::Unavailable => return self.map_partial_change(change, key, old_key),
            }
        }
        let effect = match self.removes {
            true => Effect::Gone,
            false => Effect::Whole,
        };
        let row = RowChange {
            layout: self.layout.clone(),
            key,
            old_mark: self.mark_old_row(change, old_key.as_deref()),
            old_key,
            identity: None,
            old_identity: None,
            moves: move_of_change(change, Vec::new()),
            texts,
            effect,
            created: matches!(change.operation, Operation::Create | Operation::Read),
        };
        Ok(row.known_by_event(change))
    }

    /// The same for an event that leaves something out.
    fn map_partial_change<'r>(
        &self,
        change: &Change<'r>,
        key: Vec<Text<'r>>,
        old_key: Option<Box<[Text<'r>]>>,
    ) -> Result<RowChange<'r>, Failure> {
        let (mut columns, mut texts, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for slot in &self.row {
            let of_key = self.key.iter().position(|s| s.column == slot.column);
            let text = match self.read_value(slot, change)? {
                Value::Text(text) => Some(text),
                Value::Null => None,
                Value::Unavailable => match of_key.and_then(|at| key.get(at)) {
                    Some(text) => text.clone(),
                    None => {
                        left_out.push(slot.column);
                        continue;
                    }
                },
            };
            columns.push(slot.column);
            texts.push(text);
        }
        let layout = Layout {
            columns,
            ..Layout::clone(&self.layout)
        };
        let moves = match &old_key {
            Some(_) => Some(RowMove::Within(left_out).into()),
            None => move_of_change(change, left_out),
        };
        let row = RowChange {
            layout: Arc::new(layout),
            key,
            old_mark: self.mark_old_row(change, old_key.as_deref()),
            old_key,
            identity: None,
            old_identity: None,
            moves,
            texts,
            effect: Effect::Part,
            created: false,
        };
        Ok(row.known_by_event(change))
    }

    /// The key that the row had before, if it is another one for Postgres too. What holds a null, or what
    /// the event leaves out, is no row's key.
    fn map_old_key<'r>(
        &self,
        change: &Change<'r>,
        key: &[Text<'r>],
    ) -> Result<Option<Box<[Text<'r>]>>, Failure> {
        let Some(fields) = change.old_key.as_deref() else {
            return Ok(None);
        };
        let mut old_key = Vec::with_capacity(self.key.len());
        for slot in &self.key {
            // the names are the key's, but the schema is that of the row before
            let name = fields.names().get(slot.position);
            let field = name.and_then(|name| index_of(fields.schema()?, slot.position, name));
            let slot = &self.slot_of_field(slot, field, fields);
            match self.read_field(slot, fields)? {
                Value::Text(text) => {
                    self.check_key_text(slot, &text)?;
                    old_key.push(Some(text));
                }
                Value::Null | Value::Unavailable => return Ok(None),
            }
        }
        Ok((old_key != key).then(|| old_key.into()))
    }

    /// The same column, filled from a field of another schema.
    fn slot_of_field(&self, slot: &Slot, field: Option<usize>, fields: &Fields<'_>) -> Slot {
        let schema = field.and_then(|at| fields.schema()?.fields().get(at));
        let column = self.layout.table.columns.get(slot.column);
        let conversion = column.map(|column| slot.conversion.of_field(schema, &column.pg_type));
        Slot {
            field,
            conversion: conversion.unwrap_or(slot.conversion),
            ..*slot
        }
    }

    fn read_value<'r>(&self, slot: &Slot, change: &Change<'r>) -> Result<Value<'r>, Failure> {
        match slot.from {
            From::Key => self.read_field(slot, &change.key),
            From::Row => self.read_field(slot, &change.row),
            From::Mark => {
                let mark = self.mark.as_ref();
                let text = mark.and_then(|(mark, _)| mark.text(change, false, &self.reading));
                Ok(text.map_or(Value::Null, Value::Text))
            }
        }
    }

    fn read_field<'r>(&self, slot: &Slot, fields: &Fields<'r>) -> Result<Value<'r>, Failure> {
        let table = &self.layout.table;
        let (Some(raw), Some(column)) = (
            fields.values.get(slot.position),
            table.columns.get(slot.column),
        ) else {
            return Ok(Value::Null);
        };
        let schema = slot.field.and_then(|at| fields.schema()?.fields().get(at));
        let (conversion, pg_type, reading) = (&slot.conversion, &column.pg_type, &self.reading);
        // neither a moment nor a decimal stands there so; a value is slow to be moved once it is made
        if let Some(text) = conversion.text_as_it_stands(raw, schema, pg_type, reading) {
            return Ok(Value::Text(column.drop_spare_blanks(Cow::Borrowed(text))));
        }
        let value = conversion.convert_value(raw, schema, pg_type, reading);
        if let Some(scale) = slot.assumed_scale
            && may_be_base64(raw)
            && value.is_ok()
            && self.is_untold(slot.column)
        {
            self.reading
                .tell_assumed_scale(&table.name, &column.name, scale);
        }
        let value = value.map_err(|error| self.explain_value(slot, &error))?;
        Ok(match value {
            Value::Text(text) if slot.cuts_moment => Value::Text(value::cut_to_micros(text)),
            Value::Text(text) => Value::Text(column.drop_spare_blanks(text)),
            other => other,
        })
    }

    /// Whether nothing was said yet of the column's scale; with many columns it may have been, which is no harm.
    fn is_untold(&self, column: usize) -> bool {
        let bit = u32::try_from(column)
            .ok()
            .and_then(|at| 1_u64.checked_shl(at));
        bit.is_none_or(|bit| self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0)
    }

    fn check_key_text(&self, slot: &Slot, text: &str) -> Result<(), Failure> {
        let column = self.layout.table.columns.get(slot.column);
        match column.filter(|_| self.rounds_key) {
            Some(column) => value::check_key_text(text, &column.pg_type)
                .map_err(|error| self.explain_value(slot, &error)),
            None => Ok(()),
        }
    }

    fn explain_value(&self, slot: &Slot, error: &ValueError) -> Failure {
        let table = &self.layout.table;
        let column = table.column_names(&[slot.column]);
        let verdict = if error.is_undeclared() {
            Verdict::Systemic
        } else {
            Verdict::Reject(Reason::Value)
        };
        Failure::new(
            verdict,
            format!("column {column} of {}: {error}", table.name),
        )
    }
}

/// How the change takes part in giving its row another key, if it leaves out these columns.
fn move_of_change(change: &Change<'_>, left_out: Vec<usize>) -> Option<Box<RowMove>> {
    let row_move = match **change.key_move.as_ref()? {
        KeyMove::Away(id) => RowMove::Away {
            id,
            stays: change.row_stays,
        },
        KeyMove::Here(ids) => RowMove::Here {
            ids,
            left_out,
            is_new: change.row_stays,
        },
    };
    Some(row_move.into())
}

/// Nothing that a dead letter could mend: the source sends all its events so.
fn explain_hidden_key(change: &Change<'_>) -> Failure {
    let (table, columns) = (&change.table, change.key.names().join(", "));
    let (what, or) = if change.operation.removes_row() {
        ("which row it deletes", "")
    } else {
        (
            "whether the row had another key, whose row would stay",
            ", or fixed_key = true if no update ever changes them",
        )
    };
    let message = format!(
        "an event of {table} has no more than the record's key in its before, and the [[route]] names other key columns ({columns}): nothing tells {what}; have the source log whole rows (Postgres: ALTER TABLE … REPLICA IDENTITY FULL, MySQL: binlog_row_image = full); if it does, and the row has but zeros and defaults, or events have no schemas, set whole_rows = true in the [[route]]; or set there the record's key as key{or}"
    );
    Failure::new(Verdict::Systemic, message)
}

/// The key's columns in column order. They must tell the rows of the table apart: the events of any other
/// key would write, or remove, rows that they don't mean.
fn map_key(change: &Change<'_>, table: &Table, reading: &Reading) -> Result<Vec<Slot>, Failure> {
    let key = map_fields(change, From::Key, table, reading)?;
    let columns: Vec<usize> = key.iter().map(|slot| slot.column).collect();
    if !columns.is_empty() && table.is_unique(&columns) {
        return Ok(key);
    }
    let names = change.key.names().iter();
    let computed: Vec<usize> = names
        .filter_map(|name| table.column_index(name))
        .filter(|column| table.is_computed(*column))
        .collect();
    if columns.is_empty() && computed.is_empty() {
        let message = format!("the event names no key column of {}", table.name);
        return Err(Failure::new(Verdict::Reject(Reason::MissingKey), message));
    }
    let lacks = format!(
        "table {} has no primary key or unique index on exactly ({}), which the events' key needs",
        table.name,
        table.column_names(&columns)
    );
    let message = if computed.is_empty() {
        format!("{lacks}; create one, or set key in the [[route]]")
    } else {
        let computed = table.column_names(&computed);
        format!(
            "{lacks} without {computed}, which Postgres computes; make {computed} plain (ALTER COLUMN … DROP EXPRESSION), or set key in the [[route]]"
        )
    };
    Err(Failure::new(Verdict::Systemic, message))
}

/// In column order; a column that Postgres computes is left out, for it takes no value: snapshots
/// carry it all the same.
fn map_fields(
    change: &Change<'_>,
    from: From,
    table: &Table,
    reading: &Reading,
) -> Result<Vec<Slot>, Failure> {
    let fields = match from {
        From::Key => &change.key,
        From::Row | From::Mark => &change.row,
    };
    let mut slots = Vec::with_capacity(fields.names().len() + 1);
    for (position, name) in fields.names().iter().enumerate() {
        let Some(column) = field_column::find_place(name, change, from, table)? else {
            if fields.is_fact(position) {
                continue;
            }
            return Err(field_column::explain_no_column(name, table));
        };
        let Some(target) = table.columns.get(column) else {
            continue;
        };
        if table.is_computed(column) {
            continue;
        }
        let field = fields.schema().and_then(|s| index_of(s, position, name));
        let schemaless = reading.schemaless_of(&table.name, &target.name);
        let schema = field.and_then(|at| fields.schema()?.fields().get(at));
        let pg_type = &target.pg_type;
        slots.push(Slot {
            column,
            from,
            position,
            field,
            conversion: Conversion::new(schema, pg_type, schemaless),
            assumed_scale: value::assumed_scale(schema, pg_type, schemaless),
            cuts_moment: from == From::Row && value::is_moment(pg_type),
        });
    }
    field_column::refuse_two_names(&slots, fields, table)?;
    // a name twice in one object: the last wins, as in every JSON parser
    slots.reverse();
    slots.sort_by_key(|slot| slot.column);
    slots.dedup_by_key(|slot| slot.column);
    Ok(slots)
}

/// A text, or an array of some.
fn may_be_base64(raw: &str) -> bool {
    raw.starts_with('"') || raw.starts_with('[') && raw.contains('"')
}

/// Events have their fields in the schema's order, so it is looked for first where it is most likely.
fn index_of(schema: &Field, position: usize, name: &str) -> Option<usize> {
    let fields = schema.fields();
    let is = |field: &Field| &*field.name == name;
    if fields.get(position).is_some_and(is) {
        Some(position)
    } else {
        fields.iter().position(is)
    }
}

/// The mappings that a lane has met.
#[derive(Default)]
pub struct Mappings {
    known: HashMap<Shapes, KnownMapping, foldhash::fast::RandomState>,
    reading: Arc<Reading>,
}

/// Key's and row's shape, the table, whether it removes: by address. And how it is written.
type Shapes = (usize, usize, usize, bool, usize);

/// What has these addresses is kept as long as the mapping is, so that nothing else gets them.
struct KnownMapping {
    mapping: Arc<Mapping>,
    _shapes: [Option<Arc<Shape>>; 2],
    _mark: Option<Arc<str>>,
}

impl Mappings {
    /// No mappings yet; `reading` as for [`Mapping::new`].
    pub fn new(reading: Arc<Reading>) -> Self {
        Self {
            known: HashMap::default(),
            reading,
        }
    }

    /// The mapping for changes of these shapes and this table: one that was met before, or a new one.
    ///
    /// # Errors
    /// As for [`Mapping::new`].
    pub fn mapping_for(
        &mut self,
        change: &Change<'_>,
        table: &Arc<Table>,
    ) -> Result<Arc<Mapping>, Failure> {
        let address =
            |shape: &Option<Arc<Shape>>| shape.as_ref().map_or(0, |s| Arc::as_ptr(s).addr());
        let shapes = (
            address(&change.key.shape),
            address(&change.row.shape),
            Arc::as_ptr(table).addr(),
            change.operation.removes_row(),
            match &change.landing {
                Landing::Row => 0,
                Landing::Appended => 1,
                Landing::Marked(mark) => mark.column.as_ptr().addr(),
            },
        );
        if let Some(known) = self.known.get(&shapes) {
            return Ok(known.mapping.clone());
        }
        let mapping = Arc::new(Mapping::new(change, table, self.reading.clone())?);
        if self.known.len() >= MOST_MAPPINGS {
            self.known.clear();
        }
        let known = KnownMapping {
            mapping: mapping.clone(),
            _shapes: [change.key.shape.clone(), change.row.shape.clone()],
            _mark: match &change.landing {
                Landing::Marked(mark) => Some(mark.column.clone()),
                Landing::Row | Landing::Appended => None,
            },
        };
        self.known.insert(shapes, known);
        Ok(mapping)
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
