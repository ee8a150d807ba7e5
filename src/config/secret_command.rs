//! A program that prints a secret: how tokens of clouds are had, which live for minutes.

use std::fmt;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use figment::value::Value;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::secret::Secret;
use super::value::{Found, Refusal, allowed, parse_list};

/// A command has so long.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A token is some kilobytes long.
const LONGEST_SECRET_BYTES: u64 = 64 * 1024;

/// Of what a program says on its standard error, which nobody has looked through for secrets.
const SHOWN_CHARS: usize = 200;
const READ_OF_STDERR_BYTES: u64 = 4096;

/// The program and its arguments. `Debug` hides the arguments: they may be secrets.
#[derive(Clone)]
pub(super) struct SecretCommand {
    program: String,
    arguments: Vec<String>,
    /// How it ended last, and when.
    last: Arc<Mutex<Option<(Instant, Outcome)>>>,
}

type Outcome = Result<Secret, Arc<SecretCommandError>>;

impl PartialEq for SecretCommand {
    fn eq(&self, other: &Self) -> bool {
        (&self.program, &self.arguments) == (&other.program, &other.arguments)
    }
}

impl Eq for SecretCommand {}

/// Why a command gave no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretCommandError {
    #[error("{program} cannot be run: {error}")]
    NotRun { program: String, error: io::Error },
    /// With the first line of what it said.
    #[error("{program} failed, {status}{}", .said.as_ref().map(|line| format!(": {line}")).unwrap_or_default())]
    Failed {
        program: String,
        status: ExitStatus,
        said: Option<String>,
    },
    #[error("{program} was ended: it took longer than {}", humantime::format_duration(*limit))]
    TooSlow { program: String, limit: Duration },
    #[error("{program} prints more than {LONGEST_SECRET_BYTES} bytes")]
    TooLong { program: String },
    #[error("{program} prints nothing")]
    Nothing { program: String },
    #[error("{program} prints what is not UTF-8 text")]
    NoText { program: String },
}

impl fmt::Debug for SecretCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} …", self.program)
    }
}

/// What a program has printed, and how it ended.
struct Ended {
    status: ExitStatus,
    printed: Vec<u8>,
    said: Vec<u8>,
}

impl SecretCommand {
    /// A list, or a text that is split at blanks and quotes as a shell does; nothing else of a shell happens.
    pub(super) fn parse(found: &Found) -> Result<Self, Refusal> {
        let words = match found.value {
            Value::String(_, text) if !text.trim_start().starts_with('[') => shlex::split(text),
            _ => parse_list(found).ok(),
        };
        let mut words = words.unwrap_or_default().into_iter();
        match words.next().filter(|program| !program.is_empty()) {
            Some(program) => Ok(Self::new(program, words.collect())),
            None => Err(allowed(
                "a program and its arguments, such as [\"cat\", \"/run/secrets/token\"], or one text of them",
            )),
        }
    }

    fn new(program: String, arguments: Vec<String>) -> Self {
        Self {
            program,
            arguments,
            last: Arc::default(),
        }
    }

    /// What the program prints on its standard output, without the line end.
    ///
    /// It runs once at a time: what it says to one is news to all who have asked since. A dozen connections that open
    /// together would start a dozen programs, some of which take a second of the processor.
    pub(super) async fn run(&self) -> Outcome {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((at, outcome)) = &*last
            && *at >= asked
        {
            return outcome.clone();
        }
        let outcome = self.run_within(TIME_LIMIT).await.map_err(Arc::new);
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn run_within(&self, limit: Duration) -> Result<Secret, SecretCommandError> {
        let mut child = self.start().map_err(|error| self.not_run(error))?;
        let mut group = Group::of(&child);
        let ended = match tokio::time::timeout(limit, self.wait_for(&mut child)).await {
            Ok(ended) => ended?,
            Err(_) => {
                let program = self.program.clone();
                return Err(SecretCommandError::TooSlow { program, limit });
            }
        };
        group.leave_alone();
        let program = self.program.clone();
        if !ended.status.success() {
            return Err(SecretCommandError::Failed {
                program,
                status: ended.status,
                said: first_line(&ended.said),
            });
        }
        let Ok(text) = String::from_utf8(ended.printed) else {
            return Err(SecretCommandError::NoText { program });
        };
        match Secret::of_text(&text) {
            Some(secret) => Ok(secret),
            None => Err(SecretCommandError::Nothing { program }),
        }
    }

    fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Until both of its outputs are closed, and it has ended.
    async fn wait_for(&self, child: &mut Child) -> Result<Ended, SecretCommandError> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let printing = async {
            let mut printed = Vec::new();
            if let Some(stdout) = stdout {
                let mut start = stdout.take(LONGEST_SECRET_BYTES + 1);
                start
                    .read_to_end(&mut printed)
                    .await
                    .map_err(|e| self.not_run(e))?;
            }
            if printed.len() as u64 > LONGEST_SECRET_BYTES {
                let program = self.program.clone();
                return Err(SecretCommandError::TooLong { program });
            }
            Ok(printed)
        };
        let saying = async { read_start(stderr).await.map_err(|e| self.not_run(e)) };
        let (printed, said) = tokio::try_join!(printing, saying)?;
        let status = child.wait().await.map_err(|e| self.not_run(e))?;
        Ok(Ended {
            status,
            printed,
            said,
        })
    }

    fn not_run(&self, error: io::Error) -> SecretCommandError {
        SecretCommandError::NotRun {
            program: self.program.clone(),
            error,
        }
    }
}

/// The rest is read too, and forgotten: a pipe that is full would stop the program.
async fn read_start(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe)
            .take(READ_OF_STDERR_BYTES)
            .read_to_end(&mut start)
            .await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(start)
}

/// The first line that has something in it.
fn first_line(said: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    let shown = line.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS);
    Some(shown.collect())
}

/// The program and whatever it has started, which is ended with it.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self(leader.and_then(Pid::from_raw))
    }

    /// It has ended by itself.
    fn leave_alone(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> SecretCommand {
        SecretCommand::new("sh".to_owned(), vec!["-c".to_owned(), script.to_owned()])
    }

    async fn error_of(command: SecretCommand) -> String {
        command.run().await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_is_printed_is_the_secret_whatever_is_said_beside_it() {
        let noisy = shell("head -c 200000 /dev/zero >&2; echo s3cret; echo noise >&2");
        assert_eq!(noisy.run().await.unwrap().expose(), "s3cret");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_named_with_its_exit_code_and_one_line_of_what_it_said() {
        let error = error_of(shell(
            "echo hunter2; echo >&2; echo 'no way' >&2; echo more >&2; exit 7",
        ))
        .await;
        assert_eq!(error, "sh failed, exit status: 7: no way");
        assert_eq!(error_of(shell("exit 3")).await, "sh failed, exit status: 3");
        let absent = SecretCommand::new("/absent/program".to_owned(), vec!["hunter2".to_owned()]);
        assert!(!format!("{absent:?}").contains("hunter2"));
        let error = error_of(absent).await;
        assert!(
            error.starts_with("/absent/program cannot be run: No such file"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_command_that_prints_no_secret_is_refused() {
        assert_eq!(error_of(shell("echo")).await, "sh prints nothing");
        assert_eq!(
            error_of(shell("printf '\\377'")).await,
            "sh prints what is not UTF-8 text"
        );
        let endless = shell("cat /dev/zero");
        assert_eq!(error_of(endless).await, "sh prints more than 65536 bytes");
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_all_that_it_has_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let hanging = shell(&format!("sleep 600 & echo $! > {path}; wait"));
        let error = hanging
            .run_within(Duration::from_secs(1))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "sh was ended: it took longer than 1s");
        let started = std::fs::read_to_string(file.path()).unwrap();
        // one that has ended has no command line, even if nobody has asked for its end yet
        let command_line = format!("/proc/{}/cmdline", started.trim());
        let is_there = || !std::fs::read(&command_line).unwrap_or_default().is_empty();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while is_there() {
            assert!(std::time::Instant::now() < deadline, "{command_line}");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_who_ask_together_are_told_by_one_program_and_who_asks_later_by_another() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let counting = shell(&format!("sleep 0.3; echo x >> {path}; wc -l < {path}"));
        let together = tokio::join!(counting.run(), counting.run(), counting.run());
        let said = |outcome: Outcome| outcome.unwrap().expose().to_owned();
        assert_eq!(
            [together.0, together.1, together.2].map(said),
            ["1", "1", "1"]
        );
        assert_eq!(said(counting.run().await), "2");
    }
}
