//! Schema evolution: the statements by which a destination table comes to what its events' schemas tell, as
//! `schema_evolution` allows.
//!
//! What is done: `add_columns` adds columns; `create` also makes schemas and tables, and widens columns (smallint to
//! integer to bigint, real to double precision, a varchar to a longer one or to text, a numeric to one with more digits).
//!
//! What is never done, whatever events say: no table and no column is dropped or renamed; no column becomes narrower or of
//! another kind; NOT NULL isn't set on a column that is there, and is dropped only from one that Landfall made, with the zero
//! for a default that nothing but a converter has named; no other default is set or dropped on one; a table that is gone isn't made again; no key, index or
//! constraint is made but a new table's primary key; no privilege is given. Nothing is guessed where no schema tells.

mod column_type;
mod default_value;
mod meaning;
mod names;
mod native;
mod plan;
mod proposed;
mod sharing;
mod wanted;
mod width;

pub use column_type::{ColumnType, ExtensionTypes};
pub use names::{MAX_NAME_BYTES, explain_column_name, suggest_column};
pub use plan::{Ddl, DdlKind, Plan, plan_table};
pub use sharing::{explain_sharing, find_sharing};
pub use wanted::{WantedColumn, WantedTable, Wants};

#[cfg(test)]
mod tests;
