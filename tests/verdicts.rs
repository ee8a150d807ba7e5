//! Each verdict, provoked for real: what is retried, waited for, or stops the lane puts nothing aside
//! and goes on by itself once it is over; what is refused is put aside alone. Either way each event is
//! applied once. Postgres stopped, a table or a column that isn't there yet, and a deadlock are in
//! `outage.rs`.

mod refused;
mod retried;
mod systemic;
mod unavailable;

use tokio_postgres::Client;

use crate::support::worker::Worker;
use crate::support::world::connect;
use crate::support::{World, audit, events, eventually};

/// Rows of a scene, and the versions of each.
const ROWS: i64 = 200;
const VERSIONS: i64 = 4;

/// What a worker does while something is broken.
struct Broken<'a> {
    /// Words of the line that it logs.
    says: &'a [&'a str],
    /// What `/readyz` calls it.
    verdict: &'a str,
}

impl Broken<'_> {
    /// Half of a history lands; then something breaks, the other half comes, and waits until it is
    /// mended. In the end all of it is in, each event once, and nothing was put aside.
    async fn until_mended(
        &self,
        world: &World,
        break_it: impl AsyncFnOnce(),
        mend_it: impl AsyncFnOnce(),
    ) {
        let history = events::history(ROWS, VERSIONS);
        let (before, after) = history.split_at(history.len() / 2);
        world.kafka.produce(&world.topic, before).await;
        let worker = world.run();
        let half = VERSIONS / 2;
        world
            .until_count(
                &format!("SELECT count(*) FROM t WHERE version = {half}"),
                ROWS,
            )
            .await;

        break_it().await;
        world.kafka.produce(&world.topic, after).await;
        worker.says(self.says).await;
        let (status, reasons) = worker.get("/readyz").await;
        assert_eq!(status, 503);
        assert!(reasons.contains(self.verdict), "{reasons}");
        mend_it().await;

        all_landed_once(world, worker, ROWS * VERSIONS).await;
    }
}

/// A world whose rows are in, in their first version; the other versions are still to be landed.
async fn with_rows(test: &str) -> World {
    let world = World::new(test, 1).await;
    let history = events::history(ROWS, VERSIONS);
    let (first, others) = history.split_at(ROWS as usize);
    world.kafka.produce(&world.topic, first).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, others).await;
    world
}

/// What is still to be landed then.
const OTHERS: i64 = ROWS * (VERSIONS - 1);

/// A session that keeps a row locked until it commits.
async fn rival(world: &World) -> Client {
    let rival = connect(&world.database_url).await;
    let hold = "BEGIN; SELECT FROM t WHERE id = 7 FOR UPDATE";
    rival.batch_execute(hold).await.unwrap();
    rival
}

async fn commit(rival: &Client) {
    rival.batch_execute("COMMIT").await.unwrap();
}

const WAIT_FOR_A_LOCK: &str = "FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'landfall' AND wait_event_type = 'Lock'";

async fn waits_for_a_lock(world: &World) {
    let waiting = format!("SELECT count(*) {WAIT_FOR_A_LOCK}");
    world.until_count(&waiting, 1).await;
}

/// All of `events::history(ROWS, VERSIONS)` is in, each event once, and nothing was put aside;
/// `by_it` of the events were the worker's.
async fn all_landed_once(world: &World, worker: Worker, by_it: i64) {
    let last = format!("SELECT count(*) FROM t WHERE version = {VERSIONS}");
    world.until_count(&last, ROWS).await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    world.until_count(ids, ROWS * VERSIONS).await;
    eventually("its events are counted as applied, once", async || {
        let outcome = "outcome=\"applied\"";
        let applied = worker.metric("landfall_events_total", &[outcome]).await;
        assert!(applied <= by_it as f64, "{applied} of {by_it} applied");
        (applied == by_it as f64).then_some(())
    })
    .await;
    eventually("it is ready again", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    audit::assert_forward_only(&world.db).await;
    nothing_is_put_aside(world, &worker).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

async fn nothing_is_put_aside(world: &World, worker: &Worker) {
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0, "{}", worker.log());
}

async fn sql(world: &World, sql: &str) {
    let done = world.db.batch_execute(sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// Ends the worker's sessions: what is set for a role or a database holds for new ones.
async fn end_sessions(world: &World) {
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'landfall'";
    world.db.query(sql, &[]).await.expect("sessions end");
}

/// From here on the worker writes as a role of its own, which may do no more than it has to.
/// Returns the role.
async fn write_as_a_role(world: &mut World) -> String {
    world.migrate().await;
    world.set("postgres", "migrate = false");
    let role = world.name.clone();
    let statements = format!("CREATE ROLE {role} LOGIN; {}", grants(&role));
    sql(world, &statements).await;
    world.database_url = world.database_url.replace("postgres@", &format!("{role}@"));
    role
}

fn grants(role: &str) -> String {
    format!(
        "GRANT ALL ON t, audit TO {role}; GRANT USAGE ON SEQUENCE audit_seq_seq TO {role};
         GRANT USAGE ON SCHEMA landfall TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landfall TO {role}"
    )
}

/// The role, and all that was granted to it. Roles are everybody's on the shared stack.
async fn drop_role(world: &World, role: &str) {
    sql(world, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
