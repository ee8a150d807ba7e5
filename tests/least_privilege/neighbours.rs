//! Somebody else in the database makes things of the names that we use: none of them is ever taken for what we mean.

use super::Guarded;
use crate::support::worker::Worker;
use crate::support::{audit, events};

/// Whoever calls one of these says so. They stand in `public` and in a schema that comes first for everybody.
const TRAPS: &str = "\
    CREATE TABLE public.sprung (what text); GRANT ALL ON public.sprung TO PUBLIC; \
    CREATE FUNCTION public.spring(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.sprung VALUES (what) $$; \
    CREATE SCHEMA first; GRANT USAGE ON SCHEMA first, public TO PUBLIC; \
    ALTER DATABASE {database} SET search_path = first, public, pg_catalog";

/// In each of the two schemas.
const TRAPS_IN: &str = "\
    CREATE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('now'); RETURN '2001-01-01'; END $$; \
    CREATE FUNCTION {schema}.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('unnest'); END $$; \
    CREATE FUNCTION {schema}.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('current_setting'); RETURN 0; END $$; \
    CREATE FUNCTION {schema}.has_table_privilege(oid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('has_table_privilege'); RETURN true; END $$; \
    CREATE FUNCTION {schema}.spring_equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('='); RETURN false; END $$; \
    CREATE FUNCTION {schema}.spring_equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring('='); RETURN false; END $$; \
    CREATE OPERATOR {schema}.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = {schema}.spring_equal); \
    CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {schema}.spring_equal); \
    CREATE DOMAIN {schema}.text AS pg_catalog.text CHECK (VALUE IS NULL); \
    CREATE DOMAIN {schema}.int8 AS pg_catalog.int8 CHECK (VALUE IS NULL); \
    CREATE TABLE {schema}.partitions (i int); CREATE TABLE {schema}.dead_letters (i int); \
    CREATE TABLE {schema}.pg_class (oid oid, relname name); CREATE TABLE {schema}.pg_namespace (oid oid, nspname name); \
    GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO PUBLIC";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_a_hostile_neighbour_are_never_taken_for_what_we_mean() {
    let guarded = Guarded::start("neighbour", &[]).await;
    let world = &guarded.world;
    guarded.say(&TRAPS.replace("{database}", &world.name)).await;
    for schema in ["public", "first"] {
        guarded.say(&TRAPS_IN.replace("{schema}", schema)).await;
    }
    guarded
        .say("ALTER TABLE t ADD CHECK (version OPERATOR(pg_catalog.<) 100)")
        .await;
    let mut all = events::history(20, 2);
    all.extend([
        events::delete(3_000_001, 1),
        events::insert(3_000_050, 50, 150),
    ]);
    world.kafka.produce(&world.topic, &all).await;
    let (code, said) = guarded.landfall("worker", "check");
    assert_eq!(code, Some(0), "{said}");
    let mut worker = Worker::start(
        &["run", "--until-caught-up"],
        &guarded.config("worker"),
        &[],
    );
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    let ours = "SELECT pg_catalog.count(*) FROM public.t WHERE version OPERATOR(pg_catalog.=) 2::pg_catalog.int8";
    assert_eq!(world.count(ours).await, 19);
    guarded
        .say("ALTER TABLE t DROP CONSTRAINT t_version_check")
        .await;
    for (what, words) in [
        ("reader", "status"),
        ("operator", "dlq replay --dry-run"),
        ("operator", "dlq replay"),
    ] {
        let (code, said) = guarded.landfall(what, words);
        assert_eq!(code, Some(0), "{words}: {said}");
    }
    let (code, said) = guarded.landfall("owner", "prune");
    assert_eq!(code, Some(0), "{said}");
    audit::assert_forward_only(&world.db).await;
    let sprung = world
        .db
        .query("SELECT what FROM public.sprung", &[])
        .await
        .unwrap();
    let sprung: Vec<String> = sprung.iter().map(|row| row.get(0)).collect();
    assert!(sprung.is_empty(), "{sprung:?}");
    guarded.end().await;
}
