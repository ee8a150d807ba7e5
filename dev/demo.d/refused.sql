-- The one row that the destination refuses, by its CHECK. Prints its key.
INSERT INTO orders (external_id, contact_id, status, amount, item_ids, placed_at, remark)
VALUES ('00000000-0000-0000-0000-000000000bad', 1, 'paid', -1.00, '{}', clock_timestamp(), 'a refund, booked the wrong way')
RETURNING id;
