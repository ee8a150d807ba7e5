//! Who tells: the job, its run, and what is the same in all names of what it reads and writes.

use uuid::Uuid;

use crate::config::Config;

/// How the job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Until it is told to end.
    Streaming,
    /// Until it has what is there at its start.
    Batch,
}

/// One run of the job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub namespace: String,
    pub name: String,
    pub kind: JobKind,
    /// A UUID of version 7, as OpenLineage asks: runs are in the order of their starts.
    pub run: Uuid,
    /// Of topics.
    pub kafka: String,
    /// Of tables.
    pub postgres: String,
    pub database: String,
}

impl Job {
    /// `namespace`: what something else than the configuration says. Of several brokers or servers, the first names them all.
    pub fn new(config: &Config, namespace: Option<String>, kind: JobKind) -> Self {
        let lineage = &config.lineage;
        let broker = config.kafka.brokers.split(',').next().unwrap_or_default();
        let (host, port) = config.postgres.first_server();
        Self {
            namespace: namespace.unwrap_or_else(|| lineage.namespace.clone()),
            name: (lineage.job.clone()).unwrap_or_else(|| config.kafka.group.clone()),
            kind,
            run: Uuid::now_v7(),
            kafka: format!("kafka://{}", with_port(broker.trim())),
            postgres: format!("postgres://{host}:{port}"),
            database: config.postgres.database().to_owned(),
        }
    }
}

/// A broker with the port that librdkafka takes if none is said, and without the protocol that may stand before it.
fn with_port(broker: &str) -> String {
    let address = broker.rsplit("://").next().unwrap_or(broker);
    let has_port = (address.rsplit(':').next()).is_some_and(|port| port.parse::<u16>().is_ok());
    match has_port && address.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:9092"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_by_host_and_port() {
        assert_eq!(with_port("kafka:9093"), "kafka:9093");
        assert_eq!(with_port("kafka"), "kafka:9092");
        assert_eq!(with_port("SASL_SSL://kafka:9093"), "kafka:9093");
    }
}
