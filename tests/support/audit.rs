//! The destination's own witness: a trigger that notes every write in the order it happens.

use tokio_postgres::Client;

/// `public.<name>(id, version, body)`, with every write to it in `public.audit`.
pub async fn create_table(db: &Client, name: &str) {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS audit (seq bigserial PRIMARY KEY, tbl text, op text, id bigint, version bigint);
         CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF TG_OP = 'DELETE' THEN
                 INSERT INTO public.audit (tbl, op, id, version) VALUES (TG_TABLE_NAME, TG_OP, OLD.id, OLD.version);
             ELSE
                 INSERT INTO public.audit (tbl, op, id, version) VALUES (TG_TABLE_NAME, TG_OP, NEW.id, NEW.version);
             END IF;
             RETURN NULL;
         END $$;
         CREATE TABLE {name} (id bigint PRIMARY KEY, version bigint NOT NULL, body text);
         CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION note();"
    );
    db.batch_execute(&sql).await.expect("an audited table");
}

/// No write repeats a version of a row or takes it back; inserts after a delete begin anew.
pub async fn assert_forward_only(db: &Client) {
    let wrong = count_writes(db, "version <= before").await;
    assert_eq!(wrong, 0, "writes that repeat a version or go back in time");
}

/// No write takes a version of a row back. What fills in a value that later changes left out repeats one.
pub async fn assert_never_back(db: &Client) {
    let wrong = count_writes(db, "version < before").await;
    assert_eq!(wrong, 0, "writes that go back in time");
}

async fn count_writes(db: &Client, wrong: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM (
                   SELECT op, version, lag(version) OVER w AS before, lag(op) OVER w AS op_before
                   FROM audit WINDOW w AS (PARTITION BY tbl, id ORDER BY seq)
               ) writes
               WHERE op <> 'DELETE' AND op_before IS NOT NULL AND op_before <> 'DELETE' AND {wrong}");
    let row = db.query_one(&sql, &[]).await;
    row.expect("the audit is there").get(0)
}
