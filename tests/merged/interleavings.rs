//! Every way in which small histories of a row can come, through one, two and seven partitions.

use std::collections::BTreeMap;

use crate::merged::{merged_world, placed};
use crate::support::{Event, World, audit};

/// One way in which a history comes: each event's partition, and the batch that brings it.
struct Way {
    partitions: Vec<usize>,
    batches: Vec<usize>,
}

/// Every way to give events to at most `most` partitions, and every batch that can bring each: within a partition
/// none comes before an earlier one.
fn ways(events: usize, most: usize) -> Vec<Way> {
    let mut ways = vec![Way {
        partitions: Vec::new(),
        batches: Vec::new(),
    }];
    for at in 0..events {
        let mut longer = Vec::new();
        for way in ways {
            let used = way.partitions.iter().max().map_or(0, |last| last + 1);
            for partition in 0..most.min(used + 1) {
                let earlier = (0..at).filter(|at| way.partitions[*at] == partition);
                let first = earlier.map(|at| way.batches[at]).max().unwrap_or(0);
                for batch in first..events {
                    let mut way = Way {
                        partitions: way.partitions.clone(),
                        batches: way.batches.clone(),
                    };
                    way.partitions.push(partition);
                    way.batches.push(batch);
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    // a batch that brings nothing, before one that does, is the same as none
    ways.retain(|way| {
        let last = way.batches.iter().max().copied().unwrap_or(0);
        (0..last).all(|batch| way.batches.contains(&batch))
    });
    ways
}

/// The events of a way, by the batch that brings them. Operation `d` at the end of a history leaves no row.
fn events_of(way: &Way, ops: &str, id: i64) -> BTreeMap<usize, Vec<(usize, Event)>> {
    let mut batches: BTreeMap<usize, Vec<(usize, Event)>> = BTreeMap::new();
    for (at, op) in ops.chars().enumerate() {
        let (version, partition) = (at as i64 + 1, way.partitions[at]);
        let event = placed(
            &op.to_string(),
            id * 100 + version,
            id,
            version,
            &format!("p{partition}"),
        );
        let batch = batches.entry(way.batches[at]).or_default();
        batch.push((partition, event));
    }
    batches
}

/// Lands every way of each history, batch by batch, each way with a row of its own; returns the events of all
/// batches, and what must be left.
async fn land_all_ways(
    world: &World,
    histories: &[&str],
    most: usize,
    send: impl AsyncFn(&World, Vec<(usize, Event)>),
) -> (Vec<Vec<(usize, Event)>>, Vec<String>) {
    let (mut batches, mut expected) = (Vec::new(), Vec::new());
    let mut id = 0;
    for ops in histories {
        for way in ways(ops.len(), most) {
            id += 1;
            for (batch, events) in events_of(&way, ops, id) {
                if batches.len() <= batch {
                    batches.resize_with(batch + 1, Vec::new);
                }
                batches[batch].extend(events);
            }
            if !ops.ends_with('d') {
                let last = way.partitions[ops.len() - 1];
                expected.push(format!("{id} {} p{last}", ops.len()));
            }
        }
    }
    for batch in &batches {
        send(world, batch.clone()).await;
        world.catch_up().await;
        audit::assert_forward_only(&world.db).await;
    }
    assert_eq!(rows_of(world).await, expected);
    (batches, expected)
}

async fn rows_of(world: &World) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', id, version, body) FROM t ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// To the partitions of one topic.
async fn send_to_partitions(world: &World, events: Vec<(usize, Event)>, partitions: usize) {
    let place = |partition: usize| (partition * 3 % partitions) as i32;
    let events: Vec<Event> = events
        .into_iter()
        .map(|(partition, event)| event.on(place(partition)))
        .collect();
    world.kafka.produce(&world.topic, &events).await;
}

/// Each partition of a history is a topic of its own.
async fn send_to_topics(world: &World, events: Vec<(usize, Event)>) {
    for (at, topic) in world.topics.iter().enumerate() {
        let of_topic = events.iter().filter(|(partition, _)| *partition == at);
        let of_topic: Vec<Event> = of_topic.map(|(_, event)| event.clone()).collect();
        world.kafka.produce(topic, &of_topic).await;
    }
}

const HISTORIES: [&str; 3] = ["cuud", "cdcu", "ruuu"];

#[tokio::test]
async fn every_way_through_seven_partitions_goes_forward_only_and_again_changes_nothing() {
    let world = merged_world("ways_seven", 1, 7).await;
    let send = async |world: &World, events| send_to_partitions(world, events, 7).await;
    let (batches, expected) = land_all_ways(&world, &HISTORIES, 7, send).await;
    let writes = world.count("SELECT count(*) FROM audit").await;
    let positions = "SELECT count(*) FROM landfall.row_positions";
    assert!(world.count(positions).await >= expected.len() as i64);

    // the source sends all of it again, in another order
    for batch in batches.into_iter().rev() {
        send_to_partitions(&world, batch, 7).await;
    }
    world.catch_up().await;
    assert_eq!(rows_of(&world).await, expected);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes);
}

#[tokio::test]
async fn every_way_through_two_topics_goes_forward_only_also_after_forget() {
    let world = merged_world("ways_topics", 2, 1).await;
    let (_, expected) = land_all_ways(&world, &HISTORIES, 2, send_to_topics).await;
    for topic in &world.topics {
        crate::commands::done(&world, &format!("forget --topic {topic}"));
    }
    world.catch_up().await;
    assert_eq!(rows_of(&world).await, expected);
}

#[tokio::test]
async fn a_row_through_one_partition_costs_no_position() {
    let world = merged_world("ways_one", 1, 1).await;
    let send = async |world: &World, events| send_to_partitions(world, events, 1).await;
    land_all_ways(&world, &HISTORIES, 1, send).await;
    let positions = "SELECT count(*) FROM landfall.row_positions";
    assert!(
        world.count(positions).await > 0,
        "the route may match other topics"
    );

    let world = World::new("ways_plain", 2).await;
    let events = crate::support::events::history(20, 3);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.count(positions).await, 0);
}
