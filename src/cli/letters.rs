//! The arguments that choose dead letters, which the `dlq` commands share.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use uuid::Uuid;

use crate::cli::since::parse_since;

/// The heading, in the help, of the arguments that choose letters.
pub const LETTERS_HEADING: &str = "Which letters";

/// Filters narrow one another; one that is given several times takes any of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LetterFilters {
    /// Only from this topic; can be repeated.
    #[arg(long, value_name = "TOPIC", help_heading = LETTERS_HEADING)]
    pub topic: Vec<String>,

    /// Only for this table; can be repeated.
    #[arg(long, value_name = "SCHEMA.TABLE", help_heading = LETTERS_HEADING)]
    pub table: Vec<String>,

    /// Only put aside for this reason, such as value or constraint; can be repeated.
    #[arg(long, value_name = "REASON", help_heading = LETTERS_HEADING)]
    pub reason: Vec<String>,

    /// Only if it failed, for the last time, since then: 30min, 2h, 2026-11-21T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_since, help_heading = LETTERS_HEADING)]
    pub since: Option<SystemTime>,
}

/// The filters, and letters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ChosenLetters {
    /// Only this one, by the number that `dlq list` shows or by its event id; can be repeated.
    #[arg(long, value_name = "ID", help_heading = LETTERS_HEADING)]
    pub id: Vec<LetterId>,

    #[command(flatten)]
    pub filters: LetterFilters,
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
    /// Whether the letter with this number and this event is meant.
    pub fn is_of(&self, row: i64, event: Uuid) -> bool {
        match self {
            LetterId::Row(number) => *number == row,
            LetterId::Event(id) => *id == event,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_by_its_number_or_its_event() {
        assert_eq!("42".parse(), Ok(LetterId::Row(42)));
        let event = Uuid::from_u128(7);
        assert_eq!(event.to_string().parse(), Ok(LetterId::Event(event)));
        assert!("letter".parse::<LetterId>().is_err());
    }
}
