-- Letters of partitions that were forgotten don't count any more, be they deleted yet or not; and what whoever isn't the
-- ledger's owner needs of it. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.forgotten_partitions
    ADD COLUMN topic text, ADD COLUMN partition integer, ADD COLUMN last_letter bigint;

CREATE INDEX forgotten_partitions_letters ON {schema}.forgotten_partitions (topic, partition) WHERE last_letter IS NOT NULL;

COMMENT ON COLUMN {schema}.forgotten_partitions.topic IS 'With partition: which it was; null if it was forgotten before this was kept';
COMMENT ON COLUMN {schema}.forgotten_partitions.last_letter IS 'Rows of dead_letters of the partition up to this id don''t count, and are being deleted; null: they are gone';

-- it runs with the rights of whoever calls it; where the owner has taken functions from PUBLIC beforehand, a worker of another
-- role couldn't
GRANT EXECUTE ON FUNCTION {schema}.table_facts_1(text[], text[]) TO PUBLIC;

-- What keeps a day's events out of the default partition while the day's own is made, and was left behind, goes by whoever
-- finds it: else lanes would wait for the owner. Whoever waits for the lock sets for how long.
CREATE FUNCTION {schema}.let_days_in() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    left_behind record;
BEGIN
    FOR left_behind IN
        SELECT k.conrelid::regclass::text AS place, k.conname AS name FROM pg_constraint k
        JOIN pg_inherits i ON i.inhrelid = k.conrelid
        WHERE i.inhparent = '{schema}.processed_events'::regclass AND k.contype = 'c' AND k.conname ~ '^landfall_keeps_out_[0-9]+$'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', left_behind.place, left_behind.name);
    END LOOP;
END
$body$;

GRANT EXECUTE ON FUNCTION {schema}.let_days_in() TO PUBLIC;

COMMENT ON FUNCTION {schema}.let_days_in IS 'Drops what keeps days out of the default partition of processed_events';
