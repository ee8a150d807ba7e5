//! Why a command couldn't do what it was told to.

use crate::format::registry::RegistrySetupError;
use crate::kafka;
use crate::operator::terminal::counted;
use crate::verdict::Failure;

/// What a command ends with instead of success. Its text is for the person who typed the command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The bookkeeping tables can't be had. The text names the database, without its password.
    #[error("{database}: {failure}")]
    Bookkeeping {
        /// The URL of the database, fit to be shown.
        database: String,
        /// What Postgres answered.
        failure: Failure,
    },
    /// Postgres can't be asked, or refuses a statement.
    #[error(transparent)]
    Postgres(#[from] Failure),
    /// Kafka can't be asked, or refuses what it was asked for.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The schema registry's client can't be had: a file for TLS that can't be used.
    #[error(transparent)]
    Registry(#[from] RegistrySetupError),
    /// Postgres or the registry went away while a letter was replayed.
    #[error("{letter}: {failure}")]
    Letter {
        /// The letter as an operator would name it.
        letter: String,
        /// What went wrong last.
        failure: Failure,
    },
    /// `landfall dlq replay` was stopped by an error before it had met every letter.
    #[error("{0}\nstopped; what was replayed is marked: run the same command again to go on")]
    ReplayStopped(Box<CommandError>),
    /// So many letters failed again, or are lost.
    #[error("{} failed; `landfall dlq show ID` tells more", counted(*.0, "letter"))]
    LettersFailed(u64),
    /// So many letters would fail again, a dry run says.
    #[error("{} would fail", counted(*.0, "letter"))]
    LettersWouldFail(u64),
    /// `landfall check` has found problems, and has printed them.
    #[error("{} found", counted(*.0, "problem"))]
    Problems(usize),
    /// `landfall status` couldn't ask for everything; the texts say what is missing.
    #[error("{}", .0.join("; "))]
    Incomplete(Vec<String>),
    /// The command can't be carried out as it was given; the text says why, and often what helps.
    #[error("{0}")]
    Refused(String),
}

impl CommandError {
    /// What Postgres has refused, if that is it.
    pub fn failure_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::Bookkeeping { failure, .. }
            | Self::Postgres(failure)
            | Self::Letter { failure, .. } => Some(failure),
            Self::ReplayStopped(error) => error.failure_mut(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn people_are_told_what_is_wrong_and_with_which_database() {
        let failure = || Failure::new(Verdict::Unavailable, "Postgres: connection refused");
        let database = "postgres://sink@127.0.0.1:9/warehouse".to_owned();
        let bookkeeping = CommandError::Bookkeeping {
            database,
            failure: failure(),
        };
        assert_eq!(
            bookkeeping.to_string(),
            "postgres://sink@127.0.0.1:9/warehouse: Postgres: connection refused"
        );
        let postgres = CommandError::from(failure());
        assert_eq!(postgres.to_string(), "Postgres: connection refused");
        assert_eq!(CommandError::Problems(1).to_string(), "1 problem found");
        assert_eq!(CommandError::Problems(2).to_string(), "2 problems found");
        let incomplete = CommandError::Incomplete(vec!["one".to_owned(), "two".to_owned()]);
        assert_eq!(incomplete.to_string(), "one; two");
    }
}
