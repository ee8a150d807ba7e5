//! A broker of the test's own, which it may stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::repository::root;
use super::stack::dev_with;

pub struct OwnKafka {
    directory: PathBuf,
}

impl OwnKafka {
    pub fn start() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-kafka-{}-{number}", std::process::id());
        let own = Self {
            directory: root().join(".stack").join(name),
        };
        own.restart();
        own
    }

    /// It keeps its port and its topics.
    pub fn restart(&self) {
        self.stack(&["up", "kafka"]);
    }

    pub fn stop(&self) {
        self.stack(&["down", "kafka"]);
    }

    /// `127.0.0.1:PORT`
    pub fn broker(&self) -> String {
        let port = std::fs::read_to_string(self.directory.join("kafka/port"));
        format!("127.0.0.1:{}", port.expect("it has a port").trim())
    }

    fn stack(&self, arguments: &[&str]) {
        let directory = self.directory.display().to_string();
        let environment = [("LANDFALL_STACK_DIR", directory.as_str())];
        dev_with("stack", arguments, "", &environment);
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}
