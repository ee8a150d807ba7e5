-- How far the sources of a partition's events have come. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN stream_ends bigint[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN {schema}.partitions.stream_ends IS 'For each source 7 numbers: its hash, its furthest position (4), its latest time in milliseconds since 1970, and 1 while it sends events again and not all of them are known';
