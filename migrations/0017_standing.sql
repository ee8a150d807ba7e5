-- Which partitions stand still, so that `landfall status` tells what only their worker knows. {schema} is the quoted name of
-- postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN stands_since timestamptz, ADD COLUMN stands_for text;

COMMENT ON COLUMN {schema}.partitions.stands_since IS 'Since when its next events cannot be landed; null if they can';
COMMENT ON COLUMN {schema}.partitions.stands_for IS 'Why, for people';
