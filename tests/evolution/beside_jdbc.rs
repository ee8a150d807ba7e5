//! The page that compares our tables with those of the Debezium JDBC sink says of ours what is so.

use crate::support::repository::text;
use crate::support::{Event, World};

use super::schemas::{create, describe};

// the topics of the bench's comparison, which writes the page
#[path = "../../bench/src/tables/fixture.rs"]
#[allow(dead_code)] // the page has more to say of a column
mod fixture;

const PAGE: &str = "docs/tables-made.md";

/// The rows of the page below this heading: a column's name, and what Landfall makes of it.
fn rows_below(page: &str, title: &str) -> Vec<String> {
    let (_, section) = page
        .split_once(&format!("\n## {title}\n"))
        .expect("a section");
    let section = section.split("\n## ").next().expect("text");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    cells
        .skip(1)
        .map(|cells| format!("{} {}", cells[0].trim_start_matches("| "), cells[2]))
        .collect()
}

#[tokio::test]
async fn tables_made_from_nothing_are_those_that_stand_beside_the_jdbc_sinks() {
    let mut world = World::new("evolve_beside", 1).await;
    create(&mut world);
    let registry = world.use_registry_for("avro");
    let (page, fixtures) = (text(PAGE), fixture::all().expect("the topics"));
    world.topics.clear();
    let mut routes = String::new();
    for fixture in &fixtures {
        let topic = format!("{}.public.{}", world.name, fixture.table);
        world.kafka.create_topic(&topic, 1).await;
        let mut ids = [0; 2];
        for (schema, (id, half)) in
            (fixture.schemas().iter().flatten()).zip(ids.iter_mut().zip(["key", "value"]))
        {
            *id = registry.register(&format!("{topic}-{half}"), schema);
        }
        let event = |record: fixture::Record| Event {
            key: record.key,
            value: Some(record.value),
            ..Event::default()
        };
        let records = fixture.records(ids).expect("rows of their schemas");
        let events: Vec<Event> = records.into_iter().map(event).collect();
        world.kafka.produce(&topic, &events).await;
        routes += &fixture.route(&topic);
        world.topics.push(topic);
    }
    // the header of the first is the section's
    world.set(
        "[route]",
        routes.trim_start().trim_start_matches("[[route]]"),
    );
    let worker = world.catch_up().await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0, "{}", worker.log());
    for fixture in &fixtures {
        let mut made = describe(&world, &format!("public.{}", fixture.table)).await;
        assert_eq!(made.pop().as_deref(), Some("PRIMARY KEY (id)"));
        assert_eq!(made, rows_below(&page, &fixture.title));
        let rows = format!("SELECT count(*) FROM public.{}", fixture.table);
        assert_eq!(world.count(&rows).await, 2);
    }
}
