//! `landfall check` has the sampled events written as a worker would, and takes everything back: what Postgres
//! refuses of them it tells, and no value.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{check, codes, insert, objects, table, topic};
use crate::support::{Event, World, events};

/// The events that the check says Postgres refuses.
fn refusals(out: &str) -> Vec<Value> {
    let refused = |object: &Value| object["code"] == "event_refused";
    objects(out).into_iter().filter(refused).collect()
}

fn row(id: i64, column: &str, value: Value) -> Event {
    let row = json!({ "id": id, column: value });
    events::change_of("odd", "c", id, json!({ "id": id }), Some(row))
}

/// A world with a table `odd`, and these events for it in a topic of its own.
async fn odd_world(name: &str, sql: &str, records: &[Event]) -> World {
    let mut world = World::new(name, 1).await;
    table(&world, sql).await;
    topic(&mut world, "odd", records).await;
    world
}

#[tokio::test]
async fn a_text_that_is_too_long_for_its_column_is_told_with_its_place_and_column_and_without_itself()
 {
    let records = [
        row(1, "name", json!("abc")),
        row(2, "name", json!("hunter2")),
    ];
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, name varchar(3))";
    let world = odd_world("trial_long", sql, &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(0), "{out}{err}");
    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    let expected = json!({
        "kind": "warning", "code": "event_refused", "partition": 0, "offset": 1, "column": "name", "sqlstate": "22001",
        "verdict": "reject",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&refused[0][name], value, "{name}: {out}");
    }
    assert!(out.contains("dead letter"), "{out}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
    let (_, text, _) = check(&world.config_file(), &[]);
    assert!(!text.contains("no problems"), "{text}");
}

#[tokio::test]
async fn a_word_that_an_enum_lacks_is_a_problem_if_all_sampled_events_have_such_a_one() {
    let records = [
        row(1, "mood", json!("sad")),
        row(2, "mood", json!("hunter2")),
    ];
    let sql = "CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE odd (id int PRIMARY KEY, mood mood)";
    let world = odd_world("trial_enum", sql, &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}{err}");
    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    assert_eq!(refused[0]["kind"], "problem", "{out}");
    assert_eq!(refused[0]["sqlstate"], "22P02", "{out}");
    assert_eq!(refused[0]["column"], "mood", "{out}");
    assert_eq!(refused[0]["offset"], 0, "{out}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
}

#[tokio::test]
async fn a_row_that_a_check_constraint_refuses_is_told_with_the_constraint() {
    let records = [
        row(1, "n", json!(1)),
        row(2, "n", json!(-7)),
        row(3, "n", json!(3)),
    ];
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int CONSTRAINT n_is_positive CHECK (n > 0))";
    let world = odd_world("trial_constraint", sql, &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(0), "{out}{err}");
    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    assert_eq!(refused[0]["sqlstate"], "23514", "{out}");
    assert_eq!(refused[0]["offset"], 1, "{out}");
    let found = refused[0]["found"].as_str().expect("text");
    assert!(found.contains("n_is_positive"), "{found}");
    assert!(found.starts_with("1 of 3 sampled events"), "{found}");
}

#[tokio::test]
async fn a_null_is_told_where_postgres_refuses_it_and_not_where_a_trigger_fills_it_in() {
    let records = [row(1, "n", json!(1)), row(2, "n", Value::Null)];
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int NOT NULL)";
    let world = odd_world("trial_null", sql, &records).await;
    let week = [("retention.ms", "604800000")];
    for topic in &world.topics {
        world.kafka.configure(topic, &week).await;
    }

    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert_eq!(codes(&objects(&out), "warning"), ["nulls"], "{out}");

    let fill = "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := coalesce(NEW.n, 0); RETURN NEW; END $$;
        CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON odd FOR EACH ROW EXECUTE FUNCTION fill()";
    table(&world, fill).await;
    let (code, text, err) = check(&world.config_file(), &[]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.ends_with("\nno problems\n"), "{text}");

    let drop = "DROP TRIGGER fill ON odd; CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.n := NULL; RETURN NEW; END $$;
        CREATE TRIGGER fill BEFORE INSERT ON odd FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION fill();
        ALTER TABLE odd ALTER n DROP NOT NULL, ADD CHECK (n IS NOT NULL)";
    table(&world, drop).await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    assert_eq!(refused[0]["sqlstate"], "23514", "{out}");
    assert!(
        refused[0]["found"]
            .as_str()
            .expect("text")
            .starts_with("2 of 2"),
        "{out}"
    );
}

#[tokio::test]
async fn deletes_whose_key_their_column_cant_read_are_a_problem_though_inserts_are_landed() {
    let id = "018f3f5e-0000-7000-8000-000000000001";
    let key = |id: &str| json!({ "id": id });
    let records = [
        events::change_of("odd", "c", 1, key(id), Some(key(id))),
        events::change_of("odd", "d", 2, key("hunter2"), None),
        events::change_of("odd", "d", 3, key("hunter3"), None),
    ];
    let sql = "CREATE TABLE odd (id uuid PRIMARY KEY)";
    let world = odd_world("trial_delete", sql, &records).await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}{err}");
    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    assert_eq!(refused[0]["sqlstate"], "22P02", "{out}");
    assert_eq!(refused[0]["column"], "id", "{out}");
    assert_eq!(refused[0]["offset"], 1, "{out}");
    assert_eq!(refused[0]["events"], 2, "{out}");
    assert_eq!(refused[0]["of_events"], 3, "{out}");
    assert!(out.contains("all deletes are refused"), "{out}");
    assert!(!format!("{out}{err}").contains("hunter"), "{out}{err}");
}

#[tokio::test]
async fn a_trigger_whose_function_finds_nothing_by_the_workers_path_is_a_problem_that_stops_run() {
    let sql = "CREATE TABLE seen (id int); CREATE TABLE odd (id int PRIMARY KEY, n int);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (NEW.id); RETURN NEW; END $$;
        CREATE TRIGGER see AFTER INSERT ON odd FOR EACH ROW EXECUTE FUNCTION see()";
    let world = odd_world(
        "trial_path",
        sql,
        &[row(1, "n", json!(1)), row(2, "n", json!(2))],
    )
    .await;

    let (code, out, err) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}{err}");
    let objects = objects(&out);
    assert_eq!(codes(&objects, "problem"), ["event_stops"], "{out}");
    let stops = objects
        .iter()
        .find(|o| o["code"] == "event_stops")
        .expect("found");
    assert_eq!(stops["sqlstate"], "42P01", "{out}");
    assert_eq!(stops["verdict"], "systemic", "{out}");
}

#[tokio::test]
async fn a_locked_table_isnt_waited_for_and_the_check_says_so() {
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int)";
    let world = odd_world("trial_locked", sql, &[row(1, "n", json!(1))]).await;
    let (config, url) = (world.config_file(), world.database_url.clone());
    let mut other = crate::support::world::connect(&url).await;
    let holder = other.transaction().await.expect("a transaction");
    holder
        .batch_execute("LOCK TABLE odd IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("the lock");

    let started = Instant::now();
    let (code, out, err) = check(&config, &["--json"]);

    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(code, Some(0), "{out}{err}");
    let objects = objects(&out);
    let told = objects
        .iter()
        .find(|o| o["code"] == "not_tried")
        .expect(&out);
    assert!(
        told["found"].as_str().expect("text").contains("a lock"),
        "{out}"
    );
    holder.rollback().await.expect("rolled back");
    let (_, out, _) = check(&config, &["--json"]);
    assert!(!out.contains("not_tried"), "{out}");
}

#[tokio::test]
async fn nothing_of_the_trial_stays_and_what_is_checked_at_commit_is_seen() {
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int); CREATE TABLE seen (id int);
        INSERT INTO odd VALUES (1, 0), (9, 9);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (NEW.id);
            IF NEW.n = 13 THEN RAISE EXCEPTION 'no %', NEW.n; END IF;
            RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE ON odd DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION see()";
    let delete = events::change_of("odd", "d", 4, json!({ "id": 9 }), None);
    let records = [
        row(1, "n", json!(1)),
        row(2, "n", json!(13)),
        row(3, "n", json!(3)),
        delete,
    ];
    let world = odd_world("trial_stays", sql, &records).await;

    let (_, out, _) = check(&world.config_file(), &["--json"]);

    let refused = refusals(&out);
    assert_eq!(refused.len(), 1, "{out}");
    assert_eq!(refused[0]["sqlstate"], "P0001", "{out}");
    assert_eq!(refused[0]["offset"], 1, "{out}");
    assert_eq!(world.count("SELECT count(*) FROM seen").await, 0);
    let untouched = "SELECT count(*) FROM odd WHERE (id, n) IN ((1, 0), (9, 9))";
    assert_eq!(world.count(untouched).await, 2);
    assert_eq!(world.count("SELECT count(*) FROM odd").await, 2);
}

#[tokio::test]
async fn children_whose_parents_come_through_another_topic_and_rows_that_swap_are_no_problem() {
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE child (id int PRIMARY KEY, odd_id int REFERENCES odd)";
    let change = |op: &str, lsn: i64, id: i64, n: i64| {
        let row = json!({ "id": id, "n": n });
        events::change_of("odd", op, lsn, json!({ "id": id }), Some(row))
    };
    let swapped = [
        change("c", 1, 1, 1),
        change("c", 2, 2, 2),
        change("u", 3, 1, 2),
        change("u", 4, 2, 1),
    ];
    let mut world = odd_world("trial_clean", sql, &swapped).await;
    let child = insert("child", json!({ "id": 1, "odd_id": 2 }));
    let children = topic(&mut world, "child", &[child]).await;
    for topic in &world.topics {
        world
            .kafka
            .configure(topic, &[("retention.ms", "604800000")])
            .await;
    }

    let (code, text, err) = check(&world.config_file(), &[]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.ends_with("\nno problems\n"), "{text}");

    // once nothing brings the parents, all of them would become letters
    world.topics.retain(|topic| *topic == children);
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert_eq!(
        codes(&objects(&out), "problem"),
        ["parents_missing"],
        "{out}"
    );
}

#[tokio::test]
async fn what_is_in_already_isnt_blamed_for_what_became_of_it_since() {
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int UNIQUE, body text)";
    let event = |op: &str, lsn: i64, id: i64, n: i64, body: &str| {
        let row = json!({ "id": id, "n": n, "body": body });
        events::change_of("odd", op, lsn, json!({ "id": id }), Some(row))
    };
    let large = "__debezium_unavailable_value";
    let records = [
        event("c", 1, 1, 1, "a"),
        event("u", 2, 1, 2, large),
        event("c", 3, 2, 1, "b"),
    ];
    let mut world = odd_world("trial_landed", sql, &records).await;
    for topic in &world.topics {
        world
            .kafka
            .configure(topic, &[("retention.ms", "604800000")])
            .await;
    }
    world.catch_up().await;
    // by other means: the events in the topic no longer fit
    table(
        &world,
        "DELETE FROM odd; INSERT INTO odd VALUES (7, 1, 'x')",
    )
    .await;
    world.topics.retain(|topic| topic.ends_with(".odd"));

    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert_eq!(refusals(&out), [] as [Value; 0], "{out}");
}

#[tokio::test]
async fn a_trigger_that_may_reach_beyond_postgres_is_left_alone_unless_it_is_asked_for() {
    let sql = "CREATE TABLE odd (id int PRIMARY KEY, n int CHECK (n > 0));
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = 7 THEN PERFORM public.http_post('http://127.0.0.1:1/', NEW.id::text); END IF;
            RETURN NULL; END $$;
        CREATE TRIGGER tell AFTER INSERT ON odd FOR EACH ROW EXECUTE FUNCTION tell()";
    let world = odd_world("trial_beyond", sql, &[row(1, "n", json!(-1))]).await;

    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert_eq!(refusals(&out).len(), 0, "{out}");
    assert!(
        out.contains("not_tried") && out.contains("trigger tell"),
        "{out}"
    );

    let (_, out, _) = check(&world.config_file(), &["--json", "--trial", "always"]);
    assert_eq!(refusals(&out).len(), 1, "{out}");

    let (_, out, _) = check(&world.config_file(), &["--json", "--trial", "never"]);
    assert_eq!(refusals(&out).len(), 0, "{out}");
    assert!(!out.contains("not_tried"), "{out}");
}

#[tokio::test]
async fn nothing_is_removed_in_a_trial_where_deletes_arent_applied() {
    let sql = "CREATE TABLE odd (code int PRIMARY KEY, id int);
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kept'; END $$;
        CREATE TRIGGER keep BEFORE DELETE ON odd FOR EACH ROW EXECUTE FUNCTION keep();
        INSERT INTO odd VALUES (1, 1), (2, 2)";
    let event = |op: &str, lsn: i64, before: Value, after: Value| {
        let mut event = events::change_of("odd", op, lsn, json!({ "id": 1 }), None);
        let mut value: Value =
            serde_json::from_slice(event.value.as_ref().expect("one")).expect("JSON");
        (value["before"], value["after"]) = (before, after);
        event.value = Some(value.to_string().into_bytes());
        event
    };
    let row = |code: i64| json!({ "id": 1, "code": code });
    let records = [
        event("u", 1, row(1), row(3)),
        event("u", 2, json!({ "id": 1, "code": null }), row(4)),
        event("d", 3, row(2), Value::Null),
    ];
    let mut world = odd_world("trial_removes", sql, &records).await;
    world.set(
        "[route]",
        "topic = '.*[.]odd'\ntable = \"public.odd\"\nkey = [\"code\"]",
    );

    let (_, out, _) = check(&world.config_file(), &["--json"]);
    // as all deletes are
    let problems = ["event_refused", "key_hidden"];
    assert_eq!(codes(&objects(&out), "problem"), problems, "{out}");
    assert_eq!(refusals(&out).len(), 1, "{out}");
    assert_eq!(refusals(&out)[0]["sqlstate"], "P0001", "{out}");

    world.set("apply", "deletes = false");
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(refusals(&out).len(), 0, "{out}");
}
