//! A schema registry of the test's own, which it may stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::avro::Registry;
use super::repository::root;
use super::stack::dev_with;

pub struct OwnRegistry {
    directory: PathBuf,
}

impl OwnRegistry {
    pub fn start() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-registry-{}-{number}", std::process::id());
        let own = Self {
            directory: root().join(".stack").join(name),
        };
        own.restart();
        own
    }

    pub fn restart(&self) {
        self.stack(&["up", "registry"]);
    }

    /// It keeps its port and its schemas.
    pub fn stop(&self) {
        self.stack(&["down", "registry"]);
    }

    /// `127.0.0.1:PORT`
    pub fn server(&self) -> String {
        let port = std::fs::read_to_string(self.directory.join("registry/port"));
        format!("127.0.0.1:{}", port.expect("it has a port").trim())
    }

    pub fn api(&self) -> Registry {
        Registry::at(&format!("http://{}", self.server()))
    }

    fn stack(&self, arguments: &[&str]) {
        let directory = self.directory.display().to_string();
        let environment = [("LANDFALL_STACK_DIR", directory.as_str())];
        dev_with("stack", arguments, "", &environment);
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}
