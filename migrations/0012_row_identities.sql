-- By what rows with positions are told. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.row_identities (
    schema_name text   NOT NULL,
    table_name  text   NOT NULL,
    key_columns text[] NOT NULL,
    told_by     text   NOT NULL,
    PRIMARY KEY (schema_name, table_name, key_columns)
);

COMMENT ON TABLE  {schema}.row_identities IS 'How the keys in row_positions were made of a table''s key; where the key''s type has changed since, they would not be found';
COMMENT ON COLUMN {schema}.row_identities.told_by IS 'The columns in order, each with what its values are told by';
