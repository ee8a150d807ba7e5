//! Starting workers: the first one, and those that join the group anew.

use tokio_util::sync::CancellationToken;

use crate::kafka::certificate_files::CertificateFiles;
use crate::pipeline::run::{Run, wait_with_patience};
use crate::pipeline::run_error::RunError;
use crate::pipeline::waiting::Waiting;
use crate::pipeline::worker::Worker;
use crate::verdict::{Failure, Verdict};

/// A worker that is at work.
pub(super) struct StartedWorker {
    pub(super) worker: Worker,
    /// Has it end, and it alone.
    pub(super) end: CancellationToken,
    /// The files that its clients were made with.
    pub(super) certificates: CertificateFiles,
}

impl Run<'_> {
    /// Makes a worker's clients and sets it going.
    ///
    /// # Errors
    /// A property that librdkafka refuses, a file or a secret that can't be used.
    pub(super) async fn start_worker(&self) -> Result<StartedWorker, RunError> {
        let (config, pool) = (self.config.clone(), self.pool.clone());
        let watched = (self.health.clone(), self.progress.clone());
        let (until_caught_up, end) = (self.patience.is_some(), self.stop.child_token());
        let certificates = CertificateFiles::read(&config).await;
        let its_end = end.clone();
        // it may run commands for secrets, and a stop isn't to wait for them
        let starting = tokio::task::spawn_blocking(move || {
            Worker::start(&config, pool, watched, its_end, until_caught_up)
        });
        let worker = starting.await.map_err(RunError::StartFailed)??;
        Ok(StartedWorker {
            worker,
            end,
            certificates,
        })
    }

    /// Starts the worker after one that has left the group. What the first one was made with was good: whatever fails now, such as
    /// the command for a secret, is told and tried again. `None`: the process is to stop.
    ///
    /// # Errors
    /// It fails for longer than the patience.
    pub(super) async fn start_next_worker(&self) -> Result<Option<StartedWorker>, RunError> {
        let (health, config) = (&self.health, &self.config);
        let pool = self.pool.clone();
        let waiting = Waiting::of_next_worker(self.stop.clone(), pool, health.clone(), config);
        let attempt = || async {
            let started = self.start_worker().await;
            started.map_err(|error| Failure::of_kafka(Verdict::Unavailable, error.to_string()))
        };
        let started = waiting.unless_needed(waiting.until(attempt));
        let started = wait_with_patience(self.patience, health, started).await?;
        waiting.tell_going_on();
        Ok(started.flatten())
    }
}
