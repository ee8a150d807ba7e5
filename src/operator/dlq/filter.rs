//! Which letters a command is about: the filters that the `dlq` commands share, and their SQL.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::operator::dlq::row::{Letter, State};
use crate::operator::dlq::since;

/// Of the help, above what chooses letters.
pub const HEADING: &str = "Which letters";

/// Filters narrow one another; one that is given several times takes any of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Filters {
    /// Only from this topic; can be repeated.
    #[arg(long, value_name = "TOPIC", help_heading = HEADING)]
    pub topic: Vec<String>,

    /// Only for this table; can be repeated.
    #[arg(long, value_name = "SCHEMA.TABLE", help_heading = HEADING)]
    pub table: Vec<String>,

    /// Only put aside for this reason, such as value or constraint; can be repeated.
    #[arg(long, value_name = "REASON", help_heading = HEADING)]
    pub reason: Vec<String>,

    /// Only if it failed, for the last time, since then: 30min, 2h, 2026-11-21T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since::parse, help_heading = HEADING)]
    pub since: Option<SystemTime>,
}

/// The filters, and letters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Chosen {
    /// Only this one, by the number that `dlq list` shows or by its event id; can be repeated.
    #[arg(long, value_name = "ID", help_heading = HEADING)]
    pub id: Vec<LetterId>,

    #[command(flatten)]
    pub filters: Filters,
}

/// How an operator names a letter: by its row, or by its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterId {
    Row(i64),
    Event(Uuid),
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let row = text.parse().map(Self::Row);
        row.or_else(|_| Uuid::parse_str(text).map(Self::Event))
            .map_err(|_| "allowed: a letter's number, or its event id (a uuid)".to_owned())
    }
}

impl LetterId {
    pub fn names(&self, letter: &Letter) -> bool {
        match self {
            LetterId::Row(row) => *row == letter.id,
            LetterId::Event(event) => *event == letter.event_id,
        }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LetterId::Row(row) => write!(f, "{row}"),
            LetterId::Event(event) => write!(f, "{event}"),
        }
    }
}

/// A condition on rows of `dead_letters`, with its bound parameters.
#[derive(Default)]
pub struct Selection {
    conditions: Vec<String>,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Selection {
    /// `states`: empty for any.
    pub fn new(filters: &Filters, states: &[State]) -> Self {
        let mut selection = Self::default();
        let Filters {
            topic,
            table,
            reason,
            since,
        } = filters;
        for (column, values) in [("topic", topic), ("table_name", table), ("reason", reason)] {
            if !values.is_empty() {
                selection.require(&format!("{column} = ANY(?)"), values.clone());
            }
        }
        if let Some(since) = since {
            selection.require("last_failed_at >= ?", *since);
        }
        if !states.is_empty() {
            let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
            selection.require("state = ANY(?)", names);
        }
        selection
    }

    pub fn of(chosen: &Chosen, states: &[State]) -> Self {
        let mut selection = Self::new(&chosen.filters, states);
        selection.require_one_of(&chosen.id);
        selection
    }

    /// Narrows it to these letters, unless there are none.
    pub fn require_one_of(&mut self, ids: &[LetterId]) {
        if ids.is_empty() {
            return;
        }
        let rows = ids.iter().filter_map(|id| match id {
            LetterId::Row(row) => Some(*row),
            LetterId::Event(_) => None,
        });
        let events = ids.iter().filter_map(|id| match id {
            LetterId::Row(_) => None,
            LetterId::Event(event) => Some(*event),
        });
        let (rows, events) = (rows.collect::<Vec<_>>(), events.collect::<Vec<_>>());
        self.parameters.push(Box::new(rows));
        self.require(
            &format!(
                "(id = ANY(${}) OR event_id = ANY(?))",
                self.parameters.len()
            ),
            events,
        );
    }

    /// Narrows it: `?` stands for the parameter.
    pub fn require(&mut self, condition: &str, parameter: impl ToSql + Sync + Send + 'static) {
        self.parameters.push(Box::new(parameter));
        let place = format!("${}", self.parameters.len());
        self.conditions.push(condition.replace('?', &place));
    }

    /// To put behind `WHERE`; `true` if nothing is required.
    pub fn condition(&self) -> String {
        match self.conditions.as_slice() {
            [] => "true".to_owned(),
            conditions => conditions.join(" AND "),
        }
    }

    /// In the order of `$1`, `$2`, ….
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let parameters = self.parameters.iter();
        parameters.map(|p| &**p as &(dyn ToSql + Sync)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_never_part_of_the_sql() {
        let filters = Filters {
            topic: vec!["a'; DROP TABLE t; --".to_owned()],
            reason: vec!["value".to_owned(), "constraint".to_owned()],
            since: Some(SystemTime::now()),
            ..Filters::default()
        };
        let chosen = Chosen {
            id: vec![LetterId::Row(1), LetterId::Event(Uuid::from_u128(2))],
            filters,
        };
        let selection = Selection::of(&chosen, &[State::Parked]);
        assert_eq!(
            selection.condition(),
            "topic = ANY($1) AND reason = ANY($2) AND last_failed_at >= $3 AND state = ANY($4) \
             AND (id = ANY($5) OR event_id = ANY($6))"
        );
        assert_eq!(selection.parameters().len(), 6);
        assert_eq!(Selection::default().condition(), "true");
    }

    #[test]
    fn a_letter_is_named_by_its_number_or_its_event() {
        assert_eq!("42".parse(), Ok(LetterId::Row(42)));
        let event = Uuid::from_u128(7);
        assert_eq!(event.to_string().parse(), Ok(LetterId::Event(event)));
        assert!("letter".parse::<LetterId>().is_err());
    }
}
