//! A value that must not be shown.

use std::fmt;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::value::{self, because};

/// A password or another secret. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides the value from now on.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for handing to the library that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a file or a program says: perhaps with the line end that editors and `echo` add. `None`: nothing.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let secret = text.strip_suffix('\n').unwrap_or(text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        (!secret.is_empty()).then(|| Self::new(secret))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Reads `key`, or the file that its twin `<key>_file` names, once: for what mustn't change while we run.
/// What may is a [`super::SecretSource`].
pub(super) fn read_secret(reader: &mut Reader, key: &str) -> Option<Secret> {
    let in_file = format!("{key}_file");
    let chosen = choose_key(reader, &[key, &in_file])?;
    if chosen == key {
        return reader.read_hidden(key, value::parse_string).map(Secret);
    }
    reader.read(&in_file, |found| {
        let path = value::parse_string(found)?;
        read_secret_file(Path::new(&path)).map_err(|e| because(e.to_string()))
    })
}

/// The one of these keys, which say the same secret in several ways, that holds.
///
/// A variable outdoes the file: `LANDFALL_POSTGRES__PASSWORD` wins over a `password_file` in `landfall.toml`, which need
/// not exist then. Two in the same place are a contradiction.
pub(super) fn choose_key<'k>(reader: &mut Reader, keys: &[&'k str]) -> Option<&'k str> {
    reader
        .known
        .extend(keys.iter().map(|key| (*key).to_owned()));
    let set: Vec<&str> = keys.iter().copied().filter(|k| reader.is_set(k)).collect();
    let by_variable = set.iter().any(|key| reader.in_environment(key));
    let mut holding = set
        .into_iter()
        .filter(|key| reader.in_environment(key) == by_variable)
        .collect::<Vec<_>>()
        .into_iter();
    let first = holding.next()?;
    for other in holding {
        reader.note_problem(
            other,
            format!("{first} is set as well; set only one of them"),
        );
    }
    Some(first)
}

/// Why a file holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("the secret file {} is not UTF-8 text", .0.display())]
    NoText(PathBuf),
    #[error("the secret file {} cannot be read: {error}", path.display())]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the secret file {} is empty", .0.display())]
    Empty(PathBuf),
}

/// A secret's file holds the secret and perhaps the line end that editors add.
///
/// # Errors
/// There is no such file, it can't be read, or it is empty.
pub fn read_secret_file(path: &Path) -> Result<Secret, SecretFileError> {
    let own_path = || path.to_owned();
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        // Its message would say "stream did not contain valid UTF-8", about which stream?
        std::io::ErrorKind::InvalidData => SecretFileError::NoText(own_path()),
        _ => SecretFileError::Unreadable {
            path: own_path(),
            error,
        },
    })?;
    match Secret::of_text(&text) {
        Some(secret) => Ok(secret),
        None => Err(SecretFileError::Empty(own_path())),
    }
}
