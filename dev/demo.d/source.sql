-- What only the source has. Debezium reads with a publication and a replication slot of its own.

ALTER TABLE tickets ADD FOREIGN KEY (booking_id) REFERENCES bookings;

CREATE PUBLICATION landfall_demo FOR TABLE contacts, orders, bookings, tickets;
