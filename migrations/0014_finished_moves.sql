-- That the event of a new key has been written stays known until retention: if both events are applied once more, the row
-- that has the old key by then is another one. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.moved_rows ADD COLUMN taken_at timestamptz;

COMMENT ON COLUMN {schema}.moved_rows.taken_at IS 'When the event of the new key was written last; null if it has not come yet';
COMMENT ON COLUMN {schema}.moved_rows.columns IS 'The names of the columns that are kept; none if the event that takes the row away has not come since taken_at';
COMMENT ON COLUMN {schema}.moved_rows.texts IS 'Their values as text; null if the row was not in the destination, or if they were taken';
COMMENT ON COLUMN {schema}.moved_rows.kept_at IS 'Forgotten after apply.retention';
