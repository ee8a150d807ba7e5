//! A replay that is killed leaves nothing by halves: run again, it puts in what is left, once.

use crate::commands::done;
use crate::replay::{bad, land, mend, part, replay, states, world};
use crate::support::audit;
use crate::support::events::insert;

const KEYS: i64 = 12;

/// Killed at the seam with the tenth of two dozen letters, two of each key.
async fn killed_at(seam: &str) {
    let world = world(seam).await;
    let events = (1..=KEYS).flat_map(|id| {
        [
            insert(id, id, 1),
            bad(100 + id, id, 2),
            part(200 + id, id, 3),
        ]
    });
    land(&world, &events.collect::<Vec<_>>()).await;
    assert_eq!(states(&world).await.len(), 24);
    mend(&world, "bad").await;

    let killed = replay(&world, &format!("{seam}=9*off->return"), false);
    killed.await_seam(seam).await.kill().await;
    let done_with = states(&world)
        .await
        .iter()
        .filter(|s| *s == "replayed")
        .count();
    assert!((9..=10).contains(&done_with), "{done_with}");

    let rest = format!("replayed {}\n", 24 - done_with);
    assert_eq!(done(&world, "dlq replay").text, rest);
    assert_eq!(states(&world).await, ["replayed"; 24]);
    let newest = "SELECT count(*) FROM t WHERE version = 3 AND body = 'bad'";
    assert_eq!(world.count(newest).await, KEYS);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 3 * KEYS);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_replay_killed_before_commit_goes_on_where_it_was() {
    killed_at("replay_before_commit").await;
}

#[tokio::test]
async fn a_replay_killed_after_commit_goes_on_where_it_was() {
    killed_at("replay_after_commit").await;
}
