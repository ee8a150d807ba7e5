//! A Postgres behind TLS, passwords and certificates: every way in, and every refusal told by its cause and its setting.

mod refusals;
mod rotation;

use std::path::PathBuf;

use crate::support::locked_postgres::LockedPostgres;
use crate::support::worker::Worker;
use crate::support::{World, audit, events};

/// A configuration of the world's, with this URL and more lines of `[postgres]`, in a file of its own.
fn configuration(world: &World, name: &str, url: &str, postgres: &str) -> PathBuf {
    let written = world.config_file_for(url);
    let text = std::fs::read_to_string(&written).unwrap();
    let text = text.replace("[postgres]\n", &format!("[postgres]\n{postgres}\n"));
    let path = written.with_file_name(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

/// Makes the role the owner of all that a world's test needs.
async fn give_to(world: &World, role: &str) {
    let sql = format!(
        "ALTER DATABASE {} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}; ALTER TABLE t OWNER TO {role}; \
         ALTER TABLE audit OWNER TO {role}",
        world.name
    );
    world.db.batch_execute(&sql).await.expect(&sql);
}

/// A way in: which role, what the URL says besides, and more lines.
struct Door {
    login: &'static str,
    parameters: String,
    lines: String,
    /// What Postgres says of the session: the version of TLS is never missing.
    certificate: Option<&'static str>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_in_lands_events_over_tls() {
    let locked = LockedPostgres::start().await;
    let password = locked.file("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let (file, showing) = (password.display(), locked.showing("client"));
    let full = locked.trusting("verify-full", "ca");
    let app = |login, parameters: String, lines: String| Door {
        login,
        parameters,
        lines,
        certificate: None,
    };
    let doors = [
        app(
            "app:s3cret",
            format!("{full}&channel_binding=require"),
            String::new(),
        ),
        app(
            "app",
            locked.trusting("verify-ca", "ca"),
            format!("password_file = '{file}'"),
        ),
        app(
            "app",
            "sslmode=require".to_owned(),
            format!("password_command = ['cat', '{file}']"),
        ),
        Door {
            certificate: Some("/CN=landfall"),
            ..app("landfall", format!("{full}&{showing}"), String::new())
        },
    ];
    let ways = doors
        .iter()
        .enumerate()
        .map(|(at, door)| come_in(&locked, at, door));
    futures::future::join_all(ways).await;
}

async fn come_in(locked: &LockedPostgres, at: usize, door: &Door) {
    let world = World::on(&format!("door_{at}"), 1, &locked.own.url()).await;
    let (role, _) = door.login.split_once(':').unwrap_or((door.login, ""));
    give_to(&world, role).await;
    let seen = "CREATE TABLE seen (tls text, certificate text); \
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO public.seen SELECT version, client_dn FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid(); RETURN NULL; END $$; \
        CREATE TRIGGER see AFTER INSERT ON t EXECUTE FUNCTION see(); GRANT ALL ON seen TO PUBLIC";
    world.db.batch_execute(seen).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(20, 1))
        .await;
    let url = locked.url(door.login, &world.name, &door.parameters);
    let config = configuration(&world, "door", &url, &door.lines);
    let mut worker = Worker::start(&["run", "--until-caught-up"], &config, &[]);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    assert_eq!(world.count("SELECT count(*) FROM t").await, 20);
    audit::assert_forward_only(&world.db).await;
    let row = world
        .db
        .query_one("SELECT tls, certificate FROM seen LIMIT 1", &[])
        .await
        .unwrap();
    assert!(row.get::<_, &str>(0).starts_with("TLS"));
    assert_eq!(row.get::<_, Option<&str>>(1), door.certificate);
    assert!(!worker.log().contains("s3cret"), "{}", worker.log());
}
