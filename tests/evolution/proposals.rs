//! `landfall check` tells what would be made, and `check --ddl` prints it so that psql runs it as it is.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::schemas::{create, describe, insert, optional, required, topic};
use crate::support::{World, events};

pub fn check(config: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("check")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .expect("landfall starts");
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// As a person would run it, stopping at the first error.
fn run_in_psql(world: &World, sql: &str) {
    let mut psql = Command::new("psql")
        .args(["-v", "ON_ERROR_STOP=1", "-q", "-d", &world.database_url])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql starts");
    let mut input = psql.stdin.take().expect("piped");
    std::io::Write::write_all(&mut input, sql.as_bytes()).expect("psql reads");
    drop(input);
    let output = psql.wait_with_output().expect("psql ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{sql}");
}

#[tokio::test]
async fn what_is_printed_runs_in_psql_and_is_then_all_that_the_events_need() {
    let mut world = World::new("evolve_ddl", 1).await;
    world
        .db
        .batch_execute("CREATE TABLE narrow (id integer PRIMARY KEY)")
        .await
        .unwrap();
    let list = [
        required("id", "int64"),
        (
            "state",
            "string",
            json!({ "optional": false, "default": "it's; -- \\new" }),
        ),
        optional("odd \" 'name'", "int32"),
    ];
    let row = json!({ "id": 5_000_000_000_i64, "state": "s", "odd \" 'name'": 1 });
    for table in ["narrow", "Made Of \"It\""] {
        let name = format!("{}.public.{}", world.name, table.len());
        world.kafka.create_topic(&name, 1).await;
        world
            .kafka
            .produce(&name, &[insert(table, &list, row.clone())])
            .await;
        world.topics.push(name);
    }
    let name = topic(&mut world, "plain", 1).await;
    let plain = |id: i64, doc| {
        let row = json!({ "id": id, "amount": 1.5, "moment": "2024-01-01T10:00:00Z", "doc": doc, "flag": true, "none": null });
        events::change_of("plain", "c", id, json!({ "id": id }), Some(row))
    };
    world
        .kafka
        .produce(&name, &[plain(1, json!({"a": 1})), plain(2, json!([1]))])
        .await;

    let (code, ddl, findings) = check(&world.config_file(), &["--ddl"]);

    assert_eq!(code, Some(1), "{findings}");
    assert!(
        findings.contains("table public.plain does not exist"),
        "{findings}"
    );
    for line in ddl.lines() {
        assert!(!line.contains("problem"), "{ddl}");
    }
    assert!(
        ddl.contains("-- proposed from 2 sampled values: they look like dates or times"),
        "{ddl}"
    );
    run_in_psql(&world, &ddl);
    assert_eq!(
        describe(&world, "narrow").await,
        [
            "id bigint not null",
            "state text not null default 'it''s; -- \\new'::text",
            "odd \" 'name' integer",
            "PRIMARY KEY (id)"
        ],
        "{ddl}"
    );
    assert_eq!(describe(&world, "\"Made Of \"\"It\"\"\"").await.len(), 4);
    let mut described = describe(&world, "plain").await;
    described.sort();
    assert_eq!(
        described,
        [
            "PRIMARY KEY (id)",
            "amount numeric",
            "doc jsonb",
            "flag boolean",
            "id bigint not null",
            "moment text",
            "none text"
        ]
    );
    let (code, ddl, findings) = check(&world.config_file(), &["--ddl"]);
    assert_eq!(code, Some(0), "{findings}");
    assert!(
        ddl.contains("it has all that its sampled events ask for") && !ddl.contains("ALTER"),
        "{ddl}"
    );
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM plain WHERE doc IS NOT NULL")
            .await,
        2
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM \"Made Of \"\"It\"\"\"")
            .await,
        1
    );
}

#[tokio::test]
async fn what_run_would_make_is_told_and_no_problem_unless_it_may_not() {
    let mut world = World::new("evolve_check", 1).await;
    create(&mut world);
    let name = topic(&mut world, "made", 1).await;
    let list = [required("id", "int64"), optional("name", "string")];
    let row = json!({ "id": 1, "name": "n" });
    world
        .kafka
        .produce(&name, &[insert("made", &list, row)])
        .await;
    let (code, out, _) = check(&world.config_file(), &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("`run` would create table public.made"),
        "{out}"
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM pg_tables WHERE tablename = 'made'")
            .await,
        0
    );

    let role = world.name.clone();
    let sql = format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN; GRANT ALL ON t TO {role}"
    );
    world.db.batch_execute(&sql).await.unwrap();
    let as_role = world.database_url.replace("postgres@", &format!("{role}@"));
    let (code, out, _) = check(&world.config_file_for(&as_role), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("may not define public.made"), "{out}");
    assert!(out.contains("GRANT CREATE ON SCHEMA \"public\""), "{out}");
    world
        .db
        .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await
        .unwrap();
}
