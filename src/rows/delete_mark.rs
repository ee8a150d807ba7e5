//! The column that says whether its row is deleted, where deleted rows stay (`deletes = "soft"`).

use std::borrow::Cow;

use crate::format::change::Change;
use crate::format::landing::{DeleteMark, Landing};
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::row_change::Text;
use crate::rows::table::{PgType, Table};
use crate::rows::value::{Conversion, Reading, Value};
use crate::verdict::{Failure, Verdict};

/// The column of a table that says whether its row is deleted.
#[derive(Clone, Debug)]
pub(super) struct MarkColumn {
    /// Where it stands in the table.
    pub column: usize,
    /// `None`: true or false; else when the row was deleted, or NULL.
    moment: Option<PgType>,
}

impl MarkColumn {
    /// The column that the change's route names; `None` where deleted rows go.
    ///
    /// # Errors
    /// Systemic: the table lacks the column, or it is of another type.
    pub fn of_change(change: &Change<'_>, table: &Table) -> Result<Option<Self>, Failure> {
        let Landing::Marked(DeleteMark { column: name, .. }) = &change.landing else {
            return Ok(None);
        };
        let refuse = |what: String| {
            let message = format!("soft_delete of the [[route]]: table {} {what}", table.name);
            Err(Failure::new(Verdict::Systemic, message))
        };
        let found = table.column_index(name);
        let Some((column, target)) = found.and_then(|at| Some((at, table.columns.get(at)?))) else {
            return refuse(format!(
                "has no column {name}; add it, as a boolean or a timestamptz"
            ));
        };
        let own = target.is_of_postgres() && !target.generated;
        let moment = match target.pg_type.name.as_str() {
            "bool" if own => None,
            "timestamptz" | "timestamp" if own => Some(target.pg_type.clone()),
            other => {
                return refuse(format!(
                    "has the column {name} as {other}; it has to be a boolean, a timestamp or a timestamptz"
                ));
            }
        };
        Ok(Some(Self { column, moment }))
    }

    /// What the column says after the change.
    pub fn text<'r>(&self, change: &Change<'_>, deleted: bool, reading: &Reading) -> Text<'r> {
        let Some(pg_type) = &self.moment else {
            return Some(Cow::Borrowed(if deleted { "true" } else { "false" }));
        };
        let Landing::Marked(DeleteMark { time, .. }) = &change.landing else {
            return None;
        };
        let millis = Field {
            name: "".into(),
            kind: Kind::Int64,
            logical: Some(Logical::Timestamp),
            scale: None,
            length: None,
            optional: true,
            default: None,
            source: None,
        };
        let (field, raw) = (Some(&millis).filter(|_| deleted)?, time.to_string());
        let conversion = Conversion::new(Some(field), pg_type, Default::default());
        match conversion.convert_value(&raw, Some(field), pg_type, reading) {
            Ok(Value::Text(text)) => Some(Cow::Owned(text.into_owned())),
            // no moment that Postgres has: it is deleted all the same
            _ => Some(Cow::Borrowed("now")),
        }
    }
}
