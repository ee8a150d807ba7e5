-- The rows that the initial snapshot finds: the same in every run.

SELECT setseed(0.42);

INSERT INTO contacts (email, name, "displayName", kind, born_on, call_after, tags, preferences, newsletter, last_seen_from, created_at)
SELECT format('contact%s@example.com', n),
       (ARRAY ['Ada', 'Björn', 'Chloë', 'Dmitri', 'Eun-ji', 'Fatima'])[1 + n % 6] || ' ' || (ARRAY ['O''Neill', 'Müller', '"Quote"', 'Ñandú', 'back\slash', '李'])[1 + n / 6 % 6],
       CASE WHEN n % 3 > 0 THEN format(E'Contact\t%s', n) END,
       (enum_range(NULL::contact_kind))[1 + n % 3],
       CASE WHEN n % 4 > 0 THEN date '1940-01-01' + (random() * 25000)::int END,
       CASE WHEN n % 5 > 0 THEN time '08:00' + (random() * 36000)::int * interval '1 second' END,
       CASE n % 4 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY ['new'] WHEN 2 THEN ARRAY ['vip', 'a,b', 'say "hi"'] ELSE ARRAY ['old', NULL, ''] END,
       jsonb_build_object('language', (ARRAY ['en', 'de', 'fr'])[1 + n % 3], 'score', round(random()::numeric, 4), 'none', NULL),
       n % 2 = 0,
       CASE n % 3 WHEN 0 THEN inet '10.0.0.0' + n WHEN 1 THEN inet '2001:db8::' + n END,
       timestamptz '2021-03-01 12:00:00.123456+00' + n * interval '61.000007 seconds'
FROM generate_series(1, 20000) n;

INSERT INTO orders (external_id, contact_id, status, amount, exchange_rate, item_ids, picking_took, placed_at, shipped_at, remark)
SELECT md5(n::text)::uuid, 1 + n % 20000, (enum_range(NULL::order_status))[1 + n % 4],
       round((random() * 5000)::numeric, 2),
       CASE WHEN n % 3 > 0 THEN trim_scale((random() * 2)::numeric) END,
       CASE WHEN n % 7 > 0 THEN ARRAY [n, n + 1, -n] ELSE '{}' END,
       CASE WHEN n % 2 = 0 THEN (random() * 100000)::int * interval '1 second' END,
       timestamp(3) '2023-01-01' + n * interval '9.001 seconds',
       CASE WHEN n % 4 = 2 THEN timestamp '2023-01-02' + n * interval '9.000001 seconds' END,
       CASE WHEN n % 10 = 0 THEN E'left at the door\nring twice' END
FROM generate_series(1, 50000) n;

INSERT INTO bookings (locator, contact_id, starts_on, check_in, party, voucher, terms, booked_at)
SELECT upper(left(md5(n::text), 8)), 1 + n % 20000, date '2025-01-01' + n % 700,
       time '14:00' + n % 36 * interval '10 minutes',
       jsonb_build_object('adults', 1 + n % 4, 'children', CASE WHEN n % 3 = 0 THEN '[4, 7.50]'::jsonb ELSE '[]' END),
       CASE WHEN n % 5 = 0 THEN decode(md5(n::text), 'hex') END,
       CASE WHEN n % 4 = 0 THEN repeat(format('Clause %s: all of the above, and more. ', n), 100) ELSE 'standard' END,
       timestamptz '2024-06-01 00:00+02' + n * interval '5 minutes'
FROM generate_series(1, 10000) n;

INSERT INTO tickets (booking_id, seat, holder, price, tax_rate, barcode, scanned_at)
SELECT 1 + n % 10000, format('%s%s', 1 + n / 10000, (ARRAY ['A', 'B', 'C'])[1 + n % 3]), format('Guest %s', n),
       round((random() * 300)::numeric, 2), 0.19, decode(md5('ticket ' || n), 'hex'),
       CASE WHEN n % 2 = 0 THEN timestamptz '2025-02-01 20:00+00' + n * interval '1 second' END
FROM generate_series(0, 29999) n;

INSERT INTO deliveries (order_id, parcel, carrier, fee, weight, promised_on, left_at, arrived_at, stops, label, signed)
SELECT n, md5('parcel ' || n)::uuid, (ARRAY ['post', 'courier', 'bike'])[1 + n % 3], round((random() * 20)::numeric, 2),
       CASE WHEN n % 3 > 0 THEN trim_scale((random() * 30)::numeric) END,
       CASE WHEN n % 4 > 0 THEN date '2025-01-01' + n % 365 END,
       CASE WHEN n % 2 = 0 THEN timestamp '2025-01-01' + n * interval '7.003 seconds' END,
       CASE WHEN n % 4 = 0 THEN timestamptz '2025-01-02 00:00+01' + n * interval '7.000003 seconds' END,
       CASE WHEN n % 5 > 0 THEN ARRAY ['depot', 'say "hi"', NULL] ELSE '{}' END,
       CASE WHEN n % 2 = 0 THEN jsonb_build_object('to', format('Door %s', n), 'fragile', n % 10 = 0) END,
       n % 4 = 0
FROM generate_series(1, 10000) n;

INSERT INTO employees (name, team, salary, hired_on, skills, changed_at)
SELECT format('Émile "%s"', n), CASE WHEN n % 5 > 0 THEN format('Team %s', n % 5) END, 30000 + round((random() * 50000)::numeric, 2),
       date '2010-01-01' + n, jsonb_build_array(format('level %s', n % 4), n), timestamptz '2025-01-01 00:00+01' + n * interval '1.000001 seconds'
FROM generate_series(1, 2000) n;

ANALYZE;
