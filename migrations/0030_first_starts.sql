-- Where kafka.start had partitions begin. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.partitions ADD COLUMN started_at bigint;

COMMENT ON COLUMN {schema}.partitions.started_at IS 'Where kafka.start had the partition begin: nothing below was landed by Landfall; null: it was read from its beginning';

CREATE TABLE {schema}.asked_topics (
    consumer_group text   PRIMARY KEY,
    topics         text[] NOT NULL
);

COMMENT ON TABLE  {schema}.asked_topics IS 'What a worker with kafka.start = "latest" has asked for: a topic of these that is met later was created since, and is read from its beginning';
COMMENT ON COLUMN {schema}.asked_topics.topics IS 'kafka.topics as it was then';
