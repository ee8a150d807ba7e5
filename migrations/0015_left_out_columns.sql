-- What the last changes of a row have left out, where its changes come through several Kafka partitions. {schema} is
-- the quoted name of postgres.schema.

ALTER TABLE {schema}.row_positions ADD COLUMN left_out jsonb;

COMMENT ON COLUMN {schema}.row_positions.left_out IS 'Columns that the changes since the last whole one have left out (unchanged large values), each with the change up to which its value is known: source, position (as hexadecimal digits) and partition, as the columns of these names say; null if there are none';
