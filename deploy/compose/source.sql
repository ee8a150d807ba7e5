-- The source of docker-compose.yml: a small shop, and the role that Debezium reads it with.

CREATE TABLE customers (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text        NOT NULL UNIQUE,
    name       text        NOT NULL,
    address    jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    id          bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint         NOT NULL REFERENCES customers,
    status      text           NOT NULL DEFAULT 'placed',
    total       numeric(12, 2) NOT NULL,
    due         date,
    placed_at   timestamptz    NOT NULL DEFAULT now()
);

INSERT INTO customers (email, name, address)
SELECT format('customer-%s@example.com', n), format('Customer %s', n),
       jsonb_build_object('city', (ARRAY ['Aarhus', 'Ghent', 'Porto', 'Turku'])[1 + n % 4])
FROM generate_series(1, 100) AS n;

INSERT INTO orders (customer_id, status, total, due)
SELECT 1 + n % 100, (ARRAY ['placed', 'paid', 'shipped'])[1 + n % 3], n * 1.25, current_date + n % 30
FROM generate_series(1, 1000) AS n;

-- Read and replicate, no more: the publication is made here because making one takes an owner.
\set password `cat /run/secrets/debezium`
CREATE ROLE debezium LOGIN REPLICATION PASSWORD :'password';
GRANT SELECT ON customers, orders TO debezium;
CREATE PUBLICATION landfall FOR TABLE customers, orders;
