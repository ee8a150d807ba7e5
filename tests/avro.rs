//! Records in Avro, their schemas in a real registry. What all types look like by way of a real Debezium
//! is in `end_to_end`.

mod ailing;
mod check;
mod letters;
mod locked;
mod registry;
mod stream;

use crate::support::avro::Encoder;
use crate::support::{Event, World};

/// A world of Avro on the stack's registry, and what encodes its events.
async fn world(test: &str, partitions: i32) -> (World, Encoder) {
    let mut world = World::new(test, partitions).await;
    let registry = world.use_avro();
    let encoder = registry.encoder(&world.topic, &[]);
    (world, encoder)
}

async fn produce(world: &World, encoder: &Encoder, events: &[Event]) {
    world
        .kafka
        .produce(&world.topic, &encoder.all(events))
        .await;
}
