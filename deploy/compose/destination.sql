-- The destination of docker-compose.yml: the tables that events land in, and Landfall's role.

CREATE TABLE customers (
    id         bigint      PRIMARY KEY,
    email      text        NOT NULL,
    name       text        NOT NULL,
    address    jsonb,
    created_at timestamptz NOT NULL
);

CREATE TABLE orders (
    id          bigint         PRIMARY KEY,
    customer_id bigint         NOT NULL,
    status      text           NOT NULL,
    total       numeric(12, 2) NOT NULL,
    due         date,
    placed_at   timestamptz    NOT NULL
);

-- It may create its bookkeeping schema; of the tables it needs nothing but their rows.
\set password `cat /run/secrets/landfall`
CREATE ROLE landfall LOGIN PASSWORD :'password';
GRANT CREATE ON DATABASE warehouse TO landfall;
GRANT SELECT, INSERT, UPDATE, DELETE ON customers, orders TO landfall;
