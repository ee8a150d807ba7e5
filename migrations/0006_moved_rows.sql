-- What a row had that went under its old key, until the event comes that writes it under the new one. {schema} is the quoted
-- name of postgres.schema.

CREATE TABLE {schema}.moved_rows (
    move_id    uuid        PRIMARY KEY,
    table_name text        NOT NULL,
    columns    text[]      NOT NULL,
    texts      text[],
    kept_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX moved_rows_kept_at ON {schema}.moved_rows (kept_at);

COMMENT ON TABLE {schema}.moved_rows IS 'Values of rows that got another key, which the event with the new key leaves out';
COMMENT ON COLUMN {schema}.moved_rows.move_id IS 'Made of table, position at the source, old and new key: both events of the change have it';
COMMENT ON COLUMN {schema}.moved_rows.table_name IS 'schema.table in the destination';
COMMENT ON COLUMN {schema}.moved_rows.columns IS 'The names of the columns that are kept';
COMMENT ON COLUMN {schema}.moved_rows.texts IS 'Their values as text; null if the row was not in the destination';
COMMENT ON COLUMN {schema}.moved_rows.kept_at IS 'Forgotten after apply.retention, if nobody has asked for it';
