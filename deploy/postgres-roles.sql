-- The roles that Landfall needs in its destination, each with what it uses and no more. As a superuser, or as a role that
-- may create roles and owns database and tables:
--
--   psql "$WAREHOUSE" -v write_schemas=public -f deploy/postgres-roles.sql
--   landfall migrate        # as landfall_owner
--   psql "$WAREHOUSE" -v write_schemas=public -f deploy/postgres-roles.sql
--
-- The second time it grants what the first found no tables for. It can be run again at any time: after each upgrade that
-- migrates, and whenever there are new tables. It takes nothing away, and sets no password: `\password landfall_worker`.
--
-- Variables (-v NAME=VALUE), with what holds without them:
--   schema           landfall            the bookkeeping's: postgres.schema
--   write_schemas    public              schemas whose tables events land in, with commas between
--   write_tables     all of them         or these tables alone, as schema.table, with commas between
--   evolution        none                create: the worker may create tables in these schemas (schema_evolution = "create").
--                                        What alters a table must own it: those it has made itself are its own.
--   owner            landfall_owner      runs `landfall migrate` and `landfall prune`; postgres.migrate = false for the worker
--   worker           landfall_worker     runs `landfall run` and `landfall check`
--   operator         landfall_operator   runs `landfall dlq` and `landfall status`
--   reader           landfall_reader     runs `landfall status`, and is whom dashboards ask as
\set ON_ERROR_STOP on
\if :{?schema} \else \set schema landfall \endif
\if :{?write_schemas} \else \set write_schemas public \endif
\if :{?write_tables} \else \set write_tables '' \endif
\if :{?evolution} \else \set evolution none \endif
\if :{?owner} \else \set owner landfall_owner \endif
\if :{?worker} \else \set worker landfall_worker \endif
\if :{?operator} \else \set operator landfall_operator \endif
\if :{?reader} \else \set reader landfall_reader \endif

BEGIN;

-- Who there is: all may log in to this database.
SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY[:'owner', :'worker', :'operator', :'reader']) AS r(role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role)
FROM unnest(ARRAY[:'owner', :'worker', :'operator', :'reader']) AS r(role) \gexec

-- The bookkeeping is its owner's, who makes its tables.
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', :'schema', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema') \gexec
GRANT USAGE ON SCHEMA :"schema" TO :"worker", :"operator", :"reader";

-- What each does with its tables, as far as they are there.
SELECT format('GRANT %s ON %I.%I TO %I', privileges, :'schema', relation, role)
FROM (VALUES
    (:'worker', 'migrations', 'SELECT'),
    (:'worker', 'partitions', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'topics', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'asked_topics', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'partition_starts', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'processed_events', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'worker', 'day_writes', 'SELECT, INSERT, DELETE'),
    (:'worker', 'forgotten_partitions', 'SELECT'),
    (:'worker', 'dead_letters', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'worker', 'table_topics', 'SELECT, INSERT'),
    (:'worker', 'destination_tables', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'made_columns', 'SELECT, INSERT, UPDATE'),
    (:'worker', 'row_sources', 'SELECT, INSERT'),
    (:'worker', 'row_positions', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'worker', 'row_identities', 'SELECT, INSERT'),
    (:'worker', 'moved_rows', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'worker', 'worker_sessions', 'SELECT, INSERT, DELETE'),
    (:'operator', 'migrations', 'SELECT'),
    -- a row that is locked by FOR SHARE needs one of these
    (:'operator', 'partitions', 'SELECT, UPDATE'),
    (:'operator', 'partition_starts', 'SELECT'),
    (:'operator', 'processed_events', 'SELECT, INSERT, UPDATE'),
    (:'operator', 'day_writes', 'SELECT, INSERT'),
    (:'operator', 'dead_letters', 'SELECT, UPDATE'),
    (:'operator', 'forgotten_partitions', 'SELECT'),
    (:'operator', 'row_positions', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'operator', 'row_identities', 'SELECT, INSERT'),
    (:'operator', 'moved_rows', 'SELECT, INSERT, UPDATE, DELETE'),
    (:'operator', 'table_topics', 'SELECT'),
    (:'reader', 'migrations', 'SELECT'),
    (:'reader', 'partitions', 'SELECT'),
    (:'reader', 'partition_starts', 'SELECT'),
    (:'reader', 'dead_letters', 'SELECT'),
    (:'reader', 'forgotten_partitions', 'SELECT')
) AS needed(role, relation, privileges)
WHERE to_regclass(format('%I.%I', :'schema', relation)) IS NOT NULL \gexec
SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, role)
FROM (VALUES
    (:'worker', 'table_facts_1'),
    (:'worker', 'let_days_in'),
    (:'operator', 'table_facts_1')
) AS needed(role, function)
JOIN pg_proc p ON p.proname = function
JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = :'schema' \gexec

-- The destination: rows are looked at, written and removed, by replays too.
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', trim(name), role)
FROM unnest(string_to_array(:'write_schemas', ',')) AS s(name)
CROSS JOIN unnest(ARRAY[:'worker', :'operator']) AS r(role) \gexec
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %I', n.nspname, c.relname, role)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY[:'worker', :'operator']) AS r(role)
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY (
    SELECT trim(name) FROM unnest(string_to_array(:'write_schemas', ',')) AS s(name))
  AND (:'write_tables' = '' OR format('%s.%s', n.nspname, c.relname) = ANY (
    SELECT trim(name) FROM unnest(string_to_array(:'write_tables', ',')) AS t(name))) \gexec
-- Numbers that a column takes where events leave it out: an identity column's need no grant.
SELECT DISTINCT format('GRANT USAGE ON SEQUENCE %s TO %I', s.oid::regclass, role)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attrdef d ON d.adrelid = c.oid
JOIN pg_depend uses ON uses.classid = 'pg_attrdef'::regclass AND uses.objid = d.oid AND uses.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = uses.refobjid AND s.relkind = 'S'
CROSS JOIN unnest(ARRAY[:'worker', :'operator']) AS r(role)
WHERE n.nspname = ANY (SELECT trim(name) FROM unnest(string_to_array(:'write_schemas', ',')) AS s(name))
  AND (:'write_tables' = '' OR format('%s.%s', n.nspname, c.relname) = ANY (
    SELECT trim(name) FROM unnest(string_to_array(:'write_tables', ',')) AS t(name))) \gexec
SELECT format('GRANT CREATE ON SCHEMA %I TO %I', trim(name), :'worker')
FROM unnest(string_to_array(:'write_schemas', ',')) AS s(name) WHERE :'evolution' = 'create' \gexec

COMMIT;
