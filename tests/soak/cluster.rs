//! Three brokers of the test's own (`dev/cluster`).

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::support::eventually;
use crate::support::repository::root;
use crate::support::stack::dev_with;

pub struct Cluster {
    directory: String,
    /// `kafka.brokers`
    pub brokers: String,
}

impl Cluster {
    pub fn start() -> Self {
        let directory = root().join(format!(".stack/cluster-{}", std::process::id()));
        let mut cluster = Self {
            directory: directory.display().to_string(),
            brokers: String::new(),
        };
        cluster.brokers = cluster.dev(&["up"]);
        cluster
    }

    fn dev(&self, arguments: &[&str]) -> String {
        let environment = [("LANDFALL_CLUSTER_DIR", self.directory.as_str())];
        let said = dev_with("cluster", arguments, "", &environment);
        said.trim().to_owned()
    }

    /// What `dev/cluster` does to one of its brokers: `kill`, `stop`, `start`, `cut`, `mend`.
    pub fn have(&self, deed: &str, broker: i32) {
        self.dev(&[deed, &broker.to_string()]);
    }

    /// The broker that is the active controller.
    pub async fn controller(&self) -> i32 {
        eventually("a controller is chosen", async || {
            self.dev(&["controller"]).parse().ok()
        })
        .await
    }

    /// The broker that leads the partition.
    pub async fn leader(&self, topic: &str, partition: i32) -> i32 {
        eventually("the partition has a leader", async || {
            let partitions = self.describe(topic)?;
            let found = partitions.iter().find(|p| p.number == partition)?;
            (found.leader > 0).then_some(found.leader)
        })
        .await
    }

    /// Waits until each partition of the topic is on all three brokers, and up to date there.
    pub async fn is_whole(&self, topic: &str) {
        eventually("all partitions are in sync on three brokers", async || {
            let partitions = self.describe(topic)?;
            let whole = |p: &Partition| p.leader > 0 && p.in_sync == 3;
            (!partitions.is_empty() && partitions.iter().all(whole)).then_some(())
        })
        .await;
    }

    fn describe(&self, topic: &str) -> Option<Vec<Partition>> {
        // a client of its own each time: what another one remembers of brokers that are gone would be in the way
        let asking: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("log_level", "0")
            .create()
            .expect("a client");
        let answer = asking.fetch_metadata(Some(topic), Duration::from_secs(3));
        let answer = answer.ok()?;
        let partitions = answer.topics().first()?.partitions().iter();
        let partition = |p: &rdkafka::metadata::MetadataPartition| Partition {
            number: p.id(),
            leader: p.leader(),
            in_sync: p.isr().len(),
        };
        Some(partitions.map(partition).collect())
    }
}

struct Partition {
    number: i32,
    leader: i32,
    in_sync: usize,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.dev(&["down", "--purge"]);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
