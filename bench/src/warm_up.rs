//! A JVM compiles what it runs often while it runs: a sink on one is measured when it has worked for a while.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::Bench;
use crate::database::Database;
use crate::measure::Look;
use crate::process::Process;
use crate::sink::flink::Flink;
use crate::sink::jdbc::Connect;
use crate::sink::worker::Worker;
use crate::sink::{Sink, Task};
use crate::workload::{SENTINELS, Topic};

/// Where it lands what isn't measured.
const DATABASE: &str = "bench_warm_up";
const PATIENCE: Duration = Duration::from_secs(900);

impl Bench {
    /// Starts the sink with the task, once it has worked on the task's own topics for `WARM` seconds if it is one that gets
    /// quicker by it.
    ///
    /// # Errors
    /// If it doesn't start, or doesn't get through.
    pub fn start_warm(
        &self,
        topic: Topic,
        sink: &Sink,
        task: &Task<'_>,
        tables: &[String],
    ) -> Result<Process> {
        match sink {
            Sink::Landfall(_) => sink.start(self, task),
            Sink::Jdbc { tuned } => {
                self.put_warm(topic, Connect::start(self, *tuned)?, task, tables)
            }
            Sink::Flink { tuned } => {
                let flink = Flink::start(self, topic.source.table(), *tuned)?;
                self.put_warm(topic, flink, task, tables)
            }
        }
    }

    fn put_warm(
        &self,
        topic: Topic,
        mut worker: impl Worker,
        task: &Task<'_>,
        tables: &[String],
    ) -> Result<Process> {
        self.warm_up(topic, &mut worker, task, tables)?;
        worker.put(self, task)?;
        Ok(worker.into_process())
    }

    fn warm_up(
        &self,
        topic: Topic,
        worker: &mut impl Worker,
        task: &Task<'_>,
        tables: &[String],
    ) -> Result<()> {
        let destination = Database::destination(&self.stack, DATABASE)?;
        let (mut worked, wanted) = (Duration::ZERO, Duration::from_secs(self.options.warm));
        let mut turn = 0;
        while worked < wanted {
            turn += 1;
            let mut client = destination.recreate()?;
            for table in tables {
                client.batch_execute(&topic.source.table().create(table))?;
            }
            let name = format!("{}-warm-up-{turn}", task.name);
            let task = Task {
                name: &name,
                destination: &destination,
                ..*task
            };
            let begun = Instant::now();
            worker.put(self, &task)?;
            self.land_all(worker, &destination, tables)?;
            worked += begun.elapsed();
            worker.delete(&name)?;
        }
        destination.drop_now()
    }

    fn land_all(
        &self,
        worker: &mut impl Worker,
        destination: &Database,
        tables: &[String],
    ) -> Result<()> {
        let mut look = Look::new(destination, tables)?;
        crate::wait::until("the warm-up is through", PATIENCE, || {
            worker.process().is_well()?;
            Ok((look.sentinels(destination)? >= SENTINELS).then_some(()))
        })
    }
}
