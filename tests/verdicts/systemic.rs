//! Systemic: something is set up wrongly, and every event would fail alike. The lane stops taking in
//! and says what is wrong, until somebody mends it.

use serde_json::{Value, json};

use super::{Broken, drop_role, end_sessions, grants, nothing_is_put_aside, sql, write_as_a_role};
use crate::support::events::change_of;
use crate::support::own_postgres::OwnPostgres;
use crate::support::{Event, World, audit, events};

fn stopped<'a>(words: &'a [&'a str]) -> Broken<'a> {
    Broken {
        says: words,
        verdict: "systemic",
    }
}

#[tokio::test]
async fn a_privilege_that_is_revoked_stops_the_lane_until_it_is_granted_again() {
    let mut world = World::new("revoked", 1).await;
    let role = write_as_a_role(&mut world).await;
    let words = [
        "stopped taking in",
        "permission denied for table t",
        "42501",
    ];
    let revoke = async || sql(&world, &format!("REVOKE INSERT, UPDATE ON t FROM {role}")).await;
    let grant = async || sql(&world, &format!("GRANT INSERT, UPDATE ON t TO {role}")).await;
    stopped(&words).until_mended(&world, revoke, grant).await;
    drop_role(&world, &role).await;
}

#[tokio::test]
async fn a_table_that_is_dropped_stops_the_lane_until_it_is_created_again() {
    let world = World::new("dropped", 1).await;
    let words = ["stopped taking in", "public.t does not exist"];
    // its rows come back with their next events, which carry all of them
    let drop = async || sql(&world, "DROP TABLE t").await;
    let create = async || audit::create_table(&world.db, "t").await;
    stopped(&words).until_mended(&world, drop, create).await;
}

#[tokio::test]
async fn a_column_that_is_dropped_stops_the_lane_until_it_is_added_again() {
    let world = World::new("no_column", 1).await;
    let words = ["stopped taking in", "has no column body", "ADD COLUMN"];
    let drop = async || sql(&world, "ALTER TABLE t DROP COLUMN body").await;
    let add = async || sql(&world, "ALTER TABLE t ADD COLUMN body text").await;
    stopped(&words).until_mended(&world, drop, add).await;
    let bodies = "SELECT count(*) FROM t WHERE body = format('body %s 4', id)";
    assert_eq!(world.count(bodies).await, super::ROWS);
}

#[tokio::test]
async fn a_role_that_is_dropped_stops_the_lane_until_it_is_there_again() {
    let mut world = World::new("no_role", 1).await;
    let role = write_as_a_role(&mut world).await;
    let words = ["stopped taking in", "does not exist", "28000"];
    let drop = async || {
        drop_role(&world, &role).await;
        end_sessions(&world).await;
    };
    let create = async || {
        let again = format!("CREATE ROLE {role} LOGIN; {}", grants(&role));
        sql(&world, &again).await;
    };
    stopped(&words).until_mended(&world, drop, create).await;
    drop_role(&world, &role).await;
}

#[tokio::test]
async fn a_password_that_is_changed_stops_the_lane_until_it_is_right_again() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on("password", 1, &postgres.url()).await;
    let role = write_as_a_role(&mut world).await;
    let set_password = |password| format!("ALTER ROLE {role} PASSWORD '{password}'");
    sql(&world, &set_password("s3cret")).await;
    let rules =
        "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n";
    std::fs::write(postgres.data().join("pg_hba.conf"), rules).unwrap();
    sql(&world, "SELECT pg_reload_conf()").await;
    let with_password = format!("{role}:s3cret@");
    world.database_url = world
        .database_url
        .replace(&format!("{role}@"), &with_password);
    let words = [
        "stopped taking in",
        "password authentication failed",
        "28P01",
    ];
    let change = async || {
        sql(&world, &set_password("another")).await;
        end_sessions(&world).await;
    };
    let change_back = async || sql(&world, &set_password("s3cret")).await;
    stopped(&words)
        .until_mended(&world, change, change_back)
        .await;
}

/// Every row would meet it, whatever is in the row.
#[tokio::test]
async fn a_sequence_that_is_at_its_end_stops_the_lane_until_it_goes_on() {
    let world = World::new("sequence", 1).await;
    let counted = "CREATE SEQUENCE n; CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM nextval('public.n'); RETURN NEW; END $$;
        CREATE TRIGGER count_it BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION count_it()";
    sql(&world, counted).await;
    let words = [
        "stopped taking in",
        "reached maximum value of sequence",
        "2200H",
    ];
    let end = async || {
        sql(
            &world,
            "SELECT setval('n', 100); ALTER SEQUENCE n MAXVALUE 100",
        )
        .await
    };
    let go_on = async || sql(&world, "ALTER SEQUENCE n NO MAXVALUE").await;
    stopped(&words).until_mended(&world, end, go_on).await;
}

/// Postgres calls it what it calls a text that tsvector can't read, which is a row's fault.
#[tokio::test]
async fn a_trigger_with_a_syntax_error_stops_the_lane_until_it_is_mended() {
    let world = World::new("syntax", 1).await;
    let trigger = |statement| {
        format!(
            "CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN EXECUTE '{statement}'; RETURN NEW; END $$;
            CREATE OR REPLACE TRIGGER tell BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tell()"
        )
    };
    let words = ["stopped taking in", "syntax error", "42601"];
    let wrong = async || sql(&world, &trigger("SELEC 1")).await;
    let right = async || sql(&world, &trigger("SELECT 1")).await;
    stopped(&words).until_mended(&world, wrong, right).await;
}

/// What a session is told at its start is the configuration's doing, not a row's.
#[tokio::test]
async fn a_setting_that_postgres_refuses_while_connecting_stops_the_lane_until_it_is_valid() {
    let mut world = World::new("setting", 1).await;
    let server = world.database_url.clone();
    let role = write_as_a_role(&mut world).await;
    world.database_url = format!("{server}?options=-c%20role%3D{role}");
    let words = ["stopped taking in", "does not exist", "22023"];
    let drop = async || {
        drop_role(&world, &role).await;
        end_sessions(&world).await;
    };
    let create = async || {
        let again = format!("CREATE ROLE {role}; {}", grants(&role));
        sql(&world, &again).await;
    };
    stopped(&words).until_mended(&world, drop, create).await;
    drop_role(&world, &role).await;
}

/// `message.key.columns` may name a column that several rows share.
#[tokio::test]
async fn a_delete_by_a_key_that_is_not_unique_stops_the_lane_and_removes_nothing() {
    let mut world = World::new("shared_key", 1).await;
    let rows = "INSERT INTO t SELECT id, 7, 'copied' FROM generate_series(1, 5) id";
    sql(&world, rows).await;
    let key = json!({ "version": 7 });
    let delete = change_of("t", "d", 1, key.clone(), None);
    let mut value: Value = serde_json::from_slice(delete.value.as_ref().unwrap()).unwrap();
    value["before"] = json!({ "id": 2, "version": 7, "body": "copied" });
    let delete = Event {
        value: Some(value.to_string().into_bytes()),
        ..delete
    };
    let tombstone = Event {
        value: None,
        ..delete.clone()
    };
    world
        .kafka
        .produce(&world.topic, &[delete, tombstone])
        .await;
    let worker = world.run();
    let words = ["stopped taking in", "unique index on exactly (version)"];
    worker.says(&words).await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 5);
    worker.stop().await;

    world.set(
        "[route]",
        "topic = '.*'\ntable = \"public.t\"\nkey = [\"id\"]",
    );
    world.catch_up().await;
    assert_eq!(world.rows().await.len(), 4);
    assert_eq!(world.count("SELECT count(*) FROM t WHERE id = 2").await, 0);
}

#[tokio::test]
async fn a_delete_by_a_key_with_a_computed_column_stops_the_lane_until_the_column_is_plain() {
    let world = World::new("computed_key", 1).await;
    let codes = "CREATE TABLE codes (tenant int, code text, norm text GENERATED ALWAYS AS (lower(code)) STORED,
            PRIMARY KEY (tenant, norm));
        INSERT INTO codes (tenant, code) SELECT 1, 'C' || n FROM generate_series(1, 5) n";
    sql(&world, codes).await;
    let key = json!({ "tenant": 1, "norm": "c2" });
    let delete = change_of("codes", "d", 1, key, None);
    world.kafka.produce(&world.topic, &[delete]).await;
    let worker = world.run();
    let words = ["stopped taking in", "without norm, which Postgres computes"];
    worker.says(&words).await;
    assert_eq!(world.count("SELECT count(*) FROM codes").await, 5);

    sql(&world, "ALTER TABLE codes ALTER norm DROP EXPRESSION").await;
    world.until_count("SELECT count(*) FROM codes", 4).await;
    let left = "SELECT count(*) FROM codes WHERE norm = 'c2'";
    assert_eq!(world.count(left).await, 0);
    nothing_is_put_aside(&world, &worker).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

/// A policy shows no error: what it hides isn't there for a delete.
#[tokio::test]
async fn rows_that_a_policy_hides_are_waited_for_and_nothing_is_put_aside() {
    let mut world = World::new("hidden_rows", 1).await;
    let role = write_as_a_role(&mut world).await;
    let rows = [events::insert(1, 1, 1), events::insert(2, 2, 1)];
    world.kafka.produce(&world.topic, &rows).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    // policies that hide nothing are in nobody's way
    sql(
        &world,
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON t USING (true)",
    )
    .await;
    world
        .kafka
        .produce(
            &world.topic,
            &[events::insert(3, 3, 1), events::delete(4, 2)],
        )
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE id IN (1, 3)", 2)
        .await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    sql(&world, "ALTER POLICY all_rows ON t USING (id > 1)").await;
    let hidden = [
        events::delete(5, 1),
        events::partial(6, 1, 2),
        events::insert(7, 7, 1),
    ];
    world.kafka.produce(&world.topic, &hidden[..1]).await;
    worker
        .says(&["stopped taking in", "row-level security", "BYPASSRLS"])
        .await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
    world.kafka.produce(&world.topic, &hidden[2..]).await;
    let answer = crate::commands::landfall(&world, "check --json");
    assert_eq!(answer.code, Some(1), "{}", answer.text);
    assert!(answer.text.contains("row_security"), "{}", answer.text);
    sql(&world, "ALTER TABLE t DISABLE ROW LEVEL SECURITY").await;
    world
        .until_count("SELECT count(*) FROM t WHERE id IN (3, 7)", 2)
        .await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(world.letters().await, Vec::<String>::new());
    assert_eq!(worker.stop().await.0, Some(0));
    drop_role(&world, &role).await;
}
