-- Partitions that were added to a topic: rows of theirs have earlier events in the others. {schema} is the quoted name of
-- postgres.schema.

CREATE TABLE {schema}.topics (
    topic           text    PRIMARY KEY,
    topic_id        uuid,
    partition_count integer NOT NULL
);

COMMENT ON TABLE  {schema}.topics IS 'How many partitions a topic had when it was first read';
COMMENT ON COLUMN {schema}.topics.topic_id IS 'As in partitions';

CREATE TABLE {schema}.partition_starts (
    topic      text     NOT NULL,
    partition  integer  NOT NULL,
    topic_id   uuid,
    begins_at  bigint   NOT NULL,
    others     integer[] NOT NULL,
    offsets    bigint[] NOT NULL,
    is_guessed boolean  NOT NULL,
    PRIMARY KEY (topic, partition)
);

COMMENT ON TABLE  {schema}.partition_starts IS 'What other partitions of its topic had to be drained before a partition was begun; kept for reading them again';
COMMENT ON COLUMN {schema}.partition_starts.topic_id IS 'As in partitions';
COMMENT ON COLUMN {schema}.partition_starts.begins_at IS 'The partition''s watermark then; above it, the partition has begun';
COMMENT ON COLUMN {schema}.partition_starts.others IS 'The numbers of the other partitions';
COMMENT ON COLUMN {schema}.partition_starts.offsets IS 'Where each of their watermarks has to be';
COMMENT ON COLUMN {schema}.partition_starts.is_guessed IS 'From timestamps, as nobody saw whether the partition was added later; else the ends of the others when it was';

INSERT INTO {schema}.topics (topic, topic_id, partition_count)
SELECT topic, (array_agg(topic_id ORDER BY partition))[1], max(partition) + 1 FROM {schema}.partitions GROUP BY topic;

-- they have begun long ago
INSERT INTO {schema}.partition_starts (topic, partition, topic_id, begins_at, others, offsets, is_guessed)
SELECT topic, partition, topic_id, -1, '{}', '{}', true FROM {schema}.partitions WHERE partition > 0;
