-- Whether single keys are what the route says. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN key_belief smallint NOT NULL DEFAULT 0;

COMMENT ON COLUMN {schema}.partitions.key_belief IS 'Whether keys that are a single value are those of the route''s key column: 0 unknown, 1 a row has shown it, 2 a row had another value there';
