//! One test's own topics, group, database and configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::avro::Registry;
use super::kafka::Kafka;
use super::stack::stack;
use super::worker::Worker;

pub struct World {
    /// Unique on this stack: names topics, group and database.
    pub name: String,
    pub topic: String,
    pub kafka: Kafka,
    /// The destination, as its owner.
    pub db: Client,
    pub database_url: String,
    directory: TempDir,
    /// What the configuration says beyond the defaults: section → lines.
    pub settings: BTreeMap<&'static str, Vec<String>>,
    /// The configuration as a whole, in place of what the settings make.
    pub whole: Option<String>,
    pub topics: Vec<String>,
}

impl World {
    /// A destination database with the audited table `public.t`, and a topic of that many partitions.
    pub async fn new(test: &str, partitions: i32) -> Self {
        Self::on(test, partitions, &stack().postgres).await
    }

    /// The same on a broker of the test's own, which the worker is told of by its environment.
    pub async fn at(test: &str, partitions: i32, broker: &str) -> Self {
        let kafka = Kafka::at(broker);
        Self::of(test, partitions, &stack().postgres, kafka).await
    }

    /// The same on a Postgres of the test's own.
    pub async fn on(test: &str, partitions: i32, postgres: &str) -> Self {
        Self::of(test, partitions, postgres, Kafka::new()).await
    }

    /// The same on this Postgres and these brokers.
    pub async fn of(test: &str, partitions: i32, postgres: &str, kafka: Kafka) -> Self {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos();
        // Postgres cuts names at 63 bytes
        let test: String = test.chars().take(30).collect();
        let name = format!("{test}_{:x}", nanos % 0xffff_ffff_ffff);
        let admin = connect(&format!("{postgres}/postgres")).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database of our own");
        let database_url = format!("{postgres}/{name}");
        let db = connect(&database_url).await;
        let topic = format!("{name}.public.t");
        kafka.create_topic(&topic, partitions).await;
        let mut world = Self {
            topics: vec![topic.clone()],
            name,
            topic,
            kafka,
            db,
            database_url,
            directory: tempfile::tempdir().expect("a directory"),
            settings: BTreeMap::new(),
            whole: None,
        };
        // short enough for the tests that wait for it, long enough for a busy machine
        world.set("kafka.properties", "\"session.timeout.ms\" = 6000");
        world.set("kafka.properties", "\"heartbeat.interval.ms\" = 1000");
        world.set("apply", "linger = \"20ms\"");
        world.set("apply", "lanes = 2");
        world.set("dead_letter.breaker", "open = \"300ms\"");
        super::audit::create_table(&world.db, "t").await;
        world
    }

    pub fn set(&mut self, section: &'static str, line: &str) {
        self.settings
            .entry(section)
            .or_default()
            .push(line.to_owned());
    }

    /// Records are in Avro, their schemas in the stack's registry.
    pub fn use_avro(&mut self) -> Registry {
        self.use_registry_for("avro")
    }

    /// Records are of this encoding, their schemas in the stack's registry.
    pub fn use_registry_for(&mut self, encoding: &str) -> Registry {
        let registry = Registry::at(&stack().registry);
        self.use_registry_at(&registry.url, encoding);
        registry
    }

    /// Records are in Avro.
    pub fn use_registry(&mut self, url: &str) {
        self.use_registry_at(url, "avro");
    }

    /// Records are of this encoding.
    pub fn use_registry_at(&mut self, url: &str, encoding: &str) {
        self.set("format", &format!("encoding = \"{encoding}\""));
        self.set("format.registry", &format!("url = \"{url}\""));
    }

    pub fn group(&self) -> &str {
        &self.name
    }

    pub fn dead_letter_topic(&self) -> String {
        format!("{}.dlq", self.name)
    }

    /// Writes the configuration as it is now.
    pub fn config_file(&self) -> PathBuf {
        self.config_file_for(&self.database_url)
    }

    pub fn config_file_for(&self, database_url: &str) -> PathBuf {
        let mut text = format!(
            "[kafka]\nbrokers = \"{}\"\ngroup = \"{}\"\ntopics = {:?}\n[postgres]\nurl = \"{database_url}\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
            stack().kafka,
            self.group(),
            self.topics,
        );
        for (section, lines) in &self.settings {
            let (header, lines) = (format!("[{section}]\n"), lines.join("\n") + "\n");
            // the sections above have what every configuration needs; more goes beneath it
            match text.find(&header) {
                Some(at) => text.insert_str(at + header.len(), &lines),
                None => text += &(header + &lines),
            }
        }
        let text = self.whole.clone().unwrap_or(text);
        let path = self.directory.path().join("landfall.toml");
        // renamed into place: a worker that was started a moment ago may be reading it
        let new = path.with_extension("new");
        std::fs::write(&new, text).expect("the configuration is written");
        std::fs::rename(&new, &path).expect("the configuration is replaced");
        path
    }

    pub fn run(&self) -> Worker {
        Worker::start(&["run"], &self.config_file(), &[])
    }

    /// A worker that stops at the seam, on reaching it the `nth` time.
    pub fn run_until(&self, seam: &str, nth: usize) -> Worker {
        let plan = format!(
            "{seam}={}return",
            if nth > 1 {
                format!("{}*off->", nth - 1)
            } else {
                String::new()
            }
        );
        Worker::start(&["run"], &self.config_file(), &[("FAILPOINTS", &plan)])
    }

    /// A worker that is frozen (SIGSTOP) at the seam.
    pub async fn run_until_frozen(&self, seam: &str, nth: usize) -> Worker {
        let plan = format!("{seam}={}*off->1*return->off", nth - 1);
        let environment = [
            ("FAILPOINTS", plan.as_str()),
            ("LANDFALL_FAILPOINT_FREEZES", "1"),
        ];
        let worker = Worker::start(&["run"], &self.config_file(), &environment)
            .await_seam(seam)
            .await;
        worker.is_frozen().await;
        worker
    }

    pub async fn reconnect(&mut self) {
        let url = self.database_url.clone();
        super::eventually("Postgres is back", async || {
            tokio_postgres::connect(&url, NoTls)
                .await
                .ok()
                .map(|(_, connection)| drop(connection))
        })
        .await;
        self.db = connect(&url).await;
    }

    /// Lands everything that is there, and returns the worker that did it.
    pub async fn catch_up(&self) -> Worker {
        let mut worker = Worker::start(&["run", "--until-caught-up"], &self.config_file(), &[]);
        let code = worker.wait().await;
        assert_eq!(
            code,
            Some(0),
            "run --until-caught-up failed:\n{}",
            worker.log()
        );
        worker
    }

    pub async fn migrate(&self) {
        let mut worker = Worker::start(&["migrate"], &self.config_file(), &[]);
        assert_eq!(
            worker.wait().await,
            Some(0),
            "migrate failed:\n{}",
            worker.log()
        );
    }

    /// Host and port of the destination.
    pub fn server(&self) -> String {
        let rest = self.database_url.split('@').nth(1).expect("a user");
        rest.split('/').next().expect("a server").to_owned()
    }

    /// A copy of the destination as it is now; returns its URL.
    pub async fn copy_database(&mut self, suffix: &str) -> String {
        let (postgres, copy) = (
            self.database_url.trim_end_matches(&self.name),
            format!("{}_{suffix}", self.name),
        );
        let admin = connect(&format!("{postgres}postgres")).await;
        // a template may have no connections
        self.db = connect(&format!("{postgres}postgres")).await;
        let sql = format!("CREATE DATABASE {copy} TEMPLATE {}", self.name);
        super::eventually("the database is copied", async || {
            admin.batch_execute(&sql).await.ok()
        })
        .await;
        let url = format!("{postgres}{copy}");
        self.db = connect(&self.database_url).await;
        url
    }

    /// From here on the destination is another database.
    pub async fn use_database(&mut self, url: &str) {
        self.database_url = url.to_owned();
        self.db = connect(url).await;
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.db
            .query_one(sql, &[])
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"))
            .get(0)
    }

    pub async fn until_count(&self, sql: &str, expected: i64) {
        let mut last = None;
        let since = std::time::Instant::now();
        while last != Some(expected) {
            assert!(
                since.elapsed() < super::PATIENCE,
                "waited in vain for {expected} from {sql}; last {last:?}"
            );
            if last.is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            last = Some(self.count(sql).await);
        }
    }
}

/// A database of 15 MB for each test would fill the disk of whoever keeps the stack; that of a test
/// that failed stays to be looked at.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (name, url) = (self.name.clone(), self.database_url.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let (server, _) = url.rsplit_once('/').expect("a database");
                // a Postgres of the test's own may be gone already
                if let Ok((admin, connection)) =
                    tokio_postgres::connect(&format!("{server}/postgres"), NoTls).await
                {
                    tokio::spawn(connection);
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = admin.batch_execute(&sql).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

/// A session that has locked something until it is dropped, or ends its transaction.
pub async fn locking_at(database_url: &str, lock: &str) -> Client {
    let rival = connect(database_url).await;
    rival
        .batch_execute(&format!(
            "SET application_name = 'forgotten'; BEGIN; {lock}"
        ))
        .await
        .unwrap();
    rival
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .unwrap_or_else(|e| panic!("{url}: {e:?}"));
    tokio::spawn(connection);
    client
}
