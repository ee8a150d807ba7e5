//! Workers on a broker of the test's own.

use super::events::update;
use super::worker::Worker;
use super::{Event, World};

pub fn environment(broker: &str) -> [(&'static str, &str); 1] {
    [("LANDFALL_KAFKA__BROKERS", broker)]
}

pub fn run(world: &World, broker: &str) -> Worker {
    Worker::start(&["run"], &world.config_file(), &environment(broker))
}

/// Lands what is there. Returns the log.
pub async fn catch_up(world: &World, broker: &str) -> String {
    let arguments = ["run", "--until-caught-up"];
    let mut worker = Worker::start(&arguments, &world.config_file(), &environment(broker));
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    worker.log()
}

/// Updates of row after row, each with a version of its own.
pub fn updates(from: i64, to: i64) -> Vec<Event> {
    (from..to).map(|at| update(at, at % 50, at)).collect()
}
