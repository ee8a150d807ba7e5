//! What a route's events do with rows: `write`, `deletes` and `soft_delete` of a `[[route]]`.

use figment::value::Value;

use super::reader::Reader;
use super::value::{Found, Refusal, allowed, one_of, parse_string};

/// What an event does with its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// The row of its key is written over, or removed.
    #[default]
    Upsert,
    /// It is a row of its own.
    Append,
}

const WRITE_MODES: [(&str, WriteMode); 2] =
    [("upsert", WriteMode::Upsert), ("append", WriteMode::Append)];

/// What a delete does with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletes {
    /// The row goes.
    Applied,
    /// Nothing.
    Skipped,
    /// This column of the row says that it is deleted: true, or when it was.
    Soft(String),
}

/// `deletes` as it is written.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Applied,
    Skipped,
    Soft,
}

impl WriteMode {
    pub(super) fn from_reader(reader: &mut Reader, route: &str) -> Self {
        let key = format!("{route}.write");
        reader.read_or(&key, Self::default(), one_of(&WRITE_MODES))
    }
}

impl Deletes {
    /// The column that says that a row is deleted, if rows stay.
    pub fn marked_column(&self) -> Option<&str> {
        match self {
            Self::Soft(column) => Some(column),
            Self::Applied | Self::Skipped => None,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Applied => "deletes".to_owned(),
            Self::Skipped => "no deletes".to_owned(),
            Self::Soft(column) => format!("soft deletes {column}"),
        }
    }

    /// `None`: the route says nothing of deletes.
    pub(super) fn from_reader(reader: &mut Reader, route: &str) -> Option<Self> {
        let [deletes, soft_delete] =
            ["deletes", "soft_delete"].map(|name| format!("{route}.{name}"));
        let word = reader.read(&deletes, parse_word);
        let column = reader.read(&soft_delete, parse_string);
        match (word, column) {
            (Some(Word::Soft), Some(column)) => Some(Self::Soft(column)),
            (Some(Word::Soft), None) if reader.is_set(&soft_delete) => None,
            (Some(Word::Soft), None) => {
                let problem = "needs soft_delete, the boolean or timestamp column that says that a row is deleted";
                reader.note_problem(&deletes, problem);
                None
            }
            (word, Some(_)) => {
                let problem = "is about deletes = \"soft\", which the route doesn't say";
                reader.note_problem(&soft_delete, problem);
                word.map(Self::of_word)
            }
            (word, None) => word.map(Self::of_word),
        }
    }

    fn of_word(word: Word) -> Self {
        match word {
            Word::Skipped => Self::Skipped,
            Word::Applied | Word::Soft => Self::Applied,
        }
    }
}

fn parse_word(found: &Found) -> Result<Word, Refusal> {
    match found.value {
        Value::Bool(_, true) => Ok(Word::Applied),
        Value::Bool(_, false) => Ok(Word::Skipped),
        Value::String(_, text) if text == "soft" => Ok(Word::Soft),
        _ => Err(allowed(r#"true, false or "soft""#)),
    }
}
