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
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Reads `key`, or the file that its twin `<key>_file` names.
///
/// A variable outdoes the file: `LANDFALL_POSTGRES__PASSWORD` wins over a
/// `password_file` in `landfall.toml`. Both in the same place are a contradiction.
pub(super) fn read_secret(reader: &mut Reader, key: &str) -> Option<Secret> {
    let twin = format!("{key}_file");
    let written = reader.read_hidden(key, value::parse_string).map(Secret);
    let (key_by_variable, twin_by_variable) =
        (reader.in_environment(key), reader.in_environment(&twin));
    if reader.is_set(key) && reader.is_set(&twin) && key_by_variable == twin_by_variable {
        reader.note_problem(&twin, format!("{key} is set as well; set only one of them"));
    }
    let outdone = key_by_variable && !twin_by_variable;
    let from_file = reader.read(&twin, |found| {
        let path = value::parse_string(found)?;
        // What is not used need not exist.
        if outdone {
            return Ok(None);
        }
        let secret = read_secret_file(Path::new(&path));
        secret.map(Some).map_err(|e| because(e.to_string()))
    });
    from_file.flatten().or(written)
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
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(SecretFileError::Empty(own_path()));
    }
    Ok(Secret::new(secret))
}
