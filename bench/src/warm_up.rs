//! A JVM compiles what it runs often while it runs: a sink on one is measured when it has worked for a while.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::Bench;
use crate::database::Database;
use crate::measure::Look;
use crate::process::Process;
use crate::sink::jdbc::Worker;
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
        let Sink::Jdbc { tuned } = sink else {
            return sink.start(self, task);
        };
        let mut worker = Worker::start(self)?;
        self.warm_up(topic, &mut worker, task, (*tuned, tables))?;
        worker.put(self, task, *tuned)?;
        Ok(worker.process)
    }

    fn warm_up(
        &self,
        topic: Topic,
        worker: &mut Worker,
        task: &Task<'_>,
        (tuned, tables): (bool, &[String]),
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
            worker.put(self, &task, tuned)?;
            self.land_all(worker, &destination, tables)?;
            worked += begun.elapsed();
            worker.delete(&name)?;
        }
        destination.drop_now()
    }

    fn land_all(
        &self,
        worker: &mut Worker,
        destination: &Database,
        tables: &[String],
    ) -> Result<()> {
        let mut look = Look::new(destination, tables)?;
        crate::wait::until("the warm-up is through", PATIENCE, || {
            worker.process.is_well()?;
            Ok((look.sentinels(destination)? >= SENTINELS).then_some(()))
        })
    }
}
