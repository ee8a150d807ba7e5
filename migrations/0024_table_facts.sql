-- What tables are, asked in each batch's transaction. {schema} is the quoted name of postgres.schema, and {facts} the
-- query of src/postgres/fingerprint.rs. Asked as a statement, nearly all of its price is planning; a session keeps a
-- function's plan, also through a pooler that gives the session to somebody else after each transaction.

CREATE FUNCTION {schema}.table_facts_1(schemas text[], names text[])
RETURNS TABLE (place bigint, facts bigint, oid oid)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN
    RETURN QUERY {facts};
END
$body$;

COMMENT ON FUNCTION {schema}.table_facts_1 IS 'For each of these tables that there is: its place in the lists, a hash of what Landfall builds on, its oid';
