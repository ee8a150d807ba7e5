//! Tells, once at the start, of routes that lead no topic anywhere: what they were meant for goes to other tables meanwhile.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::list_partitions;

/// When a Kafka that can't be asked is asked again.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// Warns of each route that decides for none of the topics that are there.
pub(super) async fn warn_of_idle_routes(topics: Topics, config: Config) {
    if config.routes.is_empty() {
        return;
    }
    let config = Arc::new(config);
    let partitions = loop {
        match list_partitions(&topics, &config).await {
            Ok(partitions) => break partitions,
            Err(_) => tokio::time::sleep(ASK_INTERVAL).await, // lanes tell that Kafka is away
        }
    };
    let mut names: Vec<&str> = partitions.iter().map(|source| &*source.topic).collect();
    names.dedup();
    if names.is_empty() {
        return; // nor is there anything that goes elsewhere
    }
    for idle in config.find_idle_routes(names.iter().copied()) {
        let (route, pattern) = (idle.index + 1, idle.pattern);
        match idle.overtaken_by {
            None => tracing::warn!(
                route,
                pattern,
                "a route matches no topic that is read: if its pattern has a slip, what it is meant for goes to other tables"
            ),
            Some(earlier) => tracing::warn!(
                route,
                pattern,
                earlier = earlier + 1,
                "a route comes too late: the topics that it matches are an earlier route's, as the first decides"
            ),
        }
    }
}
