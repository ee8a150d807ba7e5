//! Why the registry can't be used, and why it gives no schema.

use std::error::Error;
use std::path::PathBuf;

use crate::verdict::Failure;

/// Why the registry's client can't be had: a file for TLS can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistrySetupError {
    /// A file that the configuration names.
    #[error("{key}: {} cannot be used: {reason}", path.display())]
    File {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// What OpenSSL or the HTTP client says.
    #[error("the connection to the registry can't be set up: {0}")]
    Connection(String),
}

/// Why there is no schema.
#[derive(Debug)]
pub enum LookupError {
    /// The registry can't be asked, or doesn't let us: to be tried again.
    Failed(Failure),
    /// There is no such schema, or it is none that can be used: why, for a dead letter.
    Unusable(String),
}

impl LookupError {
    /// The same with more words around why a schema is of no use.
    pub fn tell_more(self, words: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(failure),
            Self::Unusable(why) => Self::Unusable(words(why)),
        }
    }
}

impl From<Failure> for LookupError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What went wrong, without what all of it was about.
pub(super) fn innermost_cause(error: &reqwest::Error) -> String {
    let all = causes_of(error);
    all.last().map_or_else(|| error.to_string(), Clone::clone)
}

/// All of it, from what it was about down to what went wrong.
pub(super) fn all_causes(error: &reqwest::Error) -> String {
    causes_of(error).join(": ")
}

fn causes_of(error: &reqwest::Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    causes
}
