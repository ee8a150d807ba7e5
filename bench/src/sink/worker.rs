//! A JVM that takes one task after another, so that it can be warm before it is measured.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::process::Process;
use crate::sink::Task;
use crate::wait;

/// The heap of Kafka's start script, and the collector that suits two cores: G1, which that script sets and which Java takes
/// by itself, costs the sinks a fifth here.
pub const JVM: [&str; 3] = ["-Xms256M", "-Xmx2G", "-XX:+UseParallelGC"];
const STARTING: Duration = Duration::from_secs(90);

pub trait Worker {
    /// Has it begin a task.
    ///
    /// # Errors
    /// If it refuses.
    fn put(&self, bench: &Bench, task: &Task<'_>) -> Result<()>;

    /// Has it end a task.
    ///
    /// # Errors
    /// If it refuses.
    fn delete(&self, name: &str) -> Result<()>;

    fn process(&mut self) -> &mut Process;

    fn into_process(self) -> Process;
}

/// What a worker is told.
pub struct Body<'a> {
    pub media_type: &'static str,
    pub text: &'a str,
}

/// Where a worker is told what to do.
pub struct Address {
    pub port: u16,
}

impl Address {
    /// One that is free.
    ///
    /// # Errors
    /// If there is none.
    pub fn new() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { port })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until somebody is there.
    ///
    /// # Errors
    /// If the process ends, or takes too long.
    pub fn await_answer(&self, what: &str, process: &mut Process) -> Result<()> {
        wait::until(&format!("{what} answers"), STARTING, || {
            process.is_well()?;
            Ok(self.request("GET", "/", None).ok())
        })
    }

    /// # Errors
    /// With what was answered, if it isn't a success.
    pub fn request(&self, method: &str, path: &str, body: Option<Body<'_>>) -> Result<()> {
        let mut command = Command::new("curl");
        command.args(["--noproxy", "*"]);
        command.args(["--silent", "--show-error", "--fail-with-body"]);
        command.args(["--max-time", "60", "--request", method]);
        if let Some(Body { media_type, text }) = body {
            command.args(["--header", &format!("Content-Type: {media_type}")]);
            command.args(["--data-binary", text]);
        }
        let answer = command.arg(format!("{}{path}", self.url())).output()?;
        let said = String::from_utf8_lossy(&answer.stdout);
        ensure!(
            answer.status.success(),
            "{method} {path} was refused: {said}"
        );
        Ok(())
    }
}
