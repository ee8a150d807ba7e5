//! Databases of the source's and the destination's cluster.

use anyhow::{Context as _, Result};
use postgres::{Client, NoTls};

use crate::stack::Stack;

#[derive(Clone, Debug)]
pub struct Database {
    pub port: String,
    pub name: String,
}

impl Database {
    pub fn source(stack: &Stack, name: &str) -> Result<Self> {
        Ok(Self {
            port: stack.source_port()?.to_owned(),
            name: name.to_owned(),
        })
    }

    pub fn destination(stack: &Stack, name: &str) -> Result<Self> {
        Ok(Self {
            port: stack.destination_port()?,
            name: name.to_owned(),
        })
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.name)
    }

    pub fn connect(&self) -> Result<Client> {
        Client::connect(&self.url(), NoTls).with_context(|| format!("connecting to {}", self.url()))
    }

    /// Makes it anew, empty, and writes out what the cluster still has to write.
    pub fn recreate(&self) -> Result<Client> {
        let mut cluster = self.cluster()?;
        for sql in [
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
            format!("CREATE DATABASE {}", self.name),
            "CHECKPOINT".to_owned(),
        ] {
            cluster.batch_execute(&sql).with_context(|| sql.clone())?;
        }
        self.connect()
    }

    /// Drops it, and writes out what the cluster still has to write.
    pub fn drop_now(&self) -> Result<()> {
        let mut cluster = self.cluster()?;
        cluster.batch_execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ))?;
        Ok(cluster.batch_execute("CHECKPOINT")?)
    }

    /// The cluster's own database.
    pub fn cluster(&self) -> Result<Client> {
        let own = Self {
            port: self.port.clone(),
            name: "postgres".to_owned(),
        };
        own.connect()
    }
}
