-- What only the destination has: a rule that one of the source's rows breaks.

ALTER TABLE orders ADD CONSTRAINT no_negative_amounts CHECK (amount >= 0);
