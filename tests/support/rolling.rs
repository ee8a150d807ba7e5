//! Three workers of one group, replaced one after the other while events come: by themselves, by another build, and back.

use std::path::Path;

use super::trickle::{FIRST_ROW, Trickle};
use super::worker::Worker;
use super::{World, audit, events};

const PARTITIONS: i32 = 6;

/// Rows that are changed once for each replacement.
const ROWS: usize = 500;

pub struct Rolling<'p> {
    /// Each comes back under its own name (`group.instance.id`).
    pub static_members: bool,
    /// What they begin with.
    pub first: &'p Path,
    /// Which of them is replaced, and by what.
    pub replacements: &'p [(usize, &'p Path)],
}

impl Rolling<'_> {
    /// Replaces them, and looks that nothing is lost, doubled or gone back. Prints how long partitions stood still. Returns
    /// the workers, which run on.
    pub async fn run(&self, test: &str) -> (World, Vec<Worker>) {
        let mut world = World::new(test, PARTITIONS).await;
        world.set("apply", "batch_rows = 100");
        let start = |slot: usize, program: &Path| {
            let name = format!("{}-{slot}", world.group());
            let members = [("LANDFALL_KAFKA__PROPERTIES__GROUP_INSTANCE_ID", &*name)];
            let environment = if self.static_members {
                &members[..]
            } else {
                &[]
            };
            Worker::start_program(program, &["run"], &world.config_file(), environment)
        };
        let mut workers: Vec<Worker> = (0..3).map(|slot| start(slot, self.first)).collect();
        for worker in &workers {
            worker.says(&["partitions assigned", "partitions=2"]).await;
        }
        let versions = 1 + self.replacements.len();
        let history = events::history(ROWS as i64, versions as i64);
        let mut trickle = None;
        for (number, part) in history.chunks(ROWS).enumerate() {
            world.kafka.produce(&world.topic, part).await;
            if let Some((slot, program)) = number.checked_sub(1).map(|n| self.replacements[n]) {
                // as Kubernetes does with a StatefulSet: the new one begins when the old one has ended
                let (code, log) = workers.remove(slot).stop().await;
                assert_eq!(code, Some(0), "{log}");
                workers.insert(slot, start(slot, program));
            }
            let version = number + 1;
            let landed =
                format!("SELECT count(*) FROM t WHERE version = {version} AND id < {FIRST_ROW}");
            world.until_count(&landed, ROWS as i64).await;
            if trickle.is_none() {
                trickle = Some(Trickle::start(&world, PARTITIONS).await);
            }
        }
        let (sent, stood) = trickle.expect("it was begun").end().await;
        let ids = "SELECT count(*) FROM landfall.processed_events";
        world.until_count(ids, sent + history.len() as i64).await;
        let letters = "SELECT count(*) FROM landfall.dead_letters";
        assert_eq!(world.count(letters).await, 0);
        audit::assert_forward_only(&world.db).await;
        let each = stood
            .values()
            .map(|stood| format!("{:.1}", stood.as_secs_f64()));
        println!(
            "{test}: {} replaced one by one, {sent} events meanwhile; seconds without progress, by partition: {}",
            self.replacements.len(),
            each.collect::<Vec<_>>().join(" ")
        );
        (world, workers)
    }
}
