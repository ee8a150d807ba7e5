-- When the days of processed_events were last written, so that dropping one asks for no scan; and which partitions were
-- forgotten, so that forgetting asks for none. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.day_writes (
    day        integer     NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX day_writes_day ON {schema}.day_writes (day, written_at);

COMMENT ON TABLE  {schema}.day_writes IS 'Entered before ids of a day are: at most so often that the last row says within the hour when the day was last written';
COMMENT ON COLUMN {schema}.day_writes.day IS 'Of the events, in days since 1970, UTC';
COMMENT ON COLUMN {schema}.day_writes.written_at IS 'Forgotten after apply.retention';

-- nobody has noted it so far: now at the latest
INSERT INTO {schema}.day_writes (day)
SELECT to_date(right(c.relname, 8), 'YYYYMMDD') - date '1970-01-01' FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = '{schema}.processed_events'::regclass AND c.relname ~ '^processed_events_[0-9]{8}$';

-- and of the days that have no partition
INSERT INTO {schema}.day_writes (day) VALUES (-1);

CREATE TABLE {schema}.forgotten_partitions (
    partition_id integer     PRIMARY KEY,
    forgotten_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE  {schema}.forgotten_partitions IS 'What partitions.partition_id was of partitions that were forgotten: ids in processed_events that came from there count as not entered';
