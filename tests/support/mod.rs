//! What the tests stand on: the real stack, shared by all of them, and a world of its own for each
//! (topics, group, database), so that they run side by side.

pub mod audit;
pub mod avro;
pub mod collector;
pub mod crowd;
pub mod debezium;
pub mod events;
pub mod guarded;
#[allow(dead_code)] // the soak tests have one
pub mod jaeger;
pub mod kafka;
pub mod letters;
pub mod locked_kafka;
pub mod locked_postgres;
pub mod lone_broker;
pub mod mariadb;
pub mod mounted;
pub mod own_kafka;
pub mod own_postgres;
pub mod own_registry;
pub mod pooler;
pub mod prometheus;
pub mod protobuf;
pub mod proxy;
pub mod repository;
pub mod rolling;
pub mod serve;
pub mod source;
pub mod spans;
pub mod stack;
pub mod trickle;
pub mod worker;
pub mod world;

pub use events::Event;
pub use stack::stack;
pub use world::World;

use std::time::{Duration, Instant};

/// The longest that anything is waited for; tests wait for states, this only ends a hopeless wait.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `check` gives an answer.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = check().await {
            return answer;
        }
        assert!(
            since.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain until {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
