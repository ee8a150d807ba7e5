//! A change as its destination table sees it: columns by index, values as the text Postgres reads.

use std::borrow::Cow;
use std::sync::Arc;

use crate::rows::key_identity::KeyIdentity;
use crate::rows::row_move::RowMove;
use crate::rows::table::Table;
use crate::verdict::Failure;

/// A value as the text that Postgres reads for the column's type; `None` is NULL.
pub type Text<'r> = Option<Cow<'r, str>>;

/// Which columns of which table a change writes, shared by all that write the same.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The destination table.
    pub table: Arc<Table>,
    /// The key's columns, in column order; none if each change is a row of its own, or all rows are gone.
    pub key: Vec<usize>,
    /// The row's, in column order; none if it is gone.
    pub columns: Vec<usize>,
}

/// What one event does to one row of a table.
#[derive(Clone, Debug)]
pub struct RowChange<'r> {
    /// The table and the columns that the texts belong to.
    pub layout: Arc<Layout>,
    /// Of the layout's key columns.
    pub key: Vec<Text<'r>>,
    /// The key that the row had before, if it was another one: the row of this key is deleted first.
    pub old_key: Option<Box<[Text<'r>]>>,
    /// Where deleted rows stay, what becomes of that row instead: it is marked.
    pub old_mark: Option<Box<RowChange<'r>>>,
    /// What the key is, where its texts don't tell it as they stand.
    pub identity: Option<Arc<KeyIdentity>>,
    /// The same of the old key.
    pub old_identity: Option<Arc<KeyIdentity>>,
    /// How it takes part in giving the row another key; nearly always not at all.
    pub moves: Option<Box<RowMove>>,
    /// Of the layout's columns.
    pub texts: Vec<Text<'r>>,
    /// Whether the row is written, written in part, or gone.
    pub effect: Effect,
    /// The event calls the row new: created, or read by a snapshot.
    pub created: bool,
}

/// What remains of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The row has these values.
    Whole,
    /// The event said that it leaves something out (an unchanged out-of-line value): the row must
    /// be there already.
    Part,
    /// Only columns that later changes of the row, which are in already, have left out. Nothing, if the row isn't there.
    Fill,
    /// A column says that the row is deleted. Nothing else of it changes, and nothing at all if it isn't there.
    Marked,
    /// The row is deleted.
    Gone,
}

impl Effect {
    /// Whether nothing is written of a row that isn't there.
    pub fn fills(self) -> bool {
        matches!(self, Self::Fill | Self::Marked)
    }
}

impl RowChange<'_> {
    /// That all rows of the table are gone: it names no key.
    ///
    /// # Errors
    /// Systemic: rows of it may be hidden from us.
    pub fn of_truncate(table: &Arc<Table>) -> Result<Self, Failure> {
        table.refuse_hidden_rows()?;
        Ok(Self {
            layout: Arc::new(Layout {
                table: table.clone(),
                key: Vec::new(),
                columns: Vec::new(),
            }),
            key: Vec::new(),
            old_key: None,
            old_mark: None,
            identity: None,
            old_identity: None,
            moves: None,
            texts: Vec::new(),
            effect: Effect::Gone,
            created: false,
        })
    }

    /// Whether it is a row of its own, that nothing but its event tells from others.
    pub fn is_appended(&self) -> bool {
        self.effect != Effect::Gone && self.layout.key.is_empty()
    }

    /// Whether all rows of the table are gone.
    pub fn empties_table(&self) -> bool {
        self.effect == Effect::Gone && self.layout.key.is_empty()
    }

    /// The destination table.
    pub fn table(&self) -> &Arc<Table> {
        &self.layout.table
    }

    /// Whether it leaves nothing of its row as it was. An event that takes a row to another key needs what it was.
    pub fn is_whole(&self) -> bool {
        let takes_row = matches!(self.moves.as_deref(), Some(RowMove::Away { .. }));
        matches!(self.effect, Effect::Whole | Effect::Gone) && !takes_row
    }
}
