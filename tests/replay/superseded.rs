//! What a later event has made obsolete stays so, unless an operator insists.

use crate::commands::done;
use crate::replay::{bad, land, mend, states, version, world};
use crate::support::events::{delete, insert, tombstone, update};
use crate::support::{Event, World};

const SAYS: &str = "superseded by a later event of its key; --force would apply it over that";

/// The letter's event is that of log position 2, and made obsolete by what comes after.
async fn superseded(test: &str, later: &[Event]) -> World {
    let world = world(test).await;
    let mut events = vec![insert(1, 1, 1), bad(2, 1, 2)];
    events.extend_from_slice(later);
    land(&world, &events).await;
    assert_eq!(states(&world).await, ["superseded"]);
    mend(&world, "bad").await;
    world
}

/// `row`: the version that the later event has left.
async fn is_left_alone_until_forced(world: &World, row: Option<i64>) {
    assert_eq!(done(world, "dlq replay").text, "replayed 0\n");
    let named = done(world, "dlq replay --id 1").text;
    assert!(named.contains(SAYS), "{named}");
    assert_eq!(version(world, 1).await, row);

    let look = done(world, "dlq replay --force --dry-run").text;
    let warning = "by force, though it is superseded: it may overwrite newer data";
    assert!(
        look.contains(&format!("would be applied {warning}")),
        "{look}"
    );
    assert_eq!(version(world, 1).await, row);
    let forced = done(world, "dlq replay --force").text;
    assert!(
        forced.contains(&format!("was applied {warning}")),
        "{forced}"
    );
    assert!(forced.ends_with("replayed 0, forced 1\n"), "{forced}");
    assert_eq!(version(world, 1).await, Some(2));

    assert_eq!(done(world, "dlq replay --force").text, "replayed 0\n");
    let writes = "SELECT count(*) FROM audit WHERE version = 2 AND op <> 'DELETE'";
    assert_eq!(world.count(writes).await, 1);
}

#[tokio::test]
async fn a_letter_is_not_replayed_over_a_later_update_but_by_force() {
    let world = superseded("over_update", &[update(3, 1, 3)]).await;
    is_left_alone_until_forced(&world, Some(3)).await;
}

#[tokio::test]
async fn a_letter_does_not_bring_a_deleted_row_back_but_by_force() {
    let world = superseded("over_delete", &[delete(3, 1), tombstone(1)]).await;
    is_left_alone_until_forced(&world, None).await;
}

#[tokio::test]
async fn a_discarded_letter_is_replayed_by_force_alone() {
    let world = world("discarded").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world, "bad").await;
    done(&world, "dlq discard --id 1 --yes");
    let named = done(&world, "dlq replay --id 1").text;
    assert!(named.contains("is discarded"), "{named}");
    assert_eq!(version(&world, 1).await, Some(1));
    let forced = done(&world, "dlq replay --id 1 --force").text;
    assert!(forced.contains("though it is discarded"), "{forced}");
    assert_eq!(version(&world, 1).await, Some(2));
}
