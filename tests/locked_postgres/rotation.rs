//! Passwords and certificates are renewed while a worker lands events: nothing is lost or doubled, and nobody restarts.

use std::path::Path;

use super::{configuration, give_to};
use crate::support::locked_postgres::{LockedPostgres, replace};
use crate::support::worker::Worker;
use crate::support::{World, audit, events};

/// Ends all of the worker's sessions: the next ones log in anew.
async fn throw_out(locked: &LockedPostgres, role: &str) {
    let sql =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    locked.say(&sql).await;
}

/// As the Secrets Store CSI driver and Kubernetes do: the files lie in a folder that a link leads to, and the link is
/// replaced by one to another folder.
fn swap(mount: &Path, generation: &str, files: &[(&str, &[u8])]) {
    let folder = mount.join(format!("..{generation}"));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let (link, new) = (mount.join("..data"), mount.join("..data_tmp"));
    std::os::unix::fs::symlink(format!("..{generation}"), &new).unwrap();
    std::fs::rename(&new, &link).unwrap();
    for (name, _) in files {
        let visible = mount.join(name);
        if !visible.exists() {
            std::os::unix::fs::symlink(Path::new("..data").join(name), visible).unwrap();
        }
    }
}

/// What the worker is given: its password, whom it trusts, and its certificate with the key.
fn files<'f>(
    password: &'f [u8],
    authority: &'f [u8],
    [certificate, key]: &'f [Vec<u8>; 2],
) -> [(&'static str, &'f [u8]); 4] {
    [
        ("password", password),
        ("ca.pem", authority),
        ("client.pem", certificate),
        ("client.key", key),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_and_certificates_that_are_renewed_under_load_cost_no_row_and_no_restart() {
    let locked = LockedPostgres::start().await;
    let world = World::on("rotation", 2, &locked.own.url()).await;
    give_to(&world, "app").await;
    let mount = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(locked.file(name)).unwrap();
    let (authority, own) = (read("ca.pem"), ["client.pem", "client.key"].map(read));
    swap(mount.path(), "1", &files(b"s3cret", &authority, &own));
    let at = |name: &str| mount.path().join(name).display().to_string();
    let parameters = format!(
        "sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
        at("ca.pem"),
        at("client.pem"),
        at("client.key")
    );
    let url = locked.url("app", &world.name, &parameters);
    let by_mount = format!("password_file = '{}'", at("password"));
    let config = configuration(&world, "rotation", &url, &by_mount);
    let mut worker = Worker::start(&["run"], &config, &[]);
    let mut landed = 0;
    let mut load = async |worker: &mut Worker| {
        landed += 1;
        let all = events::history(40, landed);
        let start = all.len() - 40;
        world.kafka.produce(&world.topic, &all[start..]).await;
        let sql = format!("SELECT count(*) FROM t WHERE version = {landed}");
        world.until_count(&sql, 40).await;
        assert!(worker.is_running());
    };
    load(&mut worker).await;

    // as the CSI driver
    locked.say("ALTER ROLE app PASSWORD 'n3w'").await;
    throw_out(&locked, "app").await;
    swap(mount.path(), "2", &files(b"n3w", &authority, &own));
    load(&mut worker).await;

    // as Vault's agent: the file before the role, and the role before the file
    for (password, file_first) in [("n3wer", true), ("n3west", false)] {
        let path = mount.path().join("..data/password");
        if file_first {
            replace(&path, password);
        }
        locked
            .say(&format!("ALTER ROLE app PASSWORD '{password}'"))
            .await;
        throw_out(&locked, "app").await;
        if !file_first {
            replace(&path, password);
        }
        load(&mut worker).await;
    }

    // another authority, of the server and of the client: both trust it first
    let both = [read("ca.pem"), read("other-ca.pem")].concat();
    swap(mount.path(), "3", &files(b"n3west", &both, &own));
    std::fs::write(locked.file("both.pem"), &both).unwrap();
    locked.trust("both").await;
    let renewed = ["other-client.pem", "other-client.key"].map(read);
    swap(mount.path(), "4", &files(b"n3west", &both, &renewed));
    throw_out(&locked, "app").await;
    load(&mut worker).await;
    let shown = "SELECT bool_and(issuer_dn LIKE '%other-ca%') FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
        WHERE usename = 'app'";
    let renewed: Option<bool> = locked.admin.query_one(shown, &[]).await.unwrap().get(0);
    assert_eq!(renewed, Some(true), "all sessions show the new certificate");

    // as cert-manager's or Vault's agent, which are busy: the key long after its certificate
    let [certificate, key] = own.map(|pem| String::from_utf8(pem).unwrap());
    replace(&mount.path().join("..data/client.pem"), &certificate);
    throw_out(&locked, "app").await;
    let all = events::history(40, 6);
    world.kafka.produce(&world.topic, &all[200..]).await;
    worker
        .says(&["waiting", "client.key", "it is not the key of sslcert"])
        .await;
    replace(&mount.path().join("..data/client.key"), &key);
    let sql = "SELECT count(*) FROM t WHERE version = 6";
    world.until_count(sql, 40).await;

    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    let told = log
        .lines()
        .filter(|line| line.contains("it is not the key of sslcert"));
    let told: Vec<&str> = told.collect();
    // once a lane; nor is it taken for a mistake, which is looked at again every dead_letter.breaker.open
    let waits = told
        .iter()
        .all(|line| line.contains("waiting; nothing is lost"));
    assert!(told.len() <= 2 && waits, "{told:#?}");
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 40 * 6);
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        0
    );
    for secret in ["s3cret", "n3w"] {
        assert!(!log.contains(secret), "{log}");
    }
}
