//! Values that are written as something else, and are nowhere to be read.

use serde_json::json;

use crate::commands::done;
use crate::shaped::{event, land, shaped_world};
use crate::support::World;
use crate::support::events::{Event, change_of};

const SECRET: &str = "alice@example.org";
/// `printf %s alice@example.org | openssl dgst -sha256 -hmac "the key of hashes"`
const HASH: &str = "f6f92c23e362dad1ede1f279b0928ad1e2c78d36e55e42fee6f9a841e43f9540";

async fn masked_world(test: &str, table: &str, mask: &str) -> World {
    let mut world = shaped_world(test, table, mask).await;
    world.set("apply", "mask_key = \"the key of hashes\"");
    world
}

#[tokio::test]
async fn a_hash_is_the_same_for_equal_values_and_a_text_or_null_stands_for_any() {
    let world = masked_world(
        "shape_masks",
        "id bigint PRIMARY KEY, email text, phone text, name text, age int",
        "mask = { email = \"hash\", phone = \"null\", name = \"hidden\" }",
    )
    .await;
    let row = |id: i64, email: Option<&str>| {
        let row = json!({ "id": id, "email": email, "phone": "1", "name": "Alice", "age": 7 });
        event("c", id, row)
    };
    land(
        &world,
        &[row(1, Some(SECRET)), row(2, Some(SECRET)), row(3, None)],
    )
    .await;
    let masked = format!(
        "SELECT count(*) FROM s WHERE email = '{HASH}' AND phone IS NULL AND name = 'hidden' AND age = 7"
    );
    assert_eq!(world.count(&masked).await, 2);
    let null = "SELECT count(*) FROM s WHERE email IS NULL AND phone IS NULL AND name = 'hidden'";
    assert_eq!(world.count(null).await, 1);
    // an update that leaves the masked value out leaves its hash
    let left_out = json!({ "id": 1, "email": "__debezium_unavailable_value", "phone": "1", "name": "Alice", "age": 8 });
    land(&world, &[event("u", 10, left_out)]).await;
    let kept = format!("SELECT count(*) FROM s WHERE email = '{HASH}' AND age = 8");
    assert_eq!(world.count(&kept).await, 1);
}

/// An event of a row whose key is the secret.
fn keyed(op: &str, lsn: i64, n: Option<i64>) -> Event {
    let row = n.map(|n| json!({ "email": SECRET, "n": n, "phone": SECRET }));
    change_of("t", op, lsn, json!({ "email": SECRET }), row)
}

#[tokio::test]
async fn a_hashed_key_names_its_row_and_neither_letters_nor_the_log_have_it_in_the_clear() {
    let mut world = masked_world(
        "shape_mask_key",
        "email text PRIMARY KEY, n bigint CHECK (n <> 13), phone text",
        "mask = { email = \"hash\", phone = \"hash\" }",
    )
    .await;
    world.set("log", "level = \"debug\"");
    land(&world, &[keyed("c", 1, Some(1)), keyed("u", 2, Some(2))]).await;
    assert_eq!(world.texts("SELECT n::text FROM s").await, ["2"]);
    world
        .kafka
        .produce(&world.topic, &[keyed("u", 3, Some(13))])
        .await;
    let log = world.catch_up().await.log();
    assert!(
        !log.contains(SECRET) && !log.contains("the key of hashes"),
        "{log}"
    );
    let letter = "SELECT row_to_json(d)::text FROM landfall.dead_letters d";
    let letters = world.texts(letter).await;
    assert_eq!(letters.len(), 1);
    assert!(!letters[0].contains(SECRET), "{}", letters[0]);
    let listed = done(&world, "dlq list").text;
    assert!(!listed.contains(SECRET), "{listed}");
    // replayed, it is masked as the worker would
    world.sql("ALTER TABLE s DROP CONSTRAINT s_n_check").await;
    done(&world, "dlq replay");
    assert_eq!(world.texts("SELECT n::text FROM s").await, ["13"]);
    // a record that can't be read has a key all the same
    let broken = Event::raw(&json!({ "email": SECRET }).to_string(), "{ broken");
    let plain_key = Event::raw(&format!("\"{SECRET}\""), "{}");
    let wrong = json!({ "op": [SECRET], "after": SECRET }).to_string();
    let wrong = Event::raw(&json!({ "email": SECRET }).to_string(), &wrong);
    land(&world, &[broken, plain_key, wrong]).await;
    let letters = world.texts(letter).await;
    assert_eq!(letters.len(), 4);
    let letters = letters.join("\n");
    assert!(!letters.contains(SECRET), "{letters}");
    land(&world, &[keyed("d", 9, None)]).await;
    assert!(world.texts("SELECT n::text FROM s").await.is_empty());
}
