//! A PgBouncer of the test's own, which pools transactions before the stack's Postgres.

use std::path::PathBuf;

use super::repository::root;
use super::stack::{dev, stack};

pub struct Pooler {
    directory: PathBuf,
    server_port: String,
    port: String,
}

impl Pooler {
    pub fn start(name: &str) -> Self {
        let (_, server_port) = stack().postgres.rsplit_once(':').expect("with a port");
        let mut pooler = Self {
            directory: root().join(".stack").join(format!("pooler-{name}")),
            server_port: server_port.to_owned(),
            port: String::new(),
        };
        pooler.port = pooler.launch();
        pooler
    }

    fn path(&self) -> String {
        self.directory.display().to_string()
    }

    fn launch(&self) -> String {
        let port = dev("pgbouncer", &["start", &self.path(), &self.server_port]);
        port.trim().to_owned()
    }

    /// Ends all connections through it.
    pub fn stop(&self) {
        dev("pgbouncer", &["stop", &self.path()]);
    }

    /// On the same port.
    pub fn restart(&self) {
        self.launch();
    }

    /// The way to a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            dev("pgbouncer", &["remove", &self.path()]);
        }
    }
}
