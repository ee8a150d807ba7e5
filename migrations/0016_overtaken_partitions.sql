-- What a worker learns by moving a watermark: that the partition's topic is put in order by its source from now on.
-- {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN is_overtaken boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN {schema}.partitions.is_overtaken IS 'Another partition of the topic was begun before those that may have earlier events of its rows';
