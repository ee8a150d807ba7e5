//! A replay keeps to `apply.rate`, as a worker does.

use std::time::{Duration, Instant};

use crate::commands::done;
use crate::replay::{bad, land, mend, world};
use crate::support::events::insert;

#[tokio::test]
async fn letters_are_put_in_no_faster_than_the_rate_of_rows() {
    let mut world = world("replay_rate").await;
    let rows: Vec<_> = (1..=3).map(|id| insert(id, id, 1)).collect();
    let refused: Vec<_> = (1..=3).map(|id| bad(10 + id, id, 2)).collect();
    land(&world, &[rows, refused].concat()).await;
    mend(&world, "bad").await;
    world.set("apply", "rate = 2");
    let since = Instant::now();
    assert_eq!(done(&world, "dlq replay --rate 1000").text, "replayed 3\n");
    assert!(
        since.elapsed() >= Duration::from_secs(1),
        "the third is let in after a second"
    );
}
