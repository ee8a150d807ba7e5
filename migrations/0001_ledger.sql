-- The bookkeeping of exactly once. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.partitions (
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    next_offset    bigint      NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    consumer_group text        NOT NULL,
    topic_id       uuid,
    batch          uuid        NOT NULL,
    open_deletes   bigint[]    NOT NULL DEFAULT '{}',
    partition_id   integer     GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 20); -- updated with every batch: room for updates within the page

COMMENT ON TABLE  {schema}.partitions IS 'How far each Kafka partition has been applied; written in the transaction that applies it';
COMMENT ON COLUMN {schema}.partitions.next_offset IS 'The watermark: every event below this offset is in the destination (or in a dead letter)';
COMMENT ON COLUMN {schema}.partitions.consumer_group IS 'The group that wrote it last';
COMMENT ON COLUMN {schema}.partitions.topic_id IS 'Kafka''s id of the topic: another one when a topic is deleted and created again; null if the broker tells none';
COMMENT ON COLUMN {schema}.partitions.batch IS 'The batch that wrote this row; a writer that last saw another one has lost the partition';
COMMENT ON COLUMN {schema}.partitions.open_deletes IS 'Hashes of the keys whose delete came last and whose tombstone is still to come';

CREATE TABLE {schema}.processed_events (
    id             uuid        NOT NULL,
    partition_id   integer     NOT NULL,
    applied_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);

COMMENT ON TABLE  {schema}.processed_events IS 'A row for each event applied, by which it is recognised when it comes again; partitioned by the day of the event';
COMMENT ON COLUMN {schema}.processed_events.id IS 'Made from the event''s own identity: 48 bits of its time in milliseconds, then 80 bits of hash';
COMMENT ON COLUMN {schema}.processed_events.partition_id IS 'Where it came from: partitions.partition_id';

-- Events far from today, by a wrong clock or from an old backlog.
CREATE TABLE {schema}.processed_events_other PARTITION OF {schema}.processed_events DEFAULT;
