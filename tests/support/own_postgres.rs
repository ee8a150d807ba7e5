//! A Postgres of the test's own, which it may stop, fill, or set up as it likes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::repository::root;
use super::stack::{dev, dev_with};

pub struct OwnPostgres {
    directory: PathBuf,
    settings: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl OwnPostgres {
    /// `settings` are `NAME=VALUE`, and hold through restarts.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(settings, Vec::new())
    }

    /// Of this version, whatever the machine has: fetched the first time.
    #[allow(dead_code)] // in make soak
    pub fn of_version(version: &str) -> Self {
        let binaries = format!("embedded-{version}");
        Self::start_in(&[], vec![("LANDFALL_STACK_POSTGRES_BIN", binaries)])
    }

    /// With one more locale, in UTF-8, whatever locales the machine has. `None` where its source isn't
    /// there to compile: it is in Debian's package `locales`.
    pub fn with_locale(name: &str) -> Option<Self> {
        // where the server's user can read it
        let directory = PathBuf::from(format!("/var/tmp/landfall-locales-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for the locale");
        let compiled = Command::new("localedef")
            .args(["-i", name, "-f", "UTF-8"])
            .arg(directory.join(format!("{name}.UTF-8")))
            .output();
        let compiled = compiled.is_ok_and(|output| output.status.success());
        let environment = vec![("LOCPATH", directory.display().to_string())];
        compiled.then(|| Self::start_in(&[], environment))
    }

    fn start_in(settings: &[&str], environment: Vec<(&'static str, String)>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-{}-{number}", std::process::id());
        let own = Self {
            directory: root().join(".stack").join(name),
            settings: settings
                .iter()
                .flat_map(|s| ["-c".to_owned(), s.to_string()])
                .collect(),
            environment,
        };
        own.restart();
        own
    }

    /// Without a database; it stays the same.
    pub fn url(&self) -> String {
        let port = dev("postgres", &["port", &self.path()]);
        format!("postgres://postgres@127.0.0.1:{}", port.trim())
    }

    pub fn restart(&self) {
        let path = self.path();
        let mut arguments = vec!["start", &path];
        arguments.extend(self.settings.iter().map(String::as_str));
        let environment = self.environment.iter();
        let environment: Vec<(&str, &str)> = environment
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        dev_with("postgres", &arguments, "", &environment);
    }

    pub fn stop(&self) {
        dev("postgres", &["stop", &self.path(), "immediate"]);
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).expect("it has a log")
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What `dev/postgres` knows it by.
    pub fn path(&self) -> String {
        self.directory.display().to_string()
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
            dev("postgres", &["remove", &self.path()]);
        }
    }
}
