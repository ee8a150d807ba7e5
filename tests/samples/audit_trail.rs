//! A history of accounts: every change a row.

use serde_json::{Value, json};

use super::{known_events, land, read_again, sample_world, send};
use crate::support::Event;
use crate::support::events::{change_of, tombstone};

const ROWS: &str = "SELECT concat_ws('|', _op, id, owner, _position, to_char(_changed_at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'))
    FROM audit.accounts ORDER BY _changed_at";

fn account(op: &str, lsn: i64, row: Option<Value>) -> Event {
    change_of("accounts", op, lsn, json!({ "id": 1 }), row)
}

#[tokio::test]
async fn every_change_is_a_row_of_the_audit_trail_once_deletes_too() {
    let mut world = sample_world("audit-trail", "ledger").await;
    world
        .sql(
            "CREATE SCHEMA audit;
             CREATE TABLE audit.accounts (id bigint, owner text, _op text, _position text, _changed_at timestamptz)",
        )
        .await;
    let row = |owner: &str| Some(json!({ "id": 1, "owner": owner }));
    let events = [
        account("c", 10, row("Ada")),
        account("u", 20, row("Björn")),
        account("d", 30, None),
        tombstone(1),
        account("c", 40, row("Chloë")),
    ];
    // the second time, the connector sends all of it again
    for _ in 0..2 {
        send(&mut world, "ledger.public.accounts", &events).await;
        land(&world).await;
        let history = [
            "create|1|Ada|10:1|00:00:00.010",
            "update|1|Björn|20:2|00:00:00.020",
            "delete|1|30:3|00:00:00.030",
            "create|1|Chloë|40:4|00:00:00.040",
        ];
        assert_eq!(world.texts(ROWS).await, history);
        assert_eq!(known_events(&world).await, 4);
    }
    read_again(&world, &["audit.accounts"]).await;
}
