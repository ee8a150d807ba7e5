//! The real stack, as `dev/stack` starts it, and the destination: a Postgres cluster of its own. In one
//! with replication slots every record of WAL would be decoded, at a higher price than the sink's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The destination's settings, besides Postgres' defaults: a checkpoint in the middle of one sink's run
/// and not in another's would be luck. Commit timestamps are what latency is read from.
const DESTINATION: [&str; 5] = [
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "track_commit_timestamp=on",
    "max_connections=50",
];

pub struct Stack {
    /// Nobody else uses it; else its Connect is left alone.
    own: bool,
    /// It ran already, and is kept.
    was_there: bool,
    root: PathBuf,
    folder: PathBuf,
    destination: PathBuf,
    values: HashMap<String, String>,
}

impl Stack {
    /// Brings it up: the one in the folder `shared`, or one in `state`, as the destination is.
    ///
    /// # Errors
    /// What the scripts say.
    pub fn up(shared: Option<&Path>, state: &Path) -> Result<Self> {
        std::fs::create_dir_all(state)?;
        let absolute = |path: &Path| std::path::absolute(path).context("a path");
        let own = state.join("stack");
        let mut stack = Self {
            own: shared.is_none(),
            was_there: false,
            root: absolute(Path::new("."))?,
            folder: absolute(shared.unwrap_or(&own))?,
            destination: absolute(state)?.join("destination"),
            values: HashMap::new(),
        };
        stack.was_there = stack.runs();
        stack.dev("stack", &["up"], "")?;
        stack.read_values()?;
        stack.start_destination()?;
        Ok(stack)
    }

    fn runs(&self) -> bool {
        let port = std::fs::read_to_string(self.folder.join("kafka/port")).unwrap_or_default();
        std::net::TcpStream::connect(format!("127.0.0.1:{}", port.trim())).is_ok()
    }

    fn read_values(&mut self) -> Result<()> {
        let file = self.folder.join("env");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("reading {}", file.display()))?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        self.values = lines.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(())
    }

    /// Runs a script of `dev/`, and returns what it printed.
    ///
    /// # Errors
    /// With what it said, if it fails.
    pub fn dev(&self, script: &str, arguments: &[&str], input: &str) -> Result<String> {
        use std::io::Write as _;
        let mut child = Command::new(self.root.join("dev").join(script))
            .args(arguments)
            .env("LANDFALL_STACK_DIR", &self.folder)
            .env("LANDFALL_STACK_DEBEZIUM", "postgres jdbc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("dev/{script} (bench is run at the root of the repository)")
            })?;
        if let Some(mut pipe) = child.stdin.take() {
            // a script that doesn't read it may have ended
            let _ = pipe.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("dev/{script} {arguments:?} failed: {}", said.trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn start_destination(&self) -> Result<()> {
        let folder = self.destination.to_string_lossy().into_owned();
        let mut arguments = vec!["start", &folder];
        for setting in DESTINATION {
            arguments.extend(["-c", setting]);
        }
        self.dev("postgres", &arguments, "").map(drop)
    }

    pub fn stop_destination(&self) -> Result<()> {
        let folder = self.destination.to_string_lossy();
        self.dev("postgres", &["stop", &folder], "").map(drop)
    }

    /// Ends Kafka Connect, whose idling would be measured along.
    pub fn stop_connect(&self) -> Result<()> {
        if !self.own {
            return Ok(());
        }
        self.dev("stack", &["down", "connect"], "").map(drop)
    }

    pub fn start_connect(&self) -> Result<()> {
        self.dev("stack", &["up", "connect"], "").map(drop)
    }

    /// Ends what was started for this run.
    pub fn leave(&self) -> Result<()> {
        if self.own && self.was_there {
            return Ok(());
        }
        self.down()
    }

    /// Ends it, unless others use it, and the destination.
    pub fn down(&self) -> Result<()> {
        self.stop_destination()?;
        if !self.own {
            return Ok(());
        }
        self.dev("stack", &["down"], "").map(drop)
    }

    /// A line of the stack's `env` file.
    ///
    /// # Errors
    /// If it isn't there.
    pub fn value(&self, name: &str) -> Result<&str> {
        let value = self.values.get(&format!("LANDFALL_STACK_{name}"));
        value.map(String::as_str).with_context(|| {
            format!(
                "LANDFALL_STACK_{name} is not in {}/env",
                self.folder.display()
            )
        })
    }

    /// The broker's process.
    ///
    /// # Errors
    /// If it wasn't started here.
    pub fn kafka_pid(&self) -> Result<u32> {
        let file = self.folder.join("kafka/pid");
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let pid = text.split_whitespace().next().unwrap_or_default();
        pid.parse().with_context(|| file.display().to_string())
    }

    pub fn source_port(&self) -> Result<&str> {
        self.value("PGPORT")
    }

    pub fn destination_port(&self) -> Result<String> {
        let file = self.destination.join("port");
        let port = std::fs::read_to_string(&file)
            .with_context(|| format!("reading {}", file.display()))?;
        Ok(port.trim().to_owned())
    }
}
