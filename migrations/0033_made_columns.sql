-- Which columns Landfall made. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.made_columns (
    relation       oid         NOT NULL,
    attnum         smallint    NOT NULL,
    PRIMARY KEY (relation, attnum)
);

COMMENT ON TABLE  {schema}.made_columns IS 'The columns of destination tables that Landfall made, by pg_attribute: schema_evolution has no other column take null, as a person may have meant it so';

-- Nobody has told apart so far what others have added to a table since Landfall made it.
INSERT INTO {schema}.made_columns (relation, attnum)
SELECT a.attrelid, a.attnum FROM {schema}.destination_tables t
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.made_oid AND a.attnum > 0 AND NOT a.attisdropped;
