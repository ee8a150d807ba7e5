-- What a partition's events named, for tombstones that name nothing. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN event_table text[];

COMMENT ON COLUMN {schema}.partitions.event_table IS 'Schema and table that the partition''s events name, by which a tombstone whose delete is gone finds its table; empty: several; null: none so far';
