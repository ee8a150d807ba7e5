//! A source MariaDB of the test's own, and the real connector that sends its tables to Kafka.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::repository::root;
use super::stack::{dev, dev_with_input, stack};
use super::{World, eventually};

pub struct MariaDb {
    directory: PathBuf,
    connector: String,
}

impl MariaDb {
    /// Its database is called `public`, as databases are to MariaDB what schemas are to Postgres.
    pub fn start(world: &World, sql: &str) -> Self {
        let mariadb = Self {
            directory: root()
                .join(".stack")
                .join(format!("mariadb-{}", world.name)),
            connector: world.name.clone(),
        };
        dev("mariadb", &["start", &mariadb.path()]);
        mariadb.run(sql);
        mariadb
    }

    fn path(&self) -> String {
        self.directory.display().to_string()
    }

    /// Runs statements on the database `public`, and returns the rows of what they select.
    pub fn run(&self, sql: &str) -> Vec<String> {
        let sql = format!("CREATE DATABASE IF NOT EXISTS public; USE public; {sql};");
        let rows = dev_with_input("mariadb", &["sql", &self.path()], &sql);
        rows.lines().map(str::to_owned).collect()
    }

    /// Sets the connector, with these properties besides.
    pub fn connect(&self, more: Value) {
        self.put_connector(&self.connector, more);
        dev("connector", &["wait", &self.connector]);
    }

    /// One more connector, whose topics begin with this name.
    pub fn connect_as(&self, name: &str, more: Value) {
        self.put_connector(name, more);
        dev("connector", &["wait", name]);
    }

    /// Ends that one.
    pub fn disconnect(&self, name: &str) {
        dev("connector", &["delete", name]);
    }

    /// The same of one that runs. Nothing is sent with the old properties once this is done.
    pub fn connect_anew(&self, more: Value) {
        dev("connector", &["stop", &self.connector]);
        self.put_connector(&self.connector, more);
        self.resume();
    }

    fn resume(&self) {
        dev("connector", &["resume", &self.connector]);
        dev("connector", &["wait", &self.connector]);
    }

    fn put_connector(&self, connector: &str, more: Value) {
        let port = std::fs::read_to_string(self.directory.join("port")).expect("it has a port");
        let mut config = json!({
            "connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "tasks.max": "1",
            "database.hostname": "127.0.0.1", "database.port": port.trim(), "database.user": "debezium",
            "database.password": "debezium", "database.server.id": "5000", "database.ssl.mode": "disable",
            "topic.prefix": connector, "database.include.list": "public",
            "bigint.unsigned.handling.mode": "precise",
            "schema.history.internal.kafka.bootstrap.servers": stack().kafka,
            "schema.history.internal.kafka.topic": format!("{connector}.history"),
            "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "1",
        });
        for (name, value) in more.as_object().expect("properties") {
            config[name.as_str()] = value.clone();
        }
        dev_with_input("connector", &["put", connector, "-"], &config.to_string());
    }

    /// How far the connector has read, once that is this far at least and no snapshot any more.
    pub async fn offsets(&self, position: u64) -> String {
        eventually("the connector has noted how far it is", async || {
            let offsets = dev("connector", &["offsets", &self.connector]);
            let parsed: Value = serde_json::from_str(&offsets).expect("JSON");
            let offset = &parsed["offsets"][0]["offset"];
            let is_there = offset["pos"].as_u64().is_some_and(|pos| pos >= position);
            (is_there && offset["snapshot"].is_null()).then_some(offsets)
        })
        .await
    }

    /// Where its log ends.
    pub fn log_end(&self) -> u64 {
        let status = self.run("SHOW MASTER STATUS");
        let mut words = status.last().expect("a line").split('\t');
        words.nth(1).expect("a position").parse().expect("a number")
    }

    /// Has the connector read from there again.
    pub fn set_back(&self, offsets: &str) {
        dev("connector", &["stop", &self.connector]);
        dev_with_input("connector", &["set-offsets", &self.connector, "-"], offsets);
        self.resume();
    }

    pub fn remove(self) {
        dev("connector", &["delete", &self.connector]);
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = std::process::Command::new(root().join("dev/mariadb"))
            .args(["remove", &self.path()])
            .output();
    }
}
