-- Which destination tables there have been. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.destination_tables (
    schema_name    text        NOT NULL,
    table_name     text        NOT NULL,
    made_oid       oid,
    first_met_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, table_name)
);

COMMENT ON TABLE  {schema}.destination_tables IS 'The tables that were there when events were landed in them, and those that Landfall made: schema_evolution makes none of them again, as it would lack what was landed before';
COMMENT ON COLUMN {schema}.destination_tables.made_oid IS 'Of a table that Landfall made: the pg_class.oid that it got; a table of this name that has another one is somebody else''s';

-- Of topics that are read already, all are taken to have been there.
INSERT INTO {schema}.destination_tables (schema_name, table_name)
SELECT DISTINCT t.schema_name, t.table_name FROM {schema}.table_topics t
JOIN {schema}.partitions p ON p.topic = t.topic AND p.next_offset > coalesce(p.started_at, 0);
