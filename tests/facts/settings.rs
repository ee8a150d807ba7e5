//! What a text or an operator means doesn't hang on the settings of server, database or role.

use serde_json::{Value, json};

use crate::commands::{done, landfall};
use crate::support::events::{broken, change_of, delete, insert};
use crate::support::own_postgres::OwnPostgres;
use crate::support::{Event, World};

/// Each of them changes what a text means, or how it is written.
const ODD_SETTINGS: [(&str, &str, &str); 10] = [
    ("standard_conforming_strings", "off", "on"),
    ("TimeZone", "'Asia/Tokyo'", "UTC"),
    ("timezone_abbreviations", "'India'", "Default"),
    ("DateStyle", "'SQL, DMY'", "ISO, YMD"),
    ("IntervalStyle", "'sql_standard'", "postgres"),
    ("lc_monetary", "'C.utf8'", "C"),
    ("array_nulls", "off", "on"),
    ("xmloption", "document", "content"),
    ("bytea_output", "'escape'", "hex"),
    ("extra_float_digits", "0", "1"),
];

fn insert_of(lsn: i64, row: Value) -> Event {
    change_of("t", "c", lsn, json!({ "id": row["id"] }), Some(row))
}

#[tokio::test]
async fn texts_mean_the_same_whatever_the_settings_of_database_and_role() {
    let world = World::new("odd_settings", 1).await;
    let sql = "DROP TABLE t;
        CREATE TABLE t (id int PRIMARY KEY, doc xml, fragment xml, list int[], price money, prices money[],
                        day date, at timestamptz, span interval);
        CREATE TABLE seen (name text, value text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen SELECT name, setting FROM pg_settings
                UNION ALL SELECT 'isolation', current_setting('transaction_isolation');
            RETURN NULL; END $$;
        CREATE TRIGGER see AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION see();";
    world.sql(sql).await;
    for (name, odd, _) in ODD_SETTINGS {
        world
            .sql(&format!("ALTER DATABASE {} SET {name} = {odd}", world.name))
            .await;
    }
    let sql = format!(
        "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
        world.name
    );
    world.sql(&sql).await;
    let row = json!({
        "id": 1, "doc": "<?xml version=\"1.0\"?><a/>", "fragment": "x<a/><b/>", "list": [1, null], "price": "1234.50",
        "prices": ["1.25", "2.5"], "day": "04-05-06", "at": "2024-01-01 00:00:00 IST", "span": "-1 00:00:01",
    });
    world
        .kafka
        .produce(&world.topic, &[insert_of(1, row)])
        .await;
    world.catch_up().await;
    assert_eq!(world.letters().await, Vec::<String>::new());
    for (name, _, expected) in ODD_SETTINGS {
        let sql =
            format!("SELECT count(*) FROM seen WHERE name = '{name}' AND value = '{expected}'");
        assert_eq!(world.count(&sql).await, 1, "{name}");
    }
    let isolation =
        "SELECT count(*) FROM seen WHERE name = 'isolation' AND value = 'read committed'";
    assert_eq!(world.count(isolation).await, 1);
    let landed = "SELECT count(*) FROM t WHERE doc IS NOT NULL AND xmlserialize(CONTENT fragment AS text) = 'x<a/><b/>'
        AND list = '{1,NULL}' AND price = '1234.50' AND prices[1] = '1.25'
        AND day = '2004-05-06' AND at = '2023-12-31 22:00:00+00' AND span = '-1 day +00:00:01'";
    assert_eq!(world.count(landed).await, 1);
}

/// Through a pooler of transactions others have sessions before, and leave them as they please.
#[tokio::test]
async fn what_others_leave_a_session_with_holds_in_no_transaction() {
    let mut world = World::new("left_settings", 1).await;
    world.set("apply", "batch_rows = 1");
    let left = "'search_path', 'public', 'lc_monetary', 'C.utf8', 'DateStyle', 'SQL, DMY',
        'lock_timeout', '0', 'statement_timeout', '0', 'idle_in_transaction_session_timeout', '0'";
    let sql = format!(
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, day date); CREATE TABLE public.seen (value text);
         CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE s text[] := ARRAY[{left}]; BEGIN
                FOR n IN 1 .. cardinality(s) BY 2 LOOP
                    INSERT INTO public.seen VALUES (s[n] || ' ' || current_setting(s[n]));
                END LOOP;
                FOR n IN 1 .. cardinality(s) BY 2 LOOP PERFORM set_config(s[n], s[n + 1], false); END LOOP;
                RETURN NULL; END $$;
         CREATE TRIGGER see AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION public.see()"
    );
    world.sql(&sql).await;
    let events: Vec<Event> = (1..=20)
        .map(|id| insert_of(id, json!({ "id": id, "day": "04-05-06" })))
        .collect();
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let seen = world
        .db
        .query("SELECT DISTINCT value FROM seen ORDER BY 1", &[])
        .await;
    let seen: Vec<String> = seen.unwrap().iter().map(|row| row.get(0)).collect();
    let pinned = [
        "DateStyle ISO, YMD",
        "idle_in_transaction_session_timeout 30s",
        "lc_monetary C",
        "lock_timeout 10s",
        "search_path pg_catalog, pg_temp",
        "statement_timeout 5min",
    ];
    assert_eq!(seen, pinned);
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE day = '2004-05-06'")
            .await,
        20
    );
}

/// As a server that was set up in Germany has it.
#[tokio::test]
async fn money_is_what_the_event_says_under_a_locale_with_a_decimal_comma() {
    let Some(postgres) = OwnPostgres::with_locale("de_DE") else {
        // the setting itself is in the test above
        eprintln!("no source of the locale de_DE to compile: nothing was tried");
        return;
    };
    let world = World::on("money", 1, &postgres.url()).await;
    let sql = format!(
        "CREATE DOMAIN price AS money; CREATE DOMAIN prices AS money[];
         DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a money, b money[], c price, d prices);
         ALTER DATABASE {} SET lc_monetary = 'de_DE.UTF-8'",
        world.name
    );
    world.sql(&sql).await;
    let row = json!({ "id": 1, "a": "12.34", "b": ["1000.5", "-0.01"], "c": "0.99", "d": ["1234567.89"] });
    world
        .kafka
        .produce(&world.topic, &[insert_of(1, row)])
        .await;
    world.catch_up().await;
    let exact = "SELECT count(*) FROM t WHERE a::numeric = 12.34 AND b[1]::numeric = 1000.5 AND b[2]::numeric = -0.01
        AND c::money::numeric = 0.99 AND d[1]::numeric = 1234567.89";
    assert_eq!(world.count(exact).await, 1);
}

/// What anybody who may create in a schema of the path can put in the way of our statements. A sequence moves on
/// even where the transaction that sprang the trap is rolled back.
const TRAPS: &str = "
    CREATE SEQUENCE public.sprung;
    CREATE FUNCTION public.trap(text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_catalog.nextval('public.sprung'); RAISE LOG 'a trap was sprung: %', $1; END $$;
    CREATE FUNCTION public.equal(varchar, varchar) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('varchar ='); RETURN pg_catalog.texteq($1, $2); END $$;
    CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.equal);
    CREATE FUNCTION public.equal(text, text) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('text ='); RETURN pg_catalog.texteq($1, $2); END $$;
    CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.equal);
    CREATE FUNCTION public.equal(int, int) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('int ='); RETURN pg_catalog.int4eq($1, $2); END $$;
    CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = public.equal);
    CREATE FUNCTION public.equal(uuid, uuid) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('uuid ='); RETURN pg_catalog.uuid_eq($1, $2); END $$;
    CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.equal);
    CREATE FUNCTION public.equal(oid, oid) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('oid ='); RETURN pg_catalog.oideq($1, $2); END $$;
    CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.equal);
    CREATE FUNCTION public.hashtextextended(text, int) RETURNS bigint LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('hash'); RETURN 1; END $$;
    CREATE FUNCTION public.to_timestamp(bigint) RETURNS timestamptz LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('to_timestamp'); RETURN pg_catalog.to_timestamp($1::float8); END $$;
    CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('now'); RETURN pg_catalog.now(); END $$;
    CREATE FUNCTION public.txid_current() RETURNS bigint LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('txid_current'); RETURN pg_catalog.txid_current(); END $$;
    CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('current_setting'); RETURN pg_catalog.current_setting($1); END $$;
    CREATE FUNCTION public.set_config(text, text, bool) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('set_config'); RETURN pg_catalog.set_config($1, $2, $3); END $$;
    CREATE FUNCTION public.count(text) RETURNS bigint LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('count'); RETURN 1; END $$;
    CREATE FUNCTION public.equal(public.email, public.citext) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('email ='); RETURN true; END $$;
    CREATE OPERATOR public.= (LEFTARG = public.email, RIGHTARG = public.citext, FUNCTION = public.equal);
    CREATE FUNCTION public.equal(public.email, public.email) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.trap('email ='); RETURN true; END $$;
    CREATE OPERATOR public.= (LEFTARG = public.email, RIGHTARG = public.email, FUNCTION = public.equal)";

/// Rows of a table whose key is a varchar, or of one whose key is of a domain over an extension's type.
fn named(table: &str, op: &str, lsn: i64, id: &str, row: bool) -> Event {
    let key = json!({ "id": id });
    let mut whole = key.clone();
    whole["big"] = match op {
        "u" => "__debezium_unavailable_value".into(),
        _ => "large".into(),
    };
    change_of(table, op, lsn, key, row.then_some(whole))
}

#[tokio::test]
async fn nothing_that_others_may_create_on_the_path_runs_as_landfall() {
    let mut world = World::new("hostile", 1).await;
    let mut extra_topics = Vec::new();
    for table in ["named", "mailed"] {
        let topic = format!("{}.public.{table}", world.name);
        world.kafka.create_topic(&topic, 1).await;
        world.topics.push(topic.clone());
        extra_topics.push((table, topic));
    }
    // the audit of `t` is ours, and has operators of its own
    let sql = "DROP TRIGGER note ON t; CREATE EXTENSION citext; CREATE DOMAIN email AS citext;
        CREATE TABLE named (id varchar PRIMARY KEY, big text); CREATE TABLE mailed (id email PRIMARY KEY, big text);";
    world.sql(sql).await;
    world.sql(TRAPS).await;
    // they come before pg_catalog's for whoever goes by the path
    let path = format!(
        "ALTER DATABASE {} SET search_path = public, pg_catalog",
        world.name
    );
    world.sql(&path).await;
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1), insert(2, 2, 1), broken(3)])
        .await;
    for (table, topic) in &extra_topics {
        let events = [
            named(table, "c", 3, "a", true),
            named(table, "c", 4, "b", true),
        ];
        world.kafka.produce(topic, &events).await;
    }
    done(&world, "migrate");
    world.catch_up().await;
    world.kafka.produce(&world.topic, &[delete(5, 1)]).await;
    for (table, topic) in &extra_topics {
        let events = [
            named(table, "d", 6, "a", false),
            named(table, "u", 7, "b", true),
        ];
        world.kafka.produce(topic, &events).await;
    }
    world.catch_up().await;
    for table in ["t", "named", "mailed"] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(world.count(&sql).await, 1, "{table}");
    }
    for (words, code) in [
        ("check", 0),
        ("status", 0),
        ("dlq list", 0),
        ("dlq list --summary", 0),
        // what can't be decoded is refused again
        ("dlq replay --dry-run", 1),
        ("dlq replay", 1),
        ("dlq discard --id 1 --yes", 0),
        ("prune --dry-run", 0),
        ("prune", 0),
    ] {
        let answer = landfall(&world, words);
        let said = format!("{words}: {}{}", answer.text, answer.error);
        assert_eq!(answer.code, Some(code), "{said}");
    }
    done(&world, &format!("forget --topic {}", world.topic));
    world.catch_up().await;
    let sprung = world
        .count("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM sprung")
        .await;
    assert_eq!(sprung, 0, "the server's log names the traps");
}

#[tokio::test]
async fn a_trigger_that_names_no_schema_is_told_what_it_needs() {
    let world = World::new("bare_trigger", 1).await;
    let sql = "CREATE TABLE log (id bigint);
        CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END $$;
        CREATE TRIGGER log AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION log()";
    world.sql(sql).await;
    world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
    let worker = world.run();
    worker
        .says(&[
            "stopped taking in",
            r#"relation "log" does not exist"#,
            "ALTER FUNCTION",
        ])
        .await;
    world
        .sql("ALTER FUNCTION log() SET search_path = public")
        .await;
    world.until_count("SELECT count(*) FROM log", 1).await;
    assert_eq!(worker.stop().await.0, Some(0));
}
