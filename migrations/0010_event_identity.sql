-- What tells a partition's events apart. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions
    ADD COLUMN positions      bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN position_doubt smallint NOT NULL DEFAULT 0,
    ADD COLUMN full_ids_since bigint   NOT NULL DEFAULT 0,
    ADD COLUMN ordered_since  bigint;

COMMENT ON COLUMN {schema}.partitions.positions IS 'Hashes of what was read last at one place of the source''s log';
COMMENT ON COLUMN {schema}.partitions.position_doubt IS 'Whether the events'' positions at the source are believed: 0 they are; 1 two different changes of a row had the same; 2 a change had none';
COMMENT ON COLUMN {schema}.partitions.full_ids_since IS 'Milliseconds since 1970: ids of earlier events say neither where the event goes nor what it says, as those that were made before';
COMMENT ON COLUMN {schema}.partitions.ordered_since IS 'Milliseconds since 1970: the first event that told its place in its transaction; ids of earlier ones don''t say it';

-- Events that were applied before this are to be recognised when they come again. The hour is for clocks.
UPDATE {schema}.partitions SET full_ids_since = 1000 * (extract(epoch FROM now())::bigint + 3600);
