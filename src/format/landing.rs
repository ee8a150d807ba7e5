//! What a route makes of a decoded event: how its rows are written, and what becomes of them.

use std::sync::Arc;

use bumpalo::Bump;

use crate::config::{Deletes, Fact, RowShape, WriteMode};
use crate::format::change::{Change, Decoded, Fields, Operation, RowOrder};
use crate::format::debezium::Source;
use crate::format::facts::Facts;
use crate::format::row_shaper::{Part, RowShaper};
use crate::format::unavailable::Unavailable;
use crate::format::undecodable::Undecodable;
use crate::record::Record;

/// How a change is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Landing {
    /// The row of its key is written, or removed.
    #[default]
    Row,
    /// The same, but a row that is deleted stays: a column of it says that it is.
    Marked(DeleteMark),
    /// It is a row of its own, whatever rows there are: nothing tells rows apart.
    Appended,
}

/// A column that says whether its row is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteMark {
    /// Its name.
    pub column: Arc<str>,
    /// When the change was made, in milliseconds since 1970.
    pub time: i64,
}

/// Makes changes of one topic what its route wants them to be.
pub(super) struct Lander {
    shape: Arc<RowShape>,
    shaper: RowShaper,
    /// The column that says that a row is deleted, if rows stay.
    mark: Option<Arc<str>>,
}

impl Lander {
    /// For a route; `unavailable`: what stands for a value that an event leaves out.
    pub fn new(shape: Arc<RowShape>, unavailable: Unavailable) -> Self {
        Self {
            mark: (shape.deletes.as_ref())
                .and_then(Deletes::marked_column)
                .map(Arc::from),
            shaper: RowShaper::new(shape.clone(), unavailable),
            shape,
        }
    }

    /// How rows differ from what events say.
    pub fn shape(&self) -> &RowShape {
        &self.shape
    }

    /// Whether values are masked, so that no record may be quoted.
    pub fn masks(&self) -> bool {
        !self.shape.mask.is_empty()
    }

    /// Whether each change is a row of its own, so that no key is needed.
    pub fn appends(&self) -> bool {
        self.shape.write == WriteMode::Append
    }

    /// What is known of a record beside its row.
    pub fn note_facts<'r>(&self, record: &'r Record, source: Option<&Source<'_>>) -> Facts<'r> {
        let mut facts = self.shape.lineage.facts.iter();
        let tells_position = facts.any(|(fact, _)| *fact == Fact::SourcePosition);
        Facts::of_record(record, source, tells_position)
    }

    /// The event as its route wants it.
    ///
    /// # Errors
    /// The set-up, as [`RowShaper::shape_fields`] says.
    pub fn land_event<'r>(
        &mut self,
        decoded: Decoded<'r>,
        facts: &Facts<'r>,
        arena: &'r Bump,
    ) -> Result<Decoded<'r>, Undecodable> {
        match decoded {
            Decoded::Change(change) => {
                let change = self.land_change(change, facts, arena)?;
                Ok(Decoded::Change(change))
            }
            other => Ok(other),
        }
    }

    /// The key of an event that can't be decoded, as the route wants it.
    ///
    /// # Errors
    /// As for [`Lander::land_event`].
    pub fn land_key<'r>(
        &mut self,
        key: Fields<'r>,
        facts: &Facts<'r>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        let (of_event, part) = ((facts, Operation::Delete), self.key_part());
        self.shaper.shape_fields(key, part, of_event, arena)
    }

    /// A key that tells no rows apart may be left out.
    fn key_part(&self) -> Part {
        match self.appends() {
            true => Part::RowBefore,
            false => Part::Key,
        }
    }

    fn land_change<'r>(
        &mut self,
        mut change: Change<'r>,
        facts: &Facts<'r>,
        arena: &'r Bump,
    ) -> Result<Change<'r>, Undecodable> {
        let removes = change.operation.removes_row();
        change.source_time = facts.source_time();
        if self.appends() {
            (change.old_key, change.key_move) = (None, None);
            change.landing = Landing::Appended;
            change.order = RowOrder::Partition;
            if change.row.is_empty() {
                change.row = change.key.clone(); // a delete that tells no more
            }
        } else if let Some(column) = &self.mark {
            change.landing = Landing::Marked(DeleteMark {
                column: column.clone(),
                time: facts.source_time(),
            });
        }
        if self.shape.keeps_fields() {
            return Ok(change);
        }
        // a row that says what happened says it of a tombstone as of any delete
        let said = match change.operation {
            Operation::Tombstone if self.appends() => Operation::Delete,
            operation => operation,
        };
        let of_event = (facts, said);
        let part = match removes && !self.appends() {
            true => Part::RowBefore,
            false => Part::Row,
        };
        change.row = self
            .shaper
            .shape_fields(change.row, part, of_event, arena)?;
        let key_part = self.key_part();
        change.key = (self.shaper).shape_fields(change.key, key_part, of_event, arena)?;
        if let Some(old_key) = change.old_key.as_deref_mut() {
            let fields = std::mem::take(old_key);
            *old_key = self
                .shaper
                .shape_fields(fields, Part::Key, of_event, arena)?;
        }
        Ok(change)
    }
}
