//! A source Postgres whose tables a real Debezium sends to Kafka, in JSON or in Avro.

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::stack::{dev, dev_with_input, stack};
use super::{World, eventually, world};

/// How the connector writes keys and values.
#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    JsonWithSchemas,
    Json,
    /// In Confluent's wire format, with the stack's registry.
    Avro,
}

impl Format {
    /// The properties of a connector that writes so.
    pub fn converters(self) -> Value {
        let mut config = json!({});
        for part in ["key.converter", "value.converter"] {
            let mut set = |name: &str, value: &str| config[format!("{part}{name}")] = value.into();
            if self != Format::Avro {
                set("", "org.apache.kafka.connect.json.JsonConverter");
                let schemas = self == Format::JsonWithSchemas;
                set(".schemas.enable", &schemas.to_string());
                continue;
            }
            set("", "io.apicurio.registry.utils.converter.AvroConverter");
            let registry = format!("{}/apis/registry/v2", stack().registry);
            for (name, value) in [
                ("url", registry.as_str()),
                ("auto-register", "true"),
                ("find-latest", "true"),
                ("as-confluent", "true"),
                ("use-id", "contentId"),
                ("headers.enabled", "false"),
            ] {
                set(&format!(".apicurio.registry.{name}"), value);
            }
        }
        if self == Format::Json {
            // nothing in the events tells the unit, so it is one for all columns
            config["time.precision.mode"] = "microseconds".into();
        }
        if self == Format::Avro {
            config["schema.name.adjustment.mode"] = "avro".into();
        }
        config
    }
}

pub struct Source {
    pub db: Client,
    connector: String,
    database: String,
    tables: Vec<&'static str>,
}

impl Source {
    /// `tables` are to be equal on both sides; `sql` makes them at the source, with what is in them first.
    pub async fn new(world: &World, format: Format, tables: &[&'static str], sql: &[&str]) -> Self {
        Self::with(world, format, tables, sql, &[]).await
    }

    /// The same with more of the connector's settings.
    pub async fn with(
        world: &World,
        format: Format,
        tables: &[&'static str],
        sql: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let database = format!("{}_source", world.name);
        let admin = world::connect(&format!("{}/postgres", stack().postgres)).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {database}"))
            .await
            .unwrap();
        let db = world::connect(&format!("{}/{database}", stack().postgres)).await;
        for sql in sql {
            db.batch_execute(sql).await.unwrap();
        }
        let (host, port) = stack()
            .postgres
            .rsplit('@')
            .next()
            .and_then(|s| s.split_once(':'))
            .unwrap();
        let mut config = json!({
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "plugin.name": "pgoutput",
            "database.hostname": host, "database.port": port, "database.user": "postgres", "database.password": "none",
            "database.dbname": database, "topic.prefix": world.name, "slot.name": world.name, "publication.name": world.name,
            "publication.autocreate.mode": "filtered", "schema.include.list": "public",
            "topic.creation.default.partitions": "4", "topic.creation.default.replication.factor": "1",
        });
        let converters = format.converters();
        for (name, value) in converters.as_object().unwrap() {
            config[name.as_str()] = value.clone();
        }
        for (name, value) in settings {
            config[*name] = (*value).into();
        }
        dev_with_input("connector", &["put", &world.name, "-"], &config.to_string());
        dev("connector", &["wait", &world.name]);
        Self {
            db,
            connector: world.name.clone(),
            database,
            tables: tables.to_vec(),
        }
    }

    /// Rows of both sides as text, in key order.
    pub async fn rows(db: &Client, table: &str) -> Vec<String> {
        db.batch_execute("SET TimeZone = 'UTC'; SET extra_float_digits = 1")
            .await
            .unwrap();
        let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
        db.query(&sql, &[])
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    pub async fn equals(&self, world: &World) -> bool {
        for table in &self.tables {
            if Self::rows(&self.db, table).await != Self::rows(&world.db, table).await {
                return false;
            }
        }
        true
    }

    /// Waits until both sides are equal, and says how they differ if they never are.
    pub async fn until_equal(&self, world: &World, log: impl Fn() -> String) {
        let since = std::time::Instant::now();
        while !self.equals(world).await {
            if since.elapsed() > super::PATIENCE {
                for table in &self.tables {
                    let (source, destination) = (
                        Self::rows(&self.db, table).await,
                        Self::rows(&world.db, table).await,
                    );
                    let differing = source
                        .iter()
                        .filter(|row| !destination.contains(row))
                        .take(3)
                        .collect::<Vec<_>>();
                    eprintln!(
                        "{table}: {} rows at the source, {} landed, missing e.g. {differing:#?}",
                        source.len(),
                        destination.len()
                    );
                }
                panic!("source and destination differ\n{}", log());
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    pub async fn remove(self) {
        dev("connector", &["delete", &self.connector]);
        let admin = world::connect(&format!("{}/postgres", stack().postgres)).await;
        eventually("the replication slot is dropped", async || {
            let sql = format!("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{}'", self.connector);
            admin.batch_execute(&sql).await.ok()
        })
        .await;
        drop(self.db);
        let _ = admin
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.database))
            .await;
    }
}
