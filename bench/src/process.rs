//! A process under measurement: what it costs, as the kernel counts it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Ticks a second in /proc, the same on every Linux.
const USER_HZ: f64 = 100.0;

pub struct Process {
    child: Child,
    log: PathBuf,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Of all threads, in user and kernel mode.
    pub cpu_seconds: f64,
    /// The most that was resident at any time.
    pub peak_rss: u64,
}

impl Process {
    /// Starts it with both outputs in the file `log`.
    ///
    /// # Errors
    /// If there is no such program.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| log.display().to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path}; {}", self.end_of_log()))
    }

    /// So far.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn usage(&self) -> Result<Usage> {
        let ticks = ticks_of(self.child.id()).with_context(|| self.end_of_log())?;
        let status = self.proc("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: u64 = peak
            .and_then(|p| p.split_whitespace().next())
            .unwrap_or_default()
            .parse()
            .context("VmHWM")?;
        Ok(Usage {
            cpu_seconds: ticks.own,
            peak_rss: kilobytes * 1024,
        })
    }

    /// That it still runs and hasn't given up.
    ///
    /// # Errors
    /// With the end of its log, if not.
    pub fn is_well(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it ended by itself ({status}); {}", self.end_of_log());
        }
        // a task of Connect may end while its worker lives on
        if self.log_text().contains("Task is being killed") {
            bail!("a task was killed, see {}", self.log.display());
        }
        Ok(())
    }

    /// All that it has said.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn end_of_log(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(8)..];
        format!("the end of {}:\n{}", self.log.display(), last.join("\n"))
    }

    /// At once: what it should do is done, and its group is never used again. Connect takes ten seconds
    /// to end by itself.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU seconds of any process, in user and kernel mode.
pub struct Ticks {
    pub parent: u32,
    /// Of all its threads.
    pub own: f64,
    /// Of its children that have ended.
    pub of_children: f64,
}

/// Reads `/proc/PID/stat`.
///
/// # Errors
/// If there is no such process.
pub fn ticks_of(pid: u32) -> Result<Ticks> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // the name, in parentheses, may itself contain spaces and parentheses
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |i: usize| -> Result<u64> {
        let field = fields.get(i).and_then(|f| f.parse().ok());
        field.with_context(|| path.clone())
    };
    let seconds = |i: usize| -> Result<f64> { Ok((number(i)? + number(i + 1)?) as f64 / USER_HZ) };
    Ok(Ticks {
        parent: u32::try_from(number(1)?)?,
        own: seconds(11)?,
        of_children: seconds(13)?,
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
