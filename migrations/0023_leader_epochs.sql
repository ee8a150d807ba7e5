-- Of which leader a partition's last landed record was, so that a log that was cut and written anew is known. {schema} is the
-- quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN leader_epoch integer, ADD COLUMN leader_epoch_at bigint, ADD COLUMN cut_after integer;

COMMENT ON COLUMN {schema}.partitions.leader_epoch IS 'Leader epoch of the last record below leader_epoch_at; null if the broker tells none';
COMMENT ON COLUMN {schema}.partitions.leader_epoch_at IS 'next_offset when leader_epoch was noted: if that has moved since, the epoch says nothing';
COMMENT ON COLUMN {schema}.partitions.cut_after IS 'The log was cut once: records of later leader epochs than this are known by it too, where they are known by their offset';
