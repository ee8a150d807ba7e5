-- One round of changes, as an application would make them; :round counts from 1. A statement of its own is
-- a transaction of its own.

-- New rows.
INSERT INTO contacts (email, name, kind, tags, preferences, created_at)
SELECT format('round%s.%s@example.com', :round, n), format('Newcomer %s', n), 'person', '{new}', '{"language": "en"}', clock_timestamp()
FROM generate_series(1, 100) n;
INSERT INTO orders (external_id, contact_id, status, amount, exchange_rate, item_ids, placed_at)
SELECT gen_random_uuid(), n, 'placed', n + 0.99, 1.0825, ARRAY [n, :round], clock_timestamp()
FROM generate_series(1, 300) n;
INSERT INTO deliveries (order_id, parcel, carrier, fee, stops, signed)
SELECT 60000 + n, gen_random_uuid(), 'courier', n + 0.5, ARRAY [format('round %s', :round)], false FROM generate_series(1, 100) n;
INSERT INTO employees (name, salary, hired_on, skills, changed_at)
SELECT format('Hired %s in round %s', n, :round), 40000, current_date, '[]', clock_timestamp() FROM generate_series(1, 20) n;

-- Changed ones. A booking's large text stays as it is, but for a few.
UPDATE orders SET status = 'shipped', shipped_at = clock_timestamp(), picking_took = interval '01:02:03.000004' WHERE id % 97 = :round AND amount >= 0;
UPDATE contacts SET newsletter = NOT newsletter, "displayName" = format('Seen in round %s', :round), call_after = NULL WHERE id % 83 = :round;
UPDATE bookings SET check_in = '23:59:59', party = party || jsonb_build_object('changed', :round) WHERE id % 40 = 4 * :round % 40;
UPDATE bookings SET terms = repeat(format('Clause of round %s. ', :round), 300) WHERE id % 1000 = :round;
UPDATE tickets SET scanned_at = clock_timestamp(), price = price + 0.01 WHERE booking_id % 71 = :round;
UPDATE deliveries SET arrived_at = clock_timestamp(), signed = true, label = NULL WHERE id % 50 = :round;
UPDATE employees SET salary = salary + 100.01, team = 'Team ' || :round, changed_at = clock_timestamp() WHERE emp_id % 40 = :round;

-- Deleted ones.
DELETE FROM orders WHERE id % 499 = :round AND amount >= 0;
DELETE FROM tickets WHERE booking_id % 331 = :round AND seat LIKE '2%';
DELETE FROM deliveries WHERE id % 307 = :round;
DELETE FROM employees WHERE emp_id % 101 = :round;
BEGIN;
DELETE FROM tickets WHERE booking_id = 5000 + :round;
DELETE FROM bookings WHERE id = 5000 + :round;
COMMIT;

-- Keys that change, a simple one and one of two columns.
UPDATE contacts SET id = id + 1000000 WHERE id BETWEEN 100 * :round AND 100 * :round + 9;
UPDATE tickets SET seat = '9Z' WHERE booking_id BETWEEN 200 * :round AND 200 * :round + 9 AND seat LIKE '1%';

-- A transaction over two tables.
BEGIN;
WITH booked AS (
    INSERT INTO bookings (locator, contact_id, starts_on, check_in, party, terms, booked_at)
    SELECT format('R%s-%s', :round, n), n, current_date, '15:00', '{"adults": 2}', 'standard', now() FROM generate_series(1, 20) n
    RETURNING id)
INSERT INTO tickets (booking_id, seat, holder, price, tax_rate, barcode)
SELECT id, seat, 'Walk-in', 49.90, 0.07, '\x00ff' FROM booked, unnest(ARRAY ['1A', '1B']) seat;
COMMIT;

-- One key inserted, deleted and inserted again; then the same within one transaction.
INSERT INTO contacts (id, email, name, kind, tags, preferences, created_at)
VALUES (2000000 + :round, 'again@example.com', 'First Life', 'person', '{}', '{}', clock_timestamp());
DELETE FROM contacts WHERE id = 2000000 + :round;
INSERT INTO contacts (id, email, name, kind, tags, preferences, created_at)
VALUES (2000000 + :round, 'again@example.com', 'Second Life', 'company', '{back}', '{}', clock_timestamp());
BEGIN;
DELETE FROM contacts WHERE id = 2000000 + :round;
INSERT INTO contacts (id, email, name, kind, tags, preferences, created_at)
VALUES (2000000 + :round, 'again@example.com', 'Third Life', 'company', '{back}', '{}', clock_timestamp());
COMMIT;
