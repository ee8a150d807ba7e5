-- A row for each dead letter. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.dead_letters (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id         uuid        NOT NULL UNIQUE,
    state            text        NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'replayed', 'superseded', 'discarded')),
    state_changed_at timestamptz NOT NULL DEFAULT now(),
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    "offset"         bigint      NOT NULL,
    table_name       text,
    operation        text,
    key              text,
    key_hash         bigint,
    reason           text        NOT NULL,
    stage            text        NOT NULL,
    sqlstate         text,
    message          text        NOT NULL,
    attempts         integer     NOT NULL,
    first_failed_at  timestamptz NOT NULL,
    last_failed_at   timestamptz NOT NULL,
    consumer_group   text        NOT NULL,
    dlq_topic        text        NOT NULL,
    dlq_partition    integer     NOT NULL,
    dlq_offset       bigint      NOT NULL,
    left_out_bytes   bigint,
    superseded_by    uuid
);

-- Whether there are any at all, and whether a key has one, is asked with every batch.
CREATE INDEX dead_letters_parked ON {schema}.dead_letters (key_hash) WHERE state = 'parked';

COMMENT ON TABLE  {schema}.dead_letters IS 'Events that were put aside; written in the transaction of their batch. The records lie in the dead letter topic';
COMMENT ON COLUMN {schema}.dead_letters.event_id IS 'By which the event is recognised when its source sends it again';
COMMENT ON COLUMN {schema}.dead_letters.state IS 'parked: can be replayed; replayed: applied since; superseded: a later event of its key made it obsolete; discarded: given up by an operator';
COMMENT ON COLUMN {schema}.dead_letters.topic IS 'With partition and offset: where the record was read';
COMMENT ON COLUMN {schema}.dead_letters.table_name IS 'schema.table of the destination; null if nothing told it';
COMMENT ON COLUMN {schema}.dead_letters.key IS 'The key''s fields as a JSON object; null if they could not be read';
COMMENT ON COLUMN {schema}.dead_letters.key_hash IS 'Of table and key: letters and later events of one row meet by it';
COMMENT ON COLUMN {schema}.dead_letters.message IS 'What the refusal said; may quote values of the row';
COMMENT ON COLUMN {schema}.dead_letters.dlq_topic IS 'With dlq_partition and dlq_offset: where the letter lies, its latest copy if it failed again';
COMMENT ON COLUMN {schema}.dead_letters.left_out_bytes IS 'Size of the record, if it was too large for the dead letter topic and lies there without its value';
COMMENT ON COLUMN {schema}.dead_letters.superseded_by IS 'Event id of the later event';
