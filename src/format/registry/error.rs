//! Why the registry can't be used, and why it gives no schema.

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
