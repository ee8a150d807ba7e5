//! Each Postgres that is still looked after by its makers, and the last one that isn't: rows arrive through a crash, what is
//! refused is put aside and replayed, and `check` has nothing against it.

use std::process::Command;

use crate::support::own_postgres::OwnPostgres;
use crate::support::{World, audit, events, eventually};

const VERSIONS: [&str; 6] = [
    "13.22.0", "14.19.0", "15.14.0", "16.10.0", "17.6.0", "18.0.0",
];

fn landfall(world: &World, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let output = command
        .args(words)
        .arg("--config")
        .arg(world.config_file())
        .output()
        .expect("landfall starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(output.status.success(), "{words:?}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_arrive_once_and_letters_are_replayed_in_each_version_of_postgres() {
    for version in VERSIONS {
        let postgres = OwnPostgres::of_version(version);
        let mut world = World::on("version", 3, &postgres.url()).await;
        world.set("apply", "batch_rows = 20");
        // as a source refuses nothing, somebody here does
        let refuse = "ALTER TABLE t ADD CONSTRAINT odd CHECK (id <> 7)";
        world.db.batch_execute(refuse).await.unwrap();
        let some = events::history(400, 3);
        world.kafka.produce(&world.topic, &some).await;
        let checked = landfall(&world, &["check"]);

        let worker = world.run();
        eventually("it has begun", async || {
            (world.count("SELECT count(*) FROM t").await > 20).then_some(())
        })
        .await;
        worker.kill().await;
        world.catch_up().await;
        world.catch_up().await;
        let letters = "SELECT count(*) FROM landfall.dead_letters WHERE state = 'parked'";
        assert_eq!(world.count(letters).await, 3, "{version}");
        let allow = "ALTER TABLE t DROP CONSTRAINT odd";
        world.db.batch_execute(allow).await.unwrap();
        landfall(&world, &["dlq", "replay"]);
        landfall(&world, &["status"]);
        landfall(&world, &["prune"]);

        assert_eq!(world.count(letters).await, 0, "{version}");
        let rows = "SELECT count(*) FROM t WHERE version = 3";
        assert_eq!(world.count(rows).await, 400, "{version}");
        audit::assert_forward_only(&world.db).await;
        eprintln!(
            "Postgres {version}: {}",
            checked.lines().next().unwrap_or_default()
        );
    }
}
