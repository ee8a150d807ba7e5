//! The registry away, secured, or several of them: events wait, and none is put aside for it.

use serde_json::json;

use super::{produce, world};
use crate::support::avro::{Encoder, Registry, envelope};
use crate::support::events::{history, insert};
use crate::support::own_registry::OwnRegistry;
use crate::support::{World, stack};

async fn letters(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM landfall.dead_letters")
        .await
}

#[tokio::test]
async fn a_registry_that_is_away_is_waited_for_and_costs_nothing() {
    let mut world = World::new("avro_away", 2).await;
    // which is said of Postgres: nobody could say which row a record is about
    world.set("retry", "when_unavailable = \"dead_letter\"");
    world.set("retry", "max_attempts = 1");
    let registry = OwnRegistry::start();
    let api = registry.api();
    world.use_registry(&api.url);
    let known = api.encoder(&world.topic, &[]);
    produce(&world, &known, &history(50, 2)).await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 50)
        .await;

    let add = "ALTER TABLE t ADD extra int";
    world.db.batch_execute(add).await.unwrap();
    let new = api.encoder(&world.topic, &[("extra", json!("int"))]);
    registry.stop();
    // what is known needs no registry
    produce(&world, &known, &[insert(5_000_000, 51, 2)]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 51", 1)
        .await;
    produce(&world, &new, &[insert(6_000_000, 52, 2)]).await;
    let said = worker
        .says(&[
            "a partition waits, and the others",
            "the schema registry at",
            "can't be asked",
        ])
        .await;
    assert!(said.contains("WARN"), "{said}");
    let ready = crate::support::eventually("it isn't ready", async || {
        let (code, body) = worker.get("/readyz").await;
        (code == 503).then_some(body)
    })
    .await;
    assert!(
        ready.contains("unavailable") && ready.contains("registry"),
        "{ready}"
    );
    assert_eq!(letters(&world).await, 0);

    registry.restart();
    world
        .until_count("SELECT count(*) FROM t WHERE id = 52", 1)
        .await;
    worker.says(&["stood still goes on"]).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    assert_eq!(
        log.matches("a partition waits, and the others").count(),
        1,
        "{log}"
    );
    assert_eq!(letters(&world).await, 0);
}

#[tokio::test]
async fn whoever_waits_for_the_registry_can_be_stopped_and_loses_nothing() {
    let (mut world, encoder) = world("avro_stopped", 1).await;
    let url = world.settings.insert(
        "format.registry",
        vec!["url = \"http://127.0.0.1:1\"".to_owned()],
    );
    produce(&world, &encoder, &[insert(1, 1, 1)]).await;
    let worker = world.run();
    worker
        .says(&["a partition waits, and the others", "registry"])
        .await;
    let (code, _) = worker.stop().await;
    assert_eq!(code, Some(0));
    world.settings.insert("format.registry", url.unwrap());
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 1);
}

/// One process waits for a registry that isn't there; another, which has the right one, takes over.
#[tokio::test]
async fn whoever_waits_for_the_registry_gives_partitions_up_to_others() {
    let (mut world, encoder) = world("avro_rebalance", 2).await;
    let wrong = vec!["url = \"http://127.0.0.1:1\"".to_owned()];
    let right = world.settings.insert("format.registry", wrong).unwrap();
    produce(&world, &encoder, &history(100, 1)).await;
    let waits = world.run();
    waits
        .says(&["a partition waits, and the others", "registry"])
        .await;
    world.settings.insert("format.registry", right);
    let lands = world.run();
    waits.says(&["partitions given up"]).await;
    let some = async || (world.count("SELECT count(*) FROM t").await > 0).then_some(());
    crate::support::eventually("its half is landed", some).await;
    let (code, _) = waits.stop().await;
    assert_eq!(code, Some(0));
    world.until_count("SELECT count(*) FROM t", 100).await;
    assert_eq!(letters(&world).await, 0);
    lands.stop().await;
}

#[tokio::test]
async fn of_several_registries_the_first_that_answers_will_do() {
    let (mut world, encoder) = world("avro_several", 1).await;
    let real = format!("{}/apis/ccompat/v7", stack().registry);
    let urls = format!("url = [\"http://127.0.0.1:1/x\", \"{real}\"]");
    world.settings.insert("format.registry", vec![urls]);
    produce(&world, &encoder, &history(10, 1)).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world.count("SELECT count(*) FROM t").await,
        10,
        "{}",
        worker.log()
    );
}

/// What isn't a registry's API has no schema either, and that says nothing of the records.
#[tokio::test]
async fn an_url_without_its_path_is_a_mistake_and_not_a_dead_letter() {
    let (mut world, encoder) = world("avro_path", 1).await;
    let url = format!("url = \"{}\"", stack().registry);
    world.settings.insert("format.registry", vec![url]);
    produce(&world, &encoder, &history(10, 1)).await;
    let worker = world.run();
    worker
        .says(&["breaker open", "format.registry.url may lack its path"])
        .await;
    worker.stop().await;
    assert_eq!(letters(&world).await, 0);
}

#[tokio::test]
async fn a_schema_is_read_with_those_that_it_refers_to() {
    let (world, encoder) = world("avro_refers", 1).await;
    let registry = Registry::at(&stack().registry);
    let kind = format!("{}.Kind", world.name);
    let mood = json!({"type": "enum", "name": kind, "symbols": ["calm", "storm"]});
    let subject = format!("{}/a subject", world.name);
    registry.register(&subject.replace('/', "%2F").replace(' ', "%20"), &mood);
    let value = envelope(&world.topic, &[("kind", json!(kind))]);
    let references = json!([{ "name": kind, "subject": subject, "version": 1 }]);
    let id = registry.register_with(&format!("{}-refers", world.topic), &value, references);
    // the reference has no references, so it is written with the type in its place
    let whole = envelope(&world.topic, &[("kind", mood)]);
    let schema = apache_avro::Schema::parse_str(&whole.to_string()).unwrap();
    let encoder = Encoder {
        key: encoder.key,
        value: (id, schema),
    };
    let add = "CREATE TYPE kind AS ENUM ('calm', 'storm'); ALTER TABLE t ADD kind kind";
    world.db.batch_execute(add).await.unwrap();
    let row = json!({ "id": 1, "version": 1, "body": null, "kind": "storm" });
    let event = crate::support::events::change("c", 1, 1, Some(row));
    produce(&world, &encoder, &[event]).await;
    let worker = world.catch_up().await;
    let landed = "SELECT count(*) FROM t WHERE kind = 'storm'";
    assert_eq!(world.count(landed).await, 1, "{}", worker.log());
}
