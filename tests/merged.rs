//! Rows whose changes come through several partitions or topics: they go forward only, in the order of their source.

mod interleavings;
mod left_out;
mod letters;
mod setups;
mod versions;

use serde_json::{Value, json};

use crate::support::events::change_of;
use crate::support::{Event, World};

/// A change of `public.t` as its source logged it, with a record key that tells the row's key and something more,
/// by which Kafka chose the partition.
pub fn placed(op: &str, lsn: i64, id: i64, version: i64, place: &str) -> Event {
    let row = json!({ "id": id, "version": version, "body": place });
    let before = (op == "d").then(|| row.clone());
    let mut event = change_of(
        &format!("t_{place}"),
        op,
        lsn,
        json!({ "id": id, "place": place }),
        (op != "d").then_some(row),
    );
    if let Some(before) = before {
        event = with(event, |value| value["before"] = before);
    }
    event
}

/// The event with its value changed.
pub fn with(mut event: Event, change: impl FnOnce(&mut Value)) -> Event {
    let mut value: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
    change(&mut value);
    event.value = Some(value.to_string().into_bytes());
    event
}

/// A world whose topics, this many, all lead to `public.t` by `id`.
pub async fn merged_world(test: &str, topics: usize, partitions: i32) -> World {
    let mut world = World::new(test, partitions).await;
    for topic in 1..topics {
        let topic = format!("{}.public.t{topic}", world.name);
        world.kafka.create_topic(&topic, partitions).await;
        world.topics.push(topic);
    }
    lead_all_to_t(&mut world);
    world
}

pub fn lead_all_to_t(world: &mut World) {
    world.set(
        "[route]",
        "topic = '.*[.]public[.]t[0-9]*'\ntable = \"public.t\"\nkey = [\"id\"]\nfixed_key = true",
    );
}
