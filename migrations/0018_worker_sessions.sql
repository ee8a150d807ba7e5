-- Which sessions are workers'. {schema} is the quoted name of postgres.schema.

CREATE TABLE {schema}.worker_sessions (
    pid            integer     NOT NULL,
    backend_start  timestamptz NOT NULL,
    consumer_group text        NOT NULL,
    PRIMARY KEY (pid, backend_start)
);

COMMENT ON TABLE  {schema}.worker_sessions IS 'Sessions of workers: one that holds a partition which its group has given to another worker is ended by that one';
COMMENT ON COLUMN {schema}.worker_sessions.backend_start IS 'With pid as pg_stat_activity has it; rows without a session there are left over, and are deleted by the next worker';
