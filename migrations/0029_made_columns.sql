-- Which columns Landfall made. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.made_columns (
    schema_name    text        NOT NULL,
    table_name     text        NOT NULL,
    column_name    text        NOT NULL,
    relation       oid         NOT NULL,
    PRIMARY KEY (schema_name, table_name, column_name)
);

COMMENT ON TABLE  {schema}.made_columns IS 'The columns of destination tables that Landfall made: schema_evolution has no other column take null, as a person may have meant it so';
COMMENT ON COLUMN {schema}.made_columns.relation IS 'The pg_class.oid of the table: one of this name that has another is somebody else''s';

-- Nobody has told apart so far what others have added to a table since Landfall made it.
DO $$
BEGIN
    INSERT INTO {schema}.made_columns (schema_name, table_name, column_name, relation)
    SELECT t.schema_name, t.table_name, a.attname, a.attrelid FROM {schema}.destination_tables t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.made_oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE t.made_oid = to_regclass(format('%I.%I', t.schema_name, t.table_name))::oid;
EXCEPTION
    WHEN undefined_table THEN NULL; -- Landfall has made none: it notes them since a later migration
END $$;
