//! What is wrong with a configuration: every problem, not only the first.

use std::fmt;

/// The configuration cannot be used. Its text has one line for each problem found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Self { problems }
    }

    /// One line for each problem: where, which key, what was found, what is allowed.
    pub fn problem_lines(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(Problem::to_string)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "the configuration cannot be used: {only}"),
            several => {
                let count = several.len();
                write!(f, "the configuration cannot be used, {count} problems:")?;
                several
                    .iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Where a value was written.
///
/// The order is the order in which problems are shown: the file from top to bottom, then
/// the environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    File {
        line: Option<usize>,
        name: String,
    },
    /// An environment variable's name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File {
                line: Some(line),
                name,
            } => write!(f, "{name}:{line}"),
            Place::File { line: None, name } => f.write_str(name),
            Place::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where the key is written, or would be.
    pub place: Place,
    /// The dotted key, or nothing where the file itself is the problem.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        // A problem is one line, whatever a library wrote into its message.
        f.write_str(&self.text.replace(['\n', '\r'], " "))
    }
}
