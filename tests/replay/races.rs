//! Two replays at once, and a replay beside a worker that has later events of the same keys.

use crate::replay::{bad, land, mend, replay, states, version, waits_for_a_lock, world};
use crate::support::audit;
use crate::support::events::{insert, update};

const ONCE: &str = "replay_before_commit=1*return->off";

#[tokio::test]
async fn two_replays_at_the_same_time_apply_a_letter_once() {
    let world = world("two_replays").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world, "bad").await;
    let mut first = replay(&world, ONCE, true);
    first.is_frozen().await;
    let mut second = replay(&world, "", false);
    waits_for_a_lock(&world).await;
    first.thaw();

    assert_eq!(first.wait().await, Some(0), "{}", first.log());
    assert_eq!(second.wait().await, Some(0), "{}", second.log());
    assert!(first.log().ends_with("replayed 1"), "{}", first.log());
    assert!(
        second.log().ends_with("replayed 0, replayed before 1"),
        "{}",
        second.log()
    );
    let writes = "SELECT count(*) FROM audit WHERE version = 2";
    assert_eq!(world.count(writes).await, 1);
}

#[tokio::test]
async fn a_worker_with_a_later_event_waits_for_a_replay_of_its_key() {
    let world = world("replay_first").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world, "bad").await;
    let mut replay = replay(&world, ONCE, true);
    replay.is_frozen().await;
    world.kafka.produce(&world.topic, &[update(3, 1, 3)]).await;
    let worker = world.run();
    waits_for_a_lock(&world).await;
    assert_eq!(version(&world, 1).await, Some(1));
    replay.thaw();

    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    world.until_count("SELECT version FROM t", 3).await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(states(&world).await, ["replayed"]);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 3);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_replay_waits_for_a_worker_with_a_later_event_and_finds_its_letter_superseded() {
    let world = world("worker_first").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world, "bad").await;
    world.kafka.produce(&world.topic, &[update(3, 1, 3)]).await;
    let worker = world.run_until_frozen("before_commit", 1).await;
    let mut replay = replay(&world, "", false);
    waits_for_a_lock(&world).await;
    worker.thaw();

    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    let says = "superseded by a later event of its key";
    assert!(replay.log().contains(says), "{}", replay.log());
    world.until_count("SELECT version FROM t", 3).await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(states(&world).await, ["superseded"]);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn beside_a_worker_that_lands_later_events_of_the_same_keys_no_row_goes_back() {
    const KEYS: i64 = 150;
    const NEWEST: i64 = 8;
    let world = world("live").await;
    let first = (1..=KEYS).map(|id| insert(id, id, 1));
    let refused = (1..=KEYS).map(|id| bad(1_000 + id, id, 2));
    land(&world, &first.chain(refused).collect::<Vec<_>>()).await;
    assert_eq!(states(&world).await.len(), KEYS as usize);
    mend(&world, "bad").await;

    let worker = world.run();
    let mut replay = replay(&world, "", false);
    for version in 3..=NEWEST {
        // from the last key on, while the replay goes from the first
        for ids in (1..=KEYS).rev().collect::<Vec<_>>().chunks(10) {
            let later = ids
                .iter()
                .map(|id| update(version * 1_000 + id, *id, version));
            let later: Vec<_> = later.collect();
            world.kafka.produce(&world.topic, &later).await;
        }
    }
    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    let newest = format!("SELECT count(*) FROM t WHERE version = {NEWEST}");
    world.until_count(&newest, KEYS).await;
    assert_eq!(worker.stop().await.0, Some(0));
    audit::assert_forward_only(&world.db).await;
    let states = states(&world).await;
    let count = |state: &str| states.iter().filter(|s| *s == state).count();
    let (replayed, superseded) = (count("replayed"), count("superseded"));
    assert_eq!(replayed + superseded, KEYS as usize, "{}", replay.log());
    let in_by_replay = "SELECT count(*) FROM audit WHERE version = 2";
    assert_eq!(world.count(in_by_replay).await, replayed as i64);
}
