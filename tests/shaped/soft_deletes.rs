//! Deletes that leave their row, which says that it is deleted.

use serde_json::{Value, json};

use crate::commands::done;
use crate::merged::{merged_world, placed};
use crate::shaped::{event, land, shaped_world};
use crate::support::World;
use crate::support::events::{Event, change, tombstone};

const SOFT: &str = "deletes = \"soft\"\nsoft_delete = \"gone\"";

async fn soft_world(test: &str, gone: &str) -> World {
    let table = format!("id bigint PRIMARY KEY, a text, gone {gone}");
    shaped_world(test, &table, SOFT).await
}

fn row(op: &str, lsn: i64, id: i64, a: &str) -> Event {
    event(op, lsn, json!({ "id": id, "a": a }))
}

#[tokio::test]
async fn a_deleted_row_stays_as_it_was_with_the_time_of_its_delete_until_it_comes_again() {
    let world = soft_world("soft", "timestamptz").await;
    let rows =
        "SELECT concat_ws(' ', id, a, extract(epoch FROM gone)::numeric(20, 3)) FROM s ORDER BY id";
    land(
        &world,
        &[
            row("c", 1, 1, "a"),
            row("c", 2, 2, "b"),
            row("c", 3, 3, "c"),
        ],
    )
    .await;
    assert_eq!(world.texts(rows).await, ["1 a", "2 b", "3 c"]);
    let lone = Event {
        timestamp: Some(1_793_491_200_123),
        ..tombstone(3)
    };
    // a delete with its tombstone, a tombstone on its own, and a delete of a row that isn't there
    land(
        &world,
        &[
            change("d", 10, 1, None),
            tombstone(1),
            lone,
            change("d", 11, 9, None),
        ],
    )
    .await;
    assert_eq!(
        world.texts(rows).await,
        ["1 a 1793491200.010", "2 b", "3 c 1793491200.123"]
    );
    land(
        &world,
        &[row("c", 20, 1, "again"), row("u", 21, 3, "again")],
    )
    .await;
    assert_eq!(world.texts(rows).await, ["1 again", "2 b", "3 again"]);
}

#[tokio::test]
async fn within_one_batch_the_last_event_says_whether_the_row_is_deleted() {
    let world = soft_world("soft_batch", "boolean").await;
    world
        .sql("INSERT INTO s VALUES (1, 'old', false), (4, 'old', true), (5, 'old', false)")
        .await;
    land(
        &world,
        &[
            // brought back
            change("d", 10, 1, None),
            row("c", 11, 1, "back"),
            // come and gone
            row("c", 12, 2, "new"),
            change("d", 13, 2, None),
            // there and back, several times
            row("c", 14, 3, "x"),
            change("d", 15, 3, None),
            row("c", 16, 3, "y"),
            change("d", 17, 3, None),
            row("u", 18, 3, "z"),
            // what is left out stays, be the row marked before or after
            change(
                "u",
                19,
                4,
                Some(json!({ "id": 4, "a": "__debezium_unavailable_value" })),
            ),
            change(
                "u",
                20,
                5,
                Some(json!({ "id": 5, "a": "__debezium_unavailable_value" })),
            ),
            change("d", 21, 5, None),
        ],
    )
    .await;
    assert_eq!(
        world.shaped_rows("id").await,
        [
            "(1,back,f)",
            "(2,new,t)",
            "(3,z,f)",
            "(4,old,f)",
            "(5,old,t)"
        ]
    );
    assert_eq!(world.letters().await, [""; 0]);
}

#[tokio::test]
async fn a_soft_delete_waits_behind_a_letter_of_its_row_and_is_replayed_after_it() {
    let world = soft_world("soft_letter", "boolean").await;
    world.sql("ALTER TABLE s ADD CHECK (a <> 'bad')").await;
    land(
        &world,
        &[
            row("c", 1, 1, "a"),
            row("u", 2, 1, "bad"),
            change("d", 3, 1, None),
        ],
    )
    .await;
    // the delete says nothing of what the row has: the update isn't obsolete
    assert_eq!(world.shaped_rows("id").await, ["(1,a,f)"]);
    world.sql("ALTER TABLE s DROP CONSTRAINT s_a_check").await;
    done(&world, "dlq replay");
    assert_eq!(world.shaped_rows("id").await, ["(1,bad,t)"]);
}

#[tokio::test]
async fn a_row_that_gets_another_key_leaves_the_old_one_marked() {
    let table = "code text PRIMARY KEY, id bigint, gone boolean";
    let world = shaped_world("soft_moved", table, &format!("{SOFT}\nkey = [\"code\"]")).await;
    let renamed = |lsn: i64, before: &str, after: &str| {
        let mut event = event("u", lsn, json!({ "id": 1, "code": after }));
        let mut value: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        value["before"] = json!({ "id": 1, "code": before });
        event.value = Some(value.to_string().into_bytes());
        event
    };
    land(&world, &[event("c", 1, json!({ "id": 1, "code": "a" }))]).await;
    land(&world, &[renamed(2, "a", "b")]).await;
    assert_eq!(world.shaped_rows("code").await, ["(a,1,t)", "(b,1,f)"]);
    // within one batch, and back again
    land(&world, &[renamed(3, "b", "c"), renamed(4, "c", "a")]).await;
    assert_eq!(
        world.shaped_rows("code").await,
        ["(a,1,f)", "(b,1,t)", "(c,1,t)"]
    );
}

#[tokio::test]
async fn truncates_leave_rows_where_deletes_do_and_a_route_may_leave_deletes_out() {
    let mut world = soft_world("soft_truncate", "boolean").await;
    world.set("apply", "truncates = true");
    let mut truncate = change("t", 5, 0, None);
    truncate.key = None;
    land(&world, &[row("c", 1, 1, "a"), truncate]).await;
    assert_eq!(world.shaped_rows("id").await, ["(1,a,f)"]);

    world.settings.remove("[route]");
    world.set(
        "[route]",
        "topic = \".*\"\ntable = \"public.s\"\ndeletes = false",
    );
    land(&world, &[change("d", 9, 1, None)]).await;
    assert_eq!(world.shaped_rows("id").await, ["(1,a,f)"]);
}

#[tokio::test]
async fn a_column_that_cannot_say_it_is_a_set_up_error_that_check_names_too() {
    let world = soft_world("soft_column", "text").await;
    world.migrate().await;
    world
        .kafka
        .produce(&world.topic, &[row("c", 1, 1, "a")])
        .await;
    let worker = world.run();
    let why = "has the column gone as text; it has to be a boolean, a timestamp or a timestamptz";
    worker.says(&[why]).await;
    worker.stop().await;
    let check = crate::commands::landfall(&world, "check");
    assert_eq!(check.code, Some(1));
    assert!(
        check.text.contains("has the column gone as text"),
        "{}",
        check.text
    );
    world
        .sql("ALTER TABLE s DROP gone, ADD gone timestamp NOT NULL DEFAULT now()")
        .await;
    world.sql("ALTER TABLE s ALTER gone DROP NOT NULL").await;
    world.catch_up().await;
    assert_eq!(world.shaped_rows("id").await, ["(1,a,)"]);
    done(&world, "check");
}

#[tokio::test]
async fn an_earlier_change_that_comes_after_a_soft_delete_leaves_the_mark_and_brings_what_the_row_had()
 {
    let mut world = merged_world("soft_merged", 2, 1).await;
    world.set("[route]", SOFT);
    world.sql("ALTER TABLE t ADD gone boolean").await;
    let land = async |topic: usize, event: Event| {
        world.kafka.produce(&world.topics[topic], &[event]).await;
        world.catch_up().await;
        let rows = "SELECT concat_ws(' ', id, version, body, gone) FROM t";
        world.texts(rows).await
    };
    assert_eq!(land(0, placed("c", 10, 1, 1, "a")).await, ["1 1 a f"]);
    assert_eq!(land(1, placed("d", 30, 1, 2, "b")).await, ["1 1 a t"]);
    // the update that the deleted row had last comes through the other topic
    assert_eq!(land(0, placed("u", 20, 1, 2, "c")).await, ["1 2 c t"]);
    assert_eq!(land(0, placed("u", 15, 1, 1, "x")).await, ["1 2 c t"]);
    // a delete that comes late marks nothing that came again since
    assert_eq!(land(1, placed("c", 50, 1, 5, "e")).await, ["1 5 e f"]);
    assert_eq!(land(0, placed("d", 40, 1, 4, "d")).await, ["1 5 e f"]);
}

#[tokio::test]
async fn a_soft_delete_marks_only_a_row_that_is_spelled_as_it_is() {
    let mut world = soft_world("soft_spelled", "boolean").await;
    world
        .sql("CREATE EXTENSION citext; ALTER TABLE s ADD code citext, DROP id, ADD PRIMARY KEY (code)")
        .await;
    world.set("[route]", "key = [\"code\"]\nfixed_key = true");
    let of_code = |op: &str, lsn: i64, code: &str| {
        let mut event = event(op, lsn, json!({ "id": 1, "code": code, "a": "x" }));
        let key = json!({ "code": code }).to_string();
        event.key = Some(key.into_bytes());
        event
    };
    world.set("[route]", "exclude = [\"id\"]");
    land(&world, &[of_code("c", 1, "ABC"), of_code("c", 2, "Def")]).await;
    land(&world, &[of_code("d", 3, "abc"), of_code("d", 4, "Def")]).await;
    let rows = "SELECT concat_ws(' ', code, gone) FROM s ORDER BY code";
    assert_eq!(world.texts(rows).await, ["ABC f", "Def t"]);
}

#[tokio::test]
async fn an_older_version_does_not_bring_a_marked_row_back() {
    let mut world = merged_world("soft_versions", 2, 1).await;
    world.set("[route]", &format!("{SOFT}\nversion = \"version\""));
    world.sql("ALTER TABLE t ADD gone boolean").await;
    let blind = |op: &str, version: i64| {
        crate::merged::with(placed(op, 1, 1, version, "x"), |value| {
            value["source"]["lsn"] = json!(null);
        })
    };
    let land = async |topic: usize, event: Event| {
        world.kafka.produce(&world.topics[topic], &[event]).await;
        world.catch_up().await;
        world
            .texts("SELECT concat_ws(' ', version, gone) FROM t")
            .await
    };
    assert_eq!(land(0, blind("c", 1)).await, ["1 f"]);
    assert_eq!(land(0, blind("d", 3)).await, ["1 t"]);
    assert_eq!(land(1, blind("u", 2)).await, ["1 t"]);
    assert_eq!(land(1, blind("u", 4)).await, ["4 f"]);
}
