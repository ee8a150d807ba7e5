//! Unavailable: Postgres can't be had, for anybody. It is waited for.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::{
    Broken, OTHERS, all_landed_once, commit, end_sessions, rival, sql, waits_for_a_lock, with_rows,
};
use crate::support::World;
use crate::support::own_postgres::OwnPostgres;

#[tokio::test]
async fn a_session_that_an_administrator_ends_within_a_transaction_is_opened_again() {
    let world = with_rows("terminated").await;
    let rival = rival(&world).await;
    let worker = world.run();
    waits_for_a_lock(&world).await;
    end_sessions(&world).await;
    worker.says(&["waiting", "57P01"]).await;
    commit(&rival).await;
    all_landed_once(&world, worker, OTHERS).await;
}

#[tokio::test]
async fn a_postgres_without_a_free_connection_is_waited_for() {
    let postgres = OwnPostgres::start(&["max_connections=12"]);
    let world = World::on("connections", 1, &postgres.url()).await;
    let broken = Broken {
        says: &["waiting", "53300"],
        verdict: "unavailable",
    };
    let rivals = Mutex::new(Vec::new());
    let take_all = async || {
        end_sessions(&world).await;
        loop {
            match tokio_postgres::connect(&world.database_url, NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    rivals.lock().unwrap().push(client);
                }
                Err(e) => break assert_eq!(e.code(), Some(&SqlState::TOO_MANY_CONNECTIONS)),
            }
        }
    };
    let give_back = async || rivals.lock().unwrap().clear();
    broken.until_mended(&world, take_all, give_back).await;
}

/// A disk of a megabyte for that Postgres, if this process may mount one.
struct TinyDisk(TempDir);

impl TinyDisk {
    fn mount(postgres: &OwnPostgres) -> Option<Self> {
        let owner = std::fs::metadata(postgres.data()).expect("its data").uid();
        let disk = Self(tempfile::tempdir().expect("a directory"));
        let options = format!("size=1m,mode=0700,uid={owner}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
        let output = mount.arg(disk.0.path()).output().expect("mount runs");
        output.status.success().then_some(disk)
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        // fails where nothing is mounted
        let _ = unmount.arg("--lazy").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let postgres = OwnPostgres::start(&[]);
    let world = World::on("disk_full", 1, &postgres.url()).await;
    let broken = Broken {
        says: &["waiting", "53100"],
        verdict: "unavailable",
    };
    let Some(disk) = TinyDisk::mount(&postgres) else {
        // where nothing may be mounted, a trigger says what Postgres would
        let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION full_disk()";
        let fill = async || sql(&world, full).await;
        let empty = async || sql(&world, "DROP TRIGGER full_disk ON t").await;
        return broken.until_mended(&world, fill, empty).await;
    };
    let place = disk.0.path().display();
    sql(
        &world,
        &format!("CREATE TABLESPACE tiny LOCATION '{place}'"),
    )
    .await;
    sql(&world, "ALTER TABLE t SET TABLESPACE tiny").await;
    let fill = async || {
        // so that not a page of it has room
        sql(&world, "VACUUM FULL t").await;
        sql(&world, "CREATE TABLE filler (a text) TABLESPACE tiny").await;
        let filling = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 2000)";
        let full = world.db.batch_execute(filling).await.unwrap_err();
        assert_eq!(full.code(), Some(&SqlState::DISK_FULL));
    };
    let empty = async || sql(&world, "DROP TABLE filler").await;
    broken.until_mended(&world, fill, empty).await;
}

#[tokio::test]
async fn a_database_that_is_made_read_only_is_waited_for() {
    let world = World::new("read_only", 1).await;
    let broken = Broken {
        says: &["waiting", "25006"],
        verdict: "unavailable",
    };
    let database = &world.name;
    let close = async || {
        let only = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
        sql(&world, &only).await;
        end_sessions(&world).await;
    };
    let open = async || {
        let again = format!("ALTER DATABASE {database} RESET default_transaction_read_only");
        sql(&world, &again).await;
    };
    broken.until_mended(&world, close, open).await;
}
