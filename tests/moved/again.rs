//! A key's change that is applied once more: rows that have the old key by now are others.

use super::{away, here, land, moved, world};
use crate::support::World;
use crate::support::events::{Event, insert, partial};

/// The row that had the key 1 has the key 2, and another row has the key 1.
fn taken_key() -> Vec<Event> {
    let mut events = vec![insert(1, 1, 1)];
    events.extend(moved(3, 1, 2, 3));
    events.push(insert(5, 1, 5));
    events
}

const ROWS: [&str; 2] = ["1 5 body 1 5", "2 3 body 1 1"];

async fn by_offset(test: &str, partitions: i32) -> World {
    let mut world = world(test, partitions).await;
    world.set("apply", "idempotency = \"offset\"");
    world.set("retry", "parent_wait = \"10m\"");
    world
}

async fn assert_as_before(world: &World) {
    assert_eq!(world.rows().await, ROWS, "{}", world.name);
    assert_eq!(world.letters().await, [] as [&str; 0], "{}", world.name);
}

#[tokio::test]
async fn a_key_that_changes_once_more_does_not_take_the_values_of_the_row_that_has_the_old_key_now()
{
    let again = &taken_key()[1..];
    let at_once = by_offset("again", 1).await;
    land(&at_once, &taken_key()).await;
    assert_as_before(&at_once).await;
    land(&at_once, again).await;
    assert_as_before(&at_once).await;
    let apart = by_offset("again_apart", 1).await;
    for event in taken_key().iter().chain(again).chain(again) {
        land(&apart, std::slice::from_ref(event)).await;
    }
    assert_as_before(&apart).await;
}

#[tokio::test]
async fn a_key_that_changes_twice_in_one_batch_by_one_event_takes_the_values_once() {
    let world = by_offset("again_batch", 1).await;
    let mut events = taken_key();
    events.extend_from_within(1..);
    land(&world, &events).await;
    assert_as_before(&world).await;
}

#[tokio::test]
async fn a_row_whose_key_has_changed_long_ago_does_not_wait_for_its_old_key() {
    let world = by_offset("again_parts", 2).await;
    let mut first = vec![insert(1, 1, 1)];
    first.extend(away(3, 1, 2));
    first.push(insert(5, 1, 5));
    let first: Vec<Event> = first.into_iter().map(|event| event.on(0)).collect();
    land(&world, &first).await;
    land(&world, &[here(3, 1, 2, 3).on(1)]).await;
    assert_as_before(&world).await;
    land(&world, &[here(3, 1, 2, 3).on(1)]).await;
    assert_as_before(&world).await;
    land(&world, &first[1..]).await;
    assert_as_before(&world).await;
}

#[tokio::test]
async fn a_key_that_changed_before_its_table_was_emptied_changes_once_more() {
    let world = by_offset("again_emptied", 1).await;
    land(&world, &taken_key()).await;
    world.sql("TRUNCATE t").await;
    let mut events = taken_key();
    events.push(partial(6, 2, 6));
    land(&world, &events).await;
    assert_eq!(world.rows().await, ["1 5 body 1 5", "2 6 body 1 1"]);
    assert_eq!(world.letters().await, [] as [&str; 0]);
    world.sql("TRUNCATE t").await;
    for event in &events {
        land(&world, std::slice::from_ref(event)).await;
    }
    assert_eq!(world.rows().await, ["1 5 body 1 5", "2 6 body 1 1"]);
    assert_eq!(world.letters().await, [] as [&str; 0]);
}
