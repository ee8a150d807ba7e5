//! Partitions that stand still while Postgres goes away and comes back.

use super::{goes_on, stand_still};
use crate::support::events::insert_into;
use crate::support::own_postgres::OwnPostgres;
use crate::support::{World, audit};

#[tokio::test]
async fn a_partition_that_stands_still_as_postgres_goes_away_is_tried_beside_the_others_and_goes_on()
 {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on("aside_away", 1, &postgres.url()).await;
    world.set_lanes(1);
    world.set("retry", "max_delay = \"200ms\"");
    let homeless = world.add_topic("homeless", 1).await;
    let news = [insert_into("homeless", 1, 1)];
    world.kafka.produce(&homeless, &news).await;
    let worker = world.run();
    stand_still(&worker, 1, &["homeless[0]", "(systemic)"]).await;
    postgres.stop();
    // its try ends, and doesn't wait for Postgres
    stand_still(&worker, 1, &["homeless[0]", "(unavailable)"]).await;
    postgres.restart();
    world.reconnect().await;
    stand_still(&worker, 1, &["homeless[0]", "(systemic)"]).await;
    audit::create_table(&world.db, "homeless").await;
    world.until_count("SELECT count(*) FROM homeless", 1).await;
    goes_on(&world, worker).await;
}
