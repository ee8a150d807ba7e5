-- An event may give its row another key: it removes one row and writes another. {schema} is the quoted name of postgres.schema.

ALTER TABLE {schema}.dead_letters ADD COLUMN old_key_hash bigint;

CREATE INDEX dead_letters_parked_old_key ON {schema}.dead_letters (old_key_hash) WHERE state = 'parked';

COMMENT ON COLUMN {schema}.dead_letters.old_key_hash IS 'Of table and the key that the row had before, if the event gives it another: later events of that key meet the letter by it';
