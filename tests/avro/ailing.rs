//! A registry that can't give one of its schemas, as where a part of its store is broken.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use serde_json::json;

use super::{produce, world};
use crate::support::avro::{Registry, envelope};
use crate::support::events::{change_of, history};
use crate::support::{Event, audit, eventually, stack};

/// Stands before the stack's registry.
struct Ailing {
    url: String,
    /// The id of the schema that it can't give.
    broken: Arc<AtomicI32>,
}

impl Ailing {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let broken = Arc::new(AtomicI32::new(-1));
        let id = broken.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let id = id.clone();
                std::thread::spawn(move || answer(client, id.load(Ordering::SeqCst)));
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}/apis/ccompat/v7"),
            broken,
        }
    }
}

/// Answers one question.
fn answer(mut client: TcpStream, broken: i32) -> Option<()> {
    let mut lines = BufReader::new(client.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    lines.map_while(Result::ok).find(|line| line.is_empty())?;
    let path = first.split(' ').nth(1)?.to_owned();
    let asked = path.split('?').next()?;
    let (status, body) = if asked.ends_with(&format!("/schemas/ids/{broken}")) {
        (
            "500 Internal Server Error",
            "{\"error_code\":50001,\"message\":\"the store is broken\"}".to_owned(),
        )
    } else {
        let mut real = ureq::get(format!("{}{path}", stack().registry))
            .call()
            .ok()?;
        ("200 OK", real.body_mut().read_to_string().ok()?)
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(format!("{head}{body}").as_bytes()).ok()
}

#[tokio::test]
async fn a_schema_that_the_registry_can_not_give_stops_the_partitions_with_its_records_alone() {
    let (mut world, healthy) = world("avro_ailing", 1).await;
    let ailing = Ailing::start();
    world.use_registry(&ailing.url);
    let settings = world.settings.get_mut("format").expect("set");
    settings.dedup();
    world
        .settings
        .insert("format.registry", vec![format!("url = \"{}\"", ailing.url)]);
    world
        .settings
        .insert("retry", vec!["max_delay = \"200ms\"".to_owned()]);
    let lines = world.settings.entry("apply").or_default();
    lines.retain(|line| !line.starts_with("lanes"));
    lines.push("lanes = 1".to_owned());
    audit::create_table(&world.db, "other").await;
    let other = format!("{}.public.other", world.name);
    world.kafka.create_topic(&other, 1).await;
    world.topics.push(other.clone());
    let schema = envelope(&other, &[("note", json!("string"))]);
    let registry = Registry::at(&stack().registry);
    let id = registry.register(&format!("{other}-value"), &schema);
    ailing.broken.store(id, Ordering::SeqCst);
    world.sql("ALTER TABLE other ADD note text").await;
    let encoder = crate::support::avro::Encoder {
        key: healthy.key.clone(),
        value: (
            id,
            apache_avro::Schema::parse_str(&schema.to_string()).unwrap(),
        ),
    };
    let row = json!({ "id": 1, "version": 1, "body": null, "note": "n" });
    let event: Vec<Event> = vec![change_of("other", "c", 1, json!({ "id": 1 }), Some(row))];
    world.kafka.produce(&other, &encoder.all(&event)).await;
    produce(&world, &healthy, &history(100, 2)).await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 100)
        .await;
    eventually("it is told which partition stands still", async || {
        let (code, text) = worker.get("/readyz").await;
        let told = text.lines().filter(|line| line.contains("stands still"));
        let told: Vec<&str> = told.collect();
        let is_it = |line: &&str| line.contains("public.other[0]") && line.contains("500");
        (code == 503 && told.len() == 1 && told.iter().all(is_it)).then_some(())
    })
    .await;
    ailing.broken.store(-1, Ordering::SeqCst);
    world.until_count("SELECT count(*) FROM other", 1).await;
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}
