//! Where a secret comes from that others may change while we run: it is read anew each time that it is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::Reader;
use super::secret::{Secret, SecretFileError, choose_key, read_secret_file};
use super::secret_command::{SecretCommand, SecretCommandError};
use super::value::{Found, Refusal, because, parse_string};

/// A written value, a file, or a command that prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// As it is written: `postgres.password_file`.
    key: String,
    from: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Written(Secret),
    File(PathBuf),
    Command(SecretCommand),
}

/// Why there is no secret now; names the key, and the file or the program.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {cause}")]
pub struct SecretError {
    key: String,
    #[source]
    cause: SecretCause,
}

#[derive(Debug, thiserror::Error)]
enum SecretCause {
    #[error(transparent)]
    File(#[from] SecretFileError),
    #[error(transparent)]
    Command(#[from] Arc<SecretCommandError>),
    #[error("cannot be read: {0}")]
    Here(#[from] std::io::Error),
}

impl SecretError {
    /// A program was to print it, which may do so the next time; else somebody has to mend something.
    pub fn is_of_command(&self) -> bool {
        matches!(self.cause, SecretCause::Command(_))
    }
}

impl SecretSource {
    /// A secret that stands in the configuration, at `key`.
    pub fn written(key: impl Into<String>, secret: Secret) -> Self {
        Self::new(key, Origin::Written(secret))
    }

    /// What `key`, whose name ends in `_file`, says. Reads the file once: whether it can be is told at the start.
    pub(super) fn file(key: impl Into<String>, found: &Found) -> Result<Self, Refusal> {
        let path = parse_string(found)?;
        let path = Path::new(&path);
        let read = read_secret_file(path);
        read.map_err(|error| because(error.to_string()))?;
        Ok(Self::new(key, Origin::File(path.to_owned())))
    }

    /// What `key`, whose name ends in `_command`, says. Nothing is run yet.
    pub(super) fn command(key: impl Into<String>, found: &Found) -> Result<Self, Refusal> {
        Ok(Self::new(
            key,
            Origin::Command(SecretCommand::parse(found)?),
        ))
    }

    fn new(key: impl Into<String>, from: Origin) -> Self {
        Self {
            key: key.into(),
            from,
        }
    }

    /// The key that says it, such as `postgres.password_command`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it may be another one the next time that it is read.
    pub fn may_change(&self) -> bool {
        !matches!(self.from, Origin::Written(_))
    }

    /// Whether a program prints it, which takes its time.
    pub fn is_command(&self) -> bool {
        matches!(self.from, Origin::Command(_))
    }

    /// The secret as it is now. A command has ten seconds.
    ///
    /// # Errors
    /// The file can't be read, or the command fails, takes too long or prints none.
    pub async fn read(&self) -> Result<Secret, SecretError> {
        let read = match &self.from {
            Origin::Written(secret) => Ok(secret.clone()),
            Origin::File(path) => read_file(path.clone()).await,
            Origin::Command(command) => command.run().await.map_err(SecretCause::from),
        };
        read.map_err(|cause| self.fail(cause))
    }

    /// [`SecretSource::read`] for a thread that isn't the runtime's: it is blocked meanwhile.
    ///
    /// # Errors
    /// The same.
    pub fn read_blocking(&self) -> Result<Secret, SecretError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        match &self.from {
            Origin::Written(secret) => Ok(secret.clone()),
            Origin::File(path) => read_secret_file(path).map_err(|e| self.fail(e.into())),
            Origin::Command(_) => match runtime.enable_all().build() {
                Ok(runtime) => runtime.block_on(self.read()),
                Err(error) => Err(self.fail(error.into())),
            },
        }
    }

    fn fail(&self, cause: SecretCause) -> SecretError {
        SecretError {
            key: self.key.clone(),
            cause,
        }
    }
}

/// On a thread of its own: a file may lie on a network's disk that hangs.
async fn read_file(path: PathBuf) -> Result<Secret, SecretCause> {
    let read = tokio::task::spawn_blocking(move || read_secret_file(&path)).await;
    Ok(read.map_err(std::io::Error::from)??)
}

/// Reads `key`, or one of its twins `<key>_file` and `<key>_command`.
pub(super) fn read_source(reader: &mut Reader, key: &str) -> Option<SecretSource> {
    read_one_of(reader, key, &["", "_file", "_command"])
}

/// Reads `key`, or its twin `<key>_file`: for what must be known as soon as we start.
pub(super) fn read_file_source(reader: &mut Reader, key: &str) -> Option<SecretSource> {
    read_one_of(reader, key, &["", "_file"])
}

/// Reads `<key>_file` or `<key>_command`: of a secret that lives for minutes, and isn't worth writing.
pub(super) fn read_short_lived(reader: &mut Reader, key: &str) -> Option<SecretSource> {
    read_one_of(reader, key, &["_file", "_command"])
}

fn read_one_of(reader: &mut Reader, key: &str, endings: &[&str]) -> Option<SecretSource> {
    let keys: Vec<String> = endings.iter().map(|end| format!("{key}{end}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let chosen = choose_key(reader, &keys)?;
    match chosen.strip_prefix(key) {
        Some("_file") => reader.read(chosen, |found| SecretSource::file(chosen, found)),
        // its arguments may be secrets
        Some("_command") => {
            reader.read_hidden(chosen, |found| SecretSource::command(chosen, found))
        }
        _ => {
            let written = reader.read_hidden(key, parse_string);
            written.map(|text| SecretSource::written(key, Secret::new(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> (Option<SecretSource>, Vec<String>) {
        let mut reader = Reader::of_text(text);
        let source = read_source(&mut reader, "p.password");
        let (problems, _) = reader.into_problems();
        let problems = problems.into_iter().map(|problem| problem.text);
        (source, problems.collect())
    }

    async fn read(source: &SecretSource) -> Result<String, String> {
        let secret = source.read().await.map_err(|error| error.to_string())?;
        Ok(secret.expose().to_owned())
    }

    #[tokio::test]
    async fn a_file_is_read_each_time_and_named_when_it_is_gone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "old\n").unwrap();
        let path = file.path().display().to_string();
        let (found, problems) = source(&format!("[p]\npassword_file = '{path}'"));
        assert!(problems.is_empty(), "{problems:?}");
        let found = found.unwrap();
        assert_eq!(read(&found).await.as_deref(), Ok("old"));
        std::fs::write(file.path(), "new\r\n").unwrap();
        assert_eq!(read(&found).await.as_deref(), Ok("new"));
        assert!(found.may_change());
        drop(file);
        let error = read(&found).await.unwrap_err();
        let expected = format!("p.password_file: the secret file {path} cannot be read: ");
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(found.read_blocking().unwrap_err().to_string(), error);
    }

    #[tokio::test]
    async fn a_command_is_a_list_or_a_text_that_no_shell_sees() {
        for text in [
            "password_command = ['printf', '%s\\n', 'a b $HOME']",
            "password_command = \"printf '%s\\\\n' 'a b $HOME'\"",
        ] {
            let (found, problems) = source(&format!("[p]\n{text}"));
            assert!(problems.is_empty(), "{text}: {problems:?}");
            let found = found.unwrap();
            assert_eq!(read(&found).await.as_deref(), Ok("a b $HOME"), "{text}");
            assert_eq!(found.key(), "p.password_command");
            let blocking = std::thread::spawn(move || found.read_blocking());
            assert_eq!(blocking.join().unwrap().unwrap().expose(), "a b $HOME");
        }
    }

    #[test]
    fn two_ways_to_say_one_secret_are_a_contradiction() {
        let (_, problems) = source("[p]\npassword = 'x'\npassword_command = 'cat y'");
        assert_eq!(
            problems,
            ["p.password is set as well; set only one of them"]
        );
    }

    #[test]
    fn a_command_that_cannot_be_split_is_refused_without_being_shown() {
        for text in ["'cat \"hunter2'", "[]", "''", "5", "['cat', 5]"] {
            let (found, problems) = source(&format!("[p]\npassword_command = {text}"));
            assert_eq!((found, problems.len()), (None, 1), "{text}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
            assert!(problems[0].starts_with("allowed: "), "{problems:?}");
        }
    }
}
