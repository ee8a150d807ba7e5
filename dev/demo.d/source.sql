-- What only the source has. Debezium reads with publications and replication slots of its own.

ALTER TABLE tickets ADD FOREIGN KEY (booking_id) REFERENCES bookings;

-- The destination has no such table: Landfall makes it.
CREATE TABLE deliveries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id       bigint        NOT NULL,
    parcel         uuid          NOT NULL,
    carrier        varchar(12)   NOT NULL,
    fee            numeric(8,2)  NOT NULL,
    weight         numeric,
    promised_on    date,
    left_at        timestamp,
    arrived_at     timestamptz,
    stops          text[]        NOT NULL,
    label          jsonb,
    signed         boolean       NOT NULL
);

CREATE PUBLICATION landfall_demo FOR TABLE contacts, orders, bookings, tickets;
CREATE PUBLICATION landfall_demo_flat FOR TABLE deliveries;
