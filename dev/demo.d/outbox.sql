-- The source's outbox of employees: what a trigger notes of each change, for a producer that knows nothing of logs.

CREATE TABLE employee_actions (
    LIKE employees,
    action         text   NOT NULL,
    action_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);

CREATE FUNCTION note_action() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed employees;
BEGIN
    -- One at a time until it commits: else a lower action_id could be seen after a higher one was sent.
    LOCK TABLE employee_actions IN EXCLUSIVE MODE;
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    INSERT INTO employee_actions SELECT changed.*, TG_OP;
    RETURN NULL;
END $$;

CREATE TRIGGER note_action AFTER INSERT OR UPDATE OR DELETE ON employees FOR EACH ROW EXECUTE FUNCTION note_action();
