-- The order of rows whose changes come through several Kafka partitions. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.table_topics (
    schema_name    text        NOT NULL,
    table_name     text        NOT NULL,
    topic          text        NOT NULL,
    number         bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, table_name, topic)
);

COMMENT ON TABLE  {schema}.table_topics IS 'The topics that have led to each destination table; of a table with several, the rows have their positions kept';
COMMENT ON COLUMN {schema}.table_topics.number IS 'By which a worker sees what others have entered since';

CREATE TABLE {schema}.row_sources (
    source         bigint      PRIMARY KEY,
    name           text        NOT NULL
);

COMMENT ON TABLE  {schema}.row_sources IS 'The sources that positions of rows came from: connector, logical name, and database where each has a log of its own';

CREATE TABLE {schema}.row_positions (
    row_key        uuid        PRIMARY KEY,
    source         bigint      NOT NULL,
    position       bytea       NOT NULL,
    partition_id   integer     NOT NULL,
    version        text,
    gone_at        timestamptz
) WITH (fillfactor = 80); -- updated with the row: room for updates within the page

CREATE INDEX row_positions_gone ON {schema}.row_positions (gone_at) WHERE gone_at IS NOT NULL;

COMMENT ON TABLE  {schema}.row_positions IS 'Where the last change of each row stands in its source''s log; of tables whose rows come through several partitions, and of those with route.version';
COMMENT ON COLUMN {schema}.row_positions.row_key IS '32 bits of hash of the table, then 96 of the row''s key';
COMMENT ON COLUMN {schema}.row_positions.partition_id IS 'Where the change came from: partitions.partition_id';
COMMENT ON COLUMN {schema}.row_positions.version IS 'What the change had in the column of route.version; it counts for a row that is gone';
COMMENT ON COLUMN {schema}.row_positions.gone_at IS 'When the row was deleted, null while it is there; kept for apply.retention';
