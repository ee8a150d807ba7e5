//! Many tables far away: what is asked and written of them shares its round trips.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::events::insert_into;
use crate::support::proxy::Distance;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit};

const TABLES: i64 = 150;

#[tokio::test]
async fn a_batch_of_150_tables_takes_no_turn_with_postgres_for_each_of_them() {
    let world = World::new("turns", 1).await;
    world.migrate().await;
    for n in 1..=TABLES {
        audit::create_table(&world.db, &format!("many{n}")).await;
    }
    let rows = |id| (1..=TABLES).map(move |n| insert_into(&format!("many{n}"), id, 1));
    let events: Vec<Event> = (1..=3).flat_map(rows).collect();
    world.kafka.produce(&world.topic, &events).await;

    let distance = Distance::start(world.server(), Duration::from_millis(30)).await;
    let through = format!(
        "postgres://postgres@127.0.0.1:{}/{}",
        distance.port, world.name
    );
    let file = world.config_file_for(&through);
    let mut worker = Worker::start(&["run", "--until-caught-up"], &file, &[]);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    let counts: Vec<String> = (1..=TABLES)
        .map(|n| format!("(SELECT count(*) FROM many{n})"))
        .collect();
    let sum = format!("SELECT {}", counts.join(" + "));
    assert_eq!(world.count(&sum).await, 3 * TABLES);
    let turns = distance.turns.load(Ordering::SeqCst);
    // with some 130 for starting, retention's days and taking up a partition
    println!("{turns} turns");
    assert!(turns < 200, "{turns} turns");
}
