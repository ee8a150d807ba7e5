//! `deploy/postgres-roles.sql` grants what is needed and nothing else: with its roles a job and a replay run, and whatever one
//! of its grants is taken away, `check` gives the statement that brings it back.

mod neighbours;
mod taken_from_operators;
mod taken_while_running;

use std::process::Command;

use serde_json::{Value, json};

use crate::evolution::schemas::{insert, optional, required, topic};
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, stack};

/// A world whose destination has the roles, with the bookkeeping made by its owner.
pub struct Guarded {
    pub world: World,
}

impl Guarded {
    /// Nothing is left of what Postgres gives to everybody.
    pub async fn start(test: &str, variables: &[&str]) -> Self {
        let mut world = World::new(test, 1).await;
        let revoke = format!(
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON DATABASE {} FROM PUBLIC; \
             ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; REVOKE EXECUTE ON FUNCTION note() FROM PUBLIC",
            world.name
        );
        world.db.batch_execute(&revoke).await.expect(&revoke);
        world.set("postgres", "migrate = false");
        let guarded = Self { world };
        guarded.grant(variables);
        let config = guarded.config("owner");
        let mut owner = Worker::start(&["migrate"], &config, &[]);
        assert_eq!(owner.wait().await, Some(0), "{}", owner.log());
        guarded.grant(variables);
        guarded
    }

    pub fn role(&self, what: &str) -> String {
        format!("{}_{what}", self.world.name)
    }

    /// Runs the file, as it is documented to be run.
    pub fn grant(&self, variables: &[&str]) {
        let roles = ["owner", "worker", "operator", "reader"];
        let names = roles.map(|what| format!("{what}={}", self.role(what)));
        let variables = names
            .iter()
            .map(String::as_str)
            .chain(variables.iter().copied());
        let output = Command::new("psql")
            .args(["--quiet", "--no-psqlrc", &self.world.database_url])
            .args(variables.flat_map(|variable| ["-v", variable]))
            .arg("--file")
            .arg(crate::support::repository::root().join("deploy/postgres-roles.sql"))
            .output()
            .expect("psql starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }

    pub fn config(&self, what: &str) -> std::path::PathBuf {
        let server = stack()
            .postgres
            .replace("postgres@", &format!("{}@", self.role(what)));
        let written = self
            .world
            .config_file_for(&format!("{server}/{}", self.world.name));
        let own = written.with_file_name(format!("{what}.toml"));
        std::fs::copy(written, &own).unwrap();
        own
    }

    pub async fn say(&self, sql: &str) {
        self.world.db.batch_execute(sql).await.expect(sql);
    }

    /// A command as one of the roles; its exit code, and all that it says.
    pub fn landfall(&self, what: &str, words: &str) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(words.split_whitespace())
            .arg("--config")
            .arg(self.config(what))
            .stdin(std::process::Stdio::null())
            .output()
            .expect("landfall starts");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(said).expect("UTF-8"),
        )
    }

    pub async fn end(self) {
        for what in ["owner", "worker", "operator", "reader"] {
            let role = self.role(what);
            self.say(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_granted_roles_only_a_job_and_a_replay_run_and_a_missing_grant_stops_what_it_concerns()
 {
    let mut guarded = Guarded::start("granted", &[]).await;
    guarded
        .say("CREATE TABLE numbered (id bigint PRIMARY KEY, note text, n serial); ALTER TABLE t ADD CHECK (version < 100)")
        .await;
    guarded.grant(&["evolution=none"]);
    let numbered = format!("{}.public.numbered", guarded.world.name);
    guarded.world.kafka.create_topic(&numbered, 1).await;
    guarded.world.topics.push(numbered.clone());
    let world = &guarded.world;
    let number = |id: i64| {
        events::change_of(
            "numbered",
            "c",
            id,
            json!({ "id": id }),
            Some(json!({ "id": id, "note": "n" })),
        )
    };
    let mut all = events::history(20, 2);
    all.extend([
        events::delete(3_000_001, 1),
        events::insert(3_000_050, 50, 150),
    ]);
    world.kafka.produce(&world.topic, &all).await;
    world.kafka.produce(&numbered, &[number(1)]).await;

    let (code, said) = guarded.landfall("worker", "run --until-caught-up");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        19
    );
    assert_eq!(world.count("SELECT n::bigint FROM numbered").await, 1);
    audit::assert_forward_only(&world.db).await;
    let (code, said) = guarded.landfall("reader", "status");
    assert!(code == Some(0) && said.contains("public.t"), "{said}");
    guarded
        .say("ALTER TABLE t DROP CONSTRAINT t_version_check")
        .await;
    let (code, said) = guarded.landfall("worker", "check");
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "dlq list",
        "dlq show 1",
        "dlq replay --dry-run",
        "dlq replay",
        "status",
    ] {
        let (code, said) = guarded.landfall("operator", words);
        assert_eq!(code, Some(0), "{words}: {said}");
    }
    assert_eq!(
        world.count("SELECT version FROM t WHERE id = 50").await,
        150
    );
    let reads_only = "SELECT count(*) FROM information_schema.role_table_grants WHERE privilege_type <> 'SELECT' AND grantee = ";
    let reader = guarded.role("reader");
    assert_eq!(world.count(&format!("{reads_only}'{reader}'")).await, 0);

    let again = [number(2)];
    stop_what_it_concerns(&guarded, &numbered, &again).await;
    guarded.end().await;
}

async fn stop_what_it_concerns(guarded: &Guarded, numbered: &str, again: &[Event]) {
    let world = &guarded.world;
    // a table's grant stops its events, and no others
    let role = guarded.role("worker");
    let worker = Worker::start(&["run"], &guarded.config("worker"), &[]);
    guarded
        .say(&format!("REVOKE INSERT ON t FROM {role}"))
        .await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(4_000_060, 60, 1)])
        .await;
    worker.says(&["permission denied for table t"]).await;
    world.kafka.produce(numbered, again).await;
    world.until_count("SELECT count(*) FROM numbered", 2).await;
    guarded.say(&format!("GRANT INSERT ON t TO {role}")).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 60", 1)
        .await;
    // one of the bookkeeping stops all
    guarded
        .say(&format!(
            "REVOKE INSERT ON landfall.processed_events FROM {role}"
        ))
        .await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(5_000_061, 61, 1)])
        .await;
    worker
        .says(&["permission denied for table processed_events"])
        .await;
    let (status, body) = worker.get("/readyz").await;
    assert!(status == 503 && body.contains("processed_events"), "{body}");
    guarded
        .say(&format!(
            "GRANT INSERT ON landfall.processed_events TO {role}"
        ))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 61", 1)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_create_makes_the_tables_that_events_ask_for() {
    let mut guarded = Guarded::start("granted_create", &["evolution=create"]).await;
    guarded.world.set("apply", "schema_evolution = \"create\"");
    let fresh = topic(&mut guarded.world, "fresh", 1).await;
    let list = [required("id", "int64"), optional("note", "string")];
    let event = insert("fresh", &list, json!({ "id": 1, "note": "n" }));
    guarded.world.kafka.produce(&fresh, &[event]).await;
    let (code, said) = guarded.landfall("worker", "run --until-caught-up");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(guarded.world.count("SELECT count(*) FROM fresh").await, 1);
    guarded.end().await;
}

/// The statements that take one grant of the role's away, each with what a remedy must hold.
async fn grants_of(world: &World, role: &str) -> Vec<(String, String)> {
    let sql = "\
        SELECT format('REVOKE %s ON %I.%I FROM {role}', g.privilege_type, g.table_schema, g.table_name), \
               format('GRANT %s ON \"%s\".\"%s\" TO', g.privilege_type, g.table_schema, g.table_name) \
        FROM information_schema.role_table_grants g WHERE grantee = '{role}' AND table_name NOT IN ('audit', 'numbered') \
        UNION ALL SELECT format('REVOKE USAGE ON SCHEMA %I FROM {role}', n), format('GRANT USAGE ON SCHEMA \"%s\" TO', n) \
        FROM unnest(ARRAY['public', 'landfall']) n \
        UNION ALL SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM {role}', p.oid::regprocedure), \
               format('GRANT EXECUTE ON FUNCTION \"landfall\".\"%s\" TO', p.proname) \
        FROM pg_proc p WHERE p.pronamespace = 'landfall'::regnamespace \
        UNION ALL SELECT 'REVOKE USAGE ON SEQUENCE numbered_n_seq FROM {role}', 'GRANT USAGE ON SEQUENCE public.numbered_n_seq TO' \
        ORDER BY 1";
    let rows = world
        .db
        .query(&sql.replace("{role}", role), &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// What `check` says helps.
async fn remedies(guarded: &Guarded, what: &str) -> (Option<i32>, Vec<String>) {
    let mut check = Command::new(env!("CARGO_BIN_EXE_landfall"));
    check
        .args(["check", "--json", "--config"])
        .arg(guarded.config(what));
    let checked = tokio::task::spawn_blocking(move || check.output().expect("landfall starts"));
    let output = checked.await.expect("no panic");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let objects = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let problems = objects.filter(|object| object["kind"] == "problem");
    let remedies = problems.filter_map(|problem| Some(problem["remedy"].as_str()?.to_owned()));
    (output.status.code(), remedies.collect())
}

/// Takes each of these grants from one worker's role, and lets `check` bring it back.
async fn take_each(guarded: &Guarded, what: &str, grants: &[(String, String)]) {
    assert_eq!(remedies(guarded, what).await, (Some(0), Vec::new()));
    for (revoke, wanted) in grants {
        guarded.say(revoke).await;
        let (code, found) = remedies(guarded, what).await;
        assert_eq!(code, Some(1), "{revoke}: {found:?}");
        let remedy = found.iter().find(|remedy| remedy.contains(wanted.as_str()));
        let remedy = remedy.unwrap_or_else(|| panic!("{revoke}: {found:#?}"));
        guarded.say(remedy).await;
    }
    assert_eq!(remedies(guarded, what).await, (Some(0), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_grant_is_taken_away_check_gives_the_statement_that_brings_it_back() {
    let mut guarded = Guarded::start("taken", &[]).await;
    guarded
        .say("CREATE TABLE numbered (id bigint PRIMARY KEY, note text, n serial)")
        .await;
    // what everybody may do is nobody's grant
    guarded
        .say("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA landfall FROM PUBLIC")
        .await;
    let numbered = format!("{}.public.numbered", guarded.world.name);
    guarded.world.kafka.create_topic(&numbered, 1).await;
    guarded.world.topics.push(numbered.clone());
    let row = json!({ "id": 1, "note": "n" });
    let event = events::change_of("numbered", "c", 1, json!({ "id": 1 }), Some(row));
    guarded.world.kafka.produce(&numbered, &[event]).await;
    let some = [events::insert(1, 1, 1), events::delete(2, 1)];
    guarded
        .world
        .kafka
        .produce(&guarded.world.topic, &some)
        .await;

    // workers of the same rights, each of whom loses some of them, side by side
    const WORKERS: [&str; 8] = [
        "worker", "worker_1", "worker_2", "worker_3", "worker_4", "worker_5", "worker_6",
        "worker_7",
    ];
    let mut all = Vec::new();
    for what in WORKERS {
        let role = guarded.role(what);
        guarded.grant(&[&format!("worker={role}")]);
        all.push(grants_of(&guarded.world, &role).await);
    }
    let count = all[0].len();
    assert!(count > 45, "{all:#?}");
    let taken = WORKERS
        .iter()
        .zip(&all)
        .enumerate()
        .map(|(at, (what, grants))| {
            let range = count * at / WORKERS.len()..count * (at + 1) / WORKERS.len();
            take_each(&guarded, what, &grants[range])
        });
    futures::future::join_all(taken).await;
    for role in WORKERS[1..].iter().map(|what| guarded.role(what)) {
        guarded
            .say(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
            .await;
    }
    guarded.end().await;
}
