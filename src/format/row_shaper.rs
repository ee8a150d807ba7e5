//! The fields of an event as its route wants them: those that are written, under the names of their columns, masked,
//! with facts about the event beside them. Everything behind the decoder sees rows and keys so: mapping, letters,
//! `check`, a replay. An event's id is made before, and of what the event says.

use std::sync::Arc;

use bumpalo::Bump;

use crate::config::{Fact, Lineage, Mask, RowShape};
use crate::format::change::{FieldOrigin, Fields, MadeOf, Operation, Shape};
use crate::format::column_name::may_stand_for;
use crate::format::facts::{Facts, fact_schema, plain_field};
use crate::format::schema::{Field, Kind};
use crate::format::unavailable::Unavailable;
use crate::format::undecodable::{Undecodable, refuse_route};
use crate::format::value_mask::ValueMask;

/// Where events have another shape each time, plans are not kept for ever.
const MOST_PLANS: usize = 64;

/// Shapes the fields of one topic's events.
pub(super) struct RowShaper {
    shape: Arc<RowShape>,
    mask: ValueMask,
    plans: Vec<Plan>,
}

/// Which fields of an event these are.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// Of a key: all of them are written.
    Key,
    /// Of a row as it was, which is only looked at.
    RowBefore,
    /// Of a row that is written.
    Row,
}

/// How fields of one shape become those of another.
struct Plan {
    part: Part,
    from: Arc<Shape>,
    to: Arc<Shape>,
    cells: Vec<Cell>,
}

#[derive(Clone)]
enum Cell {
    /// The field at this place.
    Field(usize),
    /// Its hash.
    Hashed(usize),
    /// The JSON text, whatever the event says.
    Fixed(Box<str>),
    Fact(Fact),
}

impl RowShaper {
    /// For a route; `unavailable`: what stands for a value that an event leaves out.
    pub fn new(shape: Arc<RowShape>, unavailable: Unavailable) -> Self {
        Self {
            mask: ValueMask::new(shape.mask_key.as_ref(), unavailable),
            shape,
            plans: Vec::new(),
        }
    }

    /// The fields as the route wants them. Where there are none, there are none.
    ///
    /// # Errors
    /// The set-up: a key's column is left out, or two fields have one column.
    pub fn shape_fields<'r>(
        &mut self,
        fields: Fields<'r>,
        part: Part,
        (facts, operation): (&Facts<'r>, Operation),
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        let Some(from) = fields.shape.as_ref().filter(|_| !self.shape.keeps_fields()) else {
            return Ok(fields);
        };
        let is_known = |plan: &Plan| plan.part == part && Arc::ptr_eq(&plan.from, from);
        let at = match self.plans.iter().position(is_known) {
            Some(at) => at,
            None => self.add_plan(from.clone(), part)?,
        };
        let Some(plan) = self.plans.get(at) else {
            return Ok(fields);
        };
        let value = |at: &usize| fields.values.get(*at).copied().unwrap_or("null");
        let cells = plan.cells.iter().map(|cell| match cell {
            Cell::Field(at) => value(at),
            Cell::Hashed(at) => self.mask.hash_value(value(at), arena),
            Cell::Fixed(json) => arena.alloc_str(json),
            Cell::Fact(fact) => facts.to_json(*fact, operation, arena),
        });
        let mut values = bumpalo::collections::Vec::with_capacity_in(plan.cells.len(), arena);
        values.extend(cells);
        Ok(Fields {
            shape: Some(plan.to.clone()),
            values: values.into_bump_slice(),
        })
    }

    /// How the route calls a field: by its name, or else by one that may stand for it and is no other field's, as columns are
    /// found. What is hidden or left out must be so however a connector writes its name.
    fn name_said<'f>(&'f self, field: &'f str, from: &Shape) -> &'f str {
        let is_fields = |name: &str| from.names.iter().any(|other| **other == *name);
        let mut names = self.shape.named_fields();
        if self.shape.named_fields().any(|name| name == field) {
            return field;
        }
        let alike = names.find(|name| may_stand_for(field, name) && !is_fields(name));
        alike.unwrap_or(field)
    }

    fn add_plan(&mut self, from: Arc<Shape>, part: Part) -> Result<usize, Undecodable> {
        if self.plans.len() >= MOST_PLANS {
            self.plans.clear();
        }
        let mut columns = Columns::default();
        for (at, field) in from.names.iter().enumerate() {
            let said = self.name_said(field, &from);
            if !self.shape.fields.has(said) {
                if part == Part::Key {
                    let key = self.shape.fields.key();
                    return refuse_route(format!(
                        "{key} of the [[route]] leaves out {field}, a field of the events' key, which tells rows apart"
                    ));
                }
                continue;
            }
            let column = match self.shape.rename.get(said) {
                Some(column) => column.as_str(),
                None => field,
            };
            let schema = from.schema.as_ref().and_then(|s| s.field_at(at, field));
            let text = || Some(plain_field(column, Kind::String, None));
            let (cell, origin, schema) = match self.shape.mask.get(said) {
                None => {
                    let schema = schema.map(|s| renamed(s, column));
                    (Cell::Field(at), FieldOrigin::Same(at), schema)
                }
                Some(Mask::Hash) => (Cell::Hashed(at), FieldOrigin::Hash(at), text()),
                Some(_) if part == Part::Key => {
                    return refuse_route(format!(
                        "mask of the [[route]] leaves nothing of {field}, a field of the events' key, which tells rows apart: it can only be hashed"
                    ));
                }
                Some(Mask::Null) => {
                    let null = Cell::Fixed("null".into());
                    (null, FieldOrigin::Fixed(at), text())
                }
                Some(Mask::Text(fixed)) => (fixed_text(fixed), FieldOrigin::Fixed(at), text()),
            };
            if from.facts.contains(&at) && column == &**field {
                columns.facts.push(columns.names.len());
            }
            columns.add(field, column, (cell, origin), schema)?;
        }
        if part == Part::Row {
            columns.add_facts(&self.shape.lineage)?;
        }
        let (to, cells) = columns.into_shape(from.clone());
        self.plans.push(Plan {
            part,
            from,
            to,
            cells,
        });
        Ok(self.plans.len() - 1)
    }
}

/// The columns that a plan fills.
#[derive(Default)]
struct Columns<'n> {
    /// Who fills each of them.
    from: Vec<&'n str>,
    names: Vec<Box<str>>,
    cells: Vec<Cell>,
    origins: Vec<FieldOrigin>,
    schemas: Vec<Field>,
    /// The places of those that say something of the event, and that no route asks for.
    facts: Vec<usize>,
}

impl<'n> Columns<'n> {
    /// # Errors
    /// Another field has the column already. A name that stands twice in an event is another matter.
    fn add(
        &mut self,
        from: &'n str,
        column: &str,
        (cell, origin): (Cell, FieldOrigin),
        schema: Option<Field>,
    ) -> Result<(), Undecodable> {
        let names = self.names.iter().zip(&self.from);
        let mut others = names.filter(|(name, other)| ***name == *column && **other != from);
        if let Some((_, other)) = others.next() {
            return refuse_route(format!(
                "{other} and {from} of the events would both be written into the column {column}: rename or exclude one of them in the [[route]]"
            ));
        }
        self.from.push(from);
        self.names.push(column.into());
        self.cells.push(cell);
        self.origins.push(origin);
        self.schemas.extend(schema);
        Ok(())
    }

    /// What is told of the event beside its row.
    ///
    /// # Errors
    /// As for [`Columns::add`].
    fn add_facts(&mut self, lineage: &Lineage) -> Result<(), Undecodable> {
        for (fact, column) in &lineage.facts {
            let schema = Some(fact_schema(*fact, column));
            let told = (Cell::Fact(*fact), FieldOrigin::Told);
            self.add("a fact of lineage", column, told, schema)?;
        }
        for (column, fixed) in &lineage.texts {
            let schema = Some(plain_field(column, Kind::String, None));
            let told = (fixed_text(fixed), FieldOrigin::Told);
            self.add("a text of lineage", column, told, schema)?;
        }
        Ok(())
    }

    /// A field without a schema has none; where no field has one, neither has the struct.
    fn into_shape(self, from: Arc<Shape>) -> (Arc<Shape>, Vec<Cell>) {
        let schema = (!self.schemas.is_empty())
            .then(|| Arc::new(plain_field("", Kind::Struct(self.schemas), None)));
        let shape = Shape {
            facts: self.facts,
            made_of: Some(MadeOf {
                shape: from,
                origins: self.origins,
            }),
            ..Shape::new(self.names, schema)
        };
        (Arc::new(shape), self.cells)
    }
}

fn renamed(schema: &Field, column: &str) -> Field {
    Field {
        name: column.into(),
        ..schema.clone()
    }
}

fn fixed_text(text: &str) -> Cell {
    Cell::Fixed(serde_json::Value::from(text).to_string().into())
}

#[cfg(test)]
#[path = "row_shaper_tests.rs"]
mod tests;
