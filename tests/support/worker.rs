//! A real `landfall` process: its log, its metrics, and what signals do to it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PATIENCE;

pub struct Worker {
    child: Child,
    readers: Vec<std::thread::JoinHandle<()>>,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Worker {
    pub fn start(arguments: &[&str], config: &Path, environment: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_landfall"));
        Self::start_program(program, arguments, config, environment)
    }

    /// The same of another build.
    pub fn start_program(
        program: &Path,
        arguments: &[&str],
        config: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--config")
            .arg(config)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("landfall starts");
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        let readers = outputs.map(|output| {
            let log = log.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    log.0.lock().expect("no panic").push(line);
                    log.1.notify_all();
                }
            })
        });
        Self {
            child,
            readers: readers.into(),
            log,
        }
    }

    pub fn log(&self) -> String {
        self.log.0.lock().expect("no panic").join("\n")
    }

    /// Waits for a line that holds all of these words, and returns it.
    pub async fn says(&self, words: &[&str]) -> String {
        let (log, words) = (
            self.log.clone(),
            words.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
        let found = tokio::task::spawn_blocking(move || {
            let since = Instant::now();
            let mut lines = log.0.lock().expect("no panic");
            loop {
                if let Some(line) = lines
                    .iter()
                    .find(|line| words.iter().all(|word| line.contains(word)))
                {
                    return Ok(line.clone());
                }
                let Some(left) = PATIENCE.checked_sub(since.elapsed()) else {
                    return Err(format!(
                        "waited in vain for {words:?} in:\n{}",
                        lines.join("\n")
                    ));
                };
                lines = log.1.wait_timeout(lines, left).expect("no panic").0;
            }
        });
        found
            .await
            .expect("no panic")
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Waits until the seam's failpoint is reached.
    pub async fn await_seam(self, seam: &str) -> Self {
        self.says(&["failpoint reached", seam]).await;
        self
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process_id() as i32), signal).expect("the process is there");
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Waits until the process has stopped itself.
    pub async fn is_frozen(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        super::eventually("the process is stopped", async || {
            let stat = std::fs::read_to_string(&stat).expect("the process is there");
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('T'))
                .then_some(())
        })
        .await;
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGTERM; returns the exit code and the log.
    pub async fn stop(mut self) -> (Option<i32>, String) {
        self.signal(Signal::SIGTERM);
        let code = self.wait().await;
        (code, self.log())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Waits until it ends by itself; `None` if a signal ended it.
    pub async fn wait(&mut self) -> Option<i32> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                // so that its last words are in the log
                self.readers
                    .drain(..)
                    .for_each(|reader| reader.join().expect("no panic"));
                return status.code();
            }
            assert!(
                since.elapsed() < PATIENCE,
                "landfall doesn't end:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it serves, as host and port.
    pub async fn address(&self) -> String {
        let line = self.says(&["serving /metrics"]).await;
        let address = line.split("address=").nth(1);
        let address = address.and_then(|rest| rest.split_whitespace().next());
        let address = address.expect("the log names the address");
        address.trim_matches('"').to_owned()
    }

    /// What an HTTP path answers: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address().await);
        tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .new_agent();
            let mut answer = agent.get(&url).call().expect("the server answers");
            (
                answer.status().as_u16(),
                answer.body_mut().read_to_string().expect("text"),
            )
        })
        .await
        .expect("no panic")
    }

    /// The sum of a metric's samples whose labels hold all of these words (`outcome="applied"`).
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let samples = text.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
                && labels.iter().all(|label| line.contains(label))
        });
        samples
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the worker's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
