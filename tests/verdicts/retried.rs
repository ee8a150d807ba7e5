//! Retry: somebody was in the way for a moment. The whole batch is tried again.

use super::{
    OTHERS, ROWS, VERSIONS, WAIT_FOR_A_LOCK, all_landed_once, commit, nothing_is_put_aside, rival,
    sql, waits_for_a_lock, with_rows,
};
use crate::support::{World, events, eventually};

/// A lock timeout without its ten seconds: every statement that writes `t` sets a shorter one for
/// its transaction. It is Postgres that waits, gives up, and says so.
const IMPATIENT: &str = "CREATE FUNCTION impatient() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('lock_timeout', '100ms', true); RETURN NULL; END $$;
    CREATE TRIGGER impatient BEFORE INSERT OR UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION impatient()";

#[tokio::test]
async fn a_row_that_a_rival_keeps_locked_for_a_while_is_retried() {
    let mut world = with_rows("row_lock").await;
    world.set("retry", "max_attempts = 1000\nmax_delay = \"200ms\"");
    sql(&world, IMPATIENT).await;
    let rival = rival(&world).await;
    let worker = world.run();
    worker.says(&["a partition waits", "locked", "55P03"]).await;
    let newer = "SELECT count(*) FROM t WHERE version > 1";
    assert_eq!(world.count(newer).await, 0, "all of a batch or nothing");
    commit(&rival).await;
    all_landed_once(&world, worker, OTHERS).await;
}

#[tokio::test]
async fn a_row_that_stays_locked_is_waited_for_however_often_it_was_tried() {
    let mut world = World::new("row_locked", 1).await;
    let rows = events::history(60, 1);
    world.kafka.produce(&world.topic, &rows).await;
    world.catch_up().await;
    world.set(
        "retry",
        "max_attempts = 2\ninitial_delay = \"10ms\"\nmax_delay = \"10ms\"",
    );
    sql(&world, IMPATIENT).await;
    let rival = rival(&world).await;
    let updates: Vec<_> = (1..=60)
        .map(|id| events::update(1000 + id, id, 2))
        .collect();
    world.kafka.produce(&world.topic, &updates).await;
    let worker = world.run();
    eventually("it was tried more than twice", async || {
        let attempts = "landfall_failed_attempts_total";
        (worker.metric(attempts, &["locked"]).await > 3.0).then_some(())
    })
    .await;
    commit(&rival).await;
    let landed = "SELECT count(*) FROM t WHERE version = 2";
    world.until_count(landed, 60).await;
    nothing_is_put_aside(&world, &worker).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_statement_that_somebody_cancels_is_retried() {
    let world = with_rows("cancelled").await;
    let rival = rival(&world).await;
    let worker = world.run();
    waits_for_a_lock(&world).await;
    let cancel = format!("SELECT count(pg_cancel_backend(pid)) {WAIT_FOR_A_LOCK}");
    assert_eq!(world.count(&cancel).await, 1);
    worker.says(&["tried again", "57014"]).await;
    commit(&rival).await;
    all_landed_once(&world, worker, OTHERS).await;
}

/// Three attempts fail so, whatever is in the rows.
fn stumbling(sqlstate: &str) -> String {
    format!(
        "CREATE SEQUENCE tries;
        CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('public.tries') <= 3 THEN
                RAISE EXCEPTION 'stumbled' USING ERRCODE = '{sqlstate}';
            END IF;
            RETURN NULL; END $$;
        CREATE TRIGGER stumble BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION stumble()"
    )
}

/// As a table behind a foreign server may say; our own transactions are READ COMMITTED, whatever the default.
#[tokio::test]
async fn a_serialization_failure_is_retried() {
    let world = World::new("serialization", 1).await;
    let database = &world.name;
    let stricter =
        format!("ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'");
    sql(&world, &stricter).await;
    sql(&world, &stumbling("40001")).await;
    let history = events::history(ROWS, VERSIONS);
    world.kafka.produce(&world.topic, &history).await;
    let worker = world.run();
    worker.says(&["tried again", "attempt=3", "40001"]).await;
    all_landed_once(&world, worker, ROWS * VERSIONS).await;
}

#[tokio::test]
async fn an_internal_error_that_passes_is_retried() {
    let world = World::new("internal", 1).await;
    // as Postgres says of a row of its catalogue that somebody changes meanwhile
    sql(&world, &stumbling("XX000")).await;
    let history = events::history(ROWS, VERSIONS);
    world.kafka.produce(&world.topic, &history).await;
    let worker = world.run();
    worker.says(&["tried again", "attempt=3", "XX000"]).await;
    all_landed_once(&world, worker, ROWS * VERSIONS).await;
}
