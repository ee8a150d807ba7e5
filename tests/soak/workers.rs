//! Workers that come and go, at addresses that stay.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::support::World;
use crate::support::worker::Worker;

pub struct Workers {
    config: PathBuf,
    brokers: String,
    running: Vec<Option<Worker>>,
    /// Of each place: where its `/readyz` is.
    pub addresses: Vec<String>,
    /// Of those that are gone.
    logs: Vec<String>,
}

impl Workers {
    /// So many, all of them running.
    pub fn start(world: &World, brokers: &str, many: usize) -> Self {
        let free = |_| TcpListener::bind("127.0.0.1:0").expect("a port");
        // all at once, so that no two are the same
        let ports: Vec<TcpListener> = (0..many).map(free).collect();
        let address = |port: &TcpListener| port.local_addr().expect("bound").to_string();
        let mut workers = Self {
            config: world.config_file(),
            brokers: brokers.to_owned(),
            running: (0..many).map(|_| None).collect(),
            addresses: ports.iter().map(address).collect(),
            logs: Vec::new(),
        };
        drop(ports);
        (0..many).for_each(|place| workers.start_at(place));
        workers
    }

    pub fn start_at(&mut self, place: usize) {
        let environment = [
            ("LANDFALL_KAFKA__BROKERS", self.brokers.as_str()),
            ("LANDFALL_HTTP__LISTEN", self.addresses[place].as_str()),
        ];
        let worker = Worker::start(&["run"], &self.config, &environment);
        self.running[place] = Some(worker);
    }

    pub fn at(&self, place: usize) -> &Worker {
        self.running[place].as_ref().expect("it runs")
    }

    /// SIGKILL.
    pub async fn kill(&mut self, place: usize) {
        if let Some(worker) = self.running[place].take() {
            self.logs.push(worker.log());
            worker.kill().await;
        }
    }

    /// SIGTERM to all; each has to end well.
    pub async fn stop_all(&mut self) {
        for place in 0..self.running.len() {
            if let Some(worker) = self.running[place].take() {
                let (code, log) = worker.stop().await;
                assert_eq!(code, Some(0), "{log}");
                self.logs.push(log);
            }
        }
    }

    /// All that was said, by whomever.
    pub fn logs(&self) -> String {
        let running = self.running.iter().flatten().map(Worker::log);
        let all = self.logs.iter().cloned().chain(running);
        all.collect::<Vec<_>>().join("\n")
    }

    /// When something was said that people are to hear.
    pub fn warned_at(&self) -> Vec<SystemTime> {
        let logs = self.logs();
        let warnings = logs.lines().filter(|line| is_warning(line));
        let time = |line: &str| humantime::parse_rfc3339(line.split_whitespace().next()?).ok();
        warnings.filter_map(time).collect()
    }
}

/// Whether the line is of those that people are to hear.
pub fn is_warning(line: &str) -> bool {
    let mut words = line.split_whitespace();
    matches!(words.nth(1), Some("WARN" | "ERROR"))
}
