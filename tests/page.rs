//! The page of a worker, as a browser shows it: what `landfall status` says, whatever happens, and readable for everybody.

mod access;
mod browser;
mod compared;
mod schema;

use browser::{LOOKS, dump, judge, paint, read_rows};
use compared::{fresh_page, shows_the_same};

use landfall::clock::now_ms;
use regex::Regex;

use crate::commands::landfall;
use crate::support::kafka::Kafka;
use crate::support::own_postgres::OwnPostgres;
use crate::support::worker::Worker;
use crate::support::world::locking_at;
use crate::support::{Event, World, events, eventually};

/// Where a worker serves this path.
async fn address(worker: &Worker, path: &str) -> String {
    format!("http://{}{path}", worker.address().await)
}

/// A destination that refuses negative versions, and a table beside `t`, `held`, with a topic of its own.
async fn world_with_trouble(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    let refuse = "ALTER TABLE t ADD CONSTRAINT positive CHECK (version >= 0)";
    world.db.batch_execute(refuse).await.unwrap();
    crate::support::audit::create_table(&world.db, "held").await;
    let held = format!("{}.public.held", world.name);
    world.kafka.create_topic(&held, 1).await;
    world.topics.push(held);
    world.set("retry", "max_attempts = 1");
    world
}

/// Has `held` stand still until the session is dropped, with an event to come, and puts three events of `t` aside.
async fn make_trouble(world: &World) -> tokio_postgres::Client {
    let held = events::insert_into("held", 1, 1).at(now_ms());
    world.kafka.produce(&world.topics[1], &[held]).await;
    world.until_count("SELECT count(*) FROM held", 1).await;
    let rival = locking_at(&world.database_url, "LOCK TABLE held").await;
    let later = events::insert_into("held", 2, 2).at(now_ms());
    world.kafka.produce(&world.topics[1], &[later]).await;
    let mut rows: Vec<Event> = events::history(60, 1);
    rows.extend((7_000..7_003).map(|id| events::insert(id, id, -1)));
    world.kafka.produce(&world.topic, &rows).await;
    world.until_count("SELECT count(*) FROM t", 60).await;
    world
        .until_count("SELECT count(*) FROM landfall.dead_letters", 3)
        .await;
    rival
}

#[tokio::test]
async fn the_page_says_what_status_says_in_traffic_at_rest_and_while_one_table_is_held() {
    let world = world_with_trouble("page").await;
    let worker = world.run();
    worker.says(&["partitions assigned"]).await;
    let topic = world.topic.clone();
    let traffic = tokio::spawn(async move {
        let kafka = Kafka::new();
        for n in 0.. {
            let event = events::insert(10_000 + n, n % 60 + 1, 1);
            kafka.produce(&topic, &[event]).await;
        }
    });
    shows_the_same(&world, &worker).await;
    traffic.abort();
    let _ = traffic.await;
    let rival = make_trouble(&world).await;
    eventually("it stands still", async || {
        let (_, reasons) = worker.get("/readyz").await;
        reasons.contains("(locked)").then_some(())
    })
    .await;

    let page = shows_the_same(&world, &worker).await;
    let stops = read_rows(&page, "standing");
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!(stops[0]["partition"], format!("{} 0", world.topics[1]));
    assert_eq!(stops[0]["table"], "public.held");
    assert_eq!(stops[0]["reason"], "locked");
    assert!(
        stops[0]["why"].contains("application forgotten"),
        "{stops:?}"
    );
    let commands = &read_rows(&page, "letters")[0]["commands"];
    let commands: Vec<&str> = commands.lines().collect();
    assert_eq!(
        commands[1],
        "landfall dlq replay --table public.t --reason constraint --dry-run"
    );
    for command in &commands[..2] {
        let answer = landfall(&world, command.strip_prefix("landfall ").unwrap());
        assert!(answer.text.contains("constraint"), "{command}: {answer:?}");
    }
    drop(rival);
    world.until_count("SELECT count(*) FROM held", 2).await;
    eventually("nothing stands still", async || {
        let page = dump(&address(&worker, "/").await);
        page.contains("Nothing stands still.").then_some(())
    })
    .await;
    shows_the_same(&world, &worker).await;
}

#[tokio::test]
async fn the_page_says_what_is_known_while_it_catches_up_and_while_postgres_is_away() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on("page_away", 1, &postgres.url()).await;
    world.set("apply", "batch_rows = 20");
    let rows = events::history(20_000, 1);
    world.kafka.produce(&world.topic, &rows).await;
    let worker = world.run();
    eventually("some is in", async || {
        (world.count("SELECT count(*) FROM t").await > 0).then_some(())
    })
    .await;
    let page = shows_the_same(&world, &worker).await;
    assert_eq!(read_rows(&page, "versions").len(), 0);
    assert!(page.contains(env!("CARGO_PKG_VERSION")));
    world.until_count("SELECT count(*) FROM t", 20_000).await;

    postgres.stop();
    world
        .kafka
        .produce(&world.topic, &[events::insert(90_000, 90_000, 1)])
        .await;
    worker.says(&["waiting; nothing is lost"]).await;
    let before = compared::told(&world, "partition");
    assert_eq!(before[0]["state"], "unknown");
    let page = fresh_page(&worker).await;
    assert!(page.contains("Postgres doesn't answer"), "{page}");
    assert!(page.contains("Not ready") && page.contains("lane 0 waits (unavailable)"));
    let row = &read_rows(&page, "partitions")[0];
    // what nobody else can tell, its worker knows
    assert_eq!(
        [&*row["state"], &row["applied"], &row["lag"]],
        ["?", "20000", "1"],
        "{row:?}"
    );
    assert_eq!(row["end"], before[0]["end"].to_string());
    let version = Regex::new(r"<dt>Postgres</dt><dd>\d+").unwrap();
    assert!(version.is_match(&page), "what was known before is shown");
    postgres.restart();
    eventually("it answers again", async || {
        let page = dump(&address(&worker, "/").await);
        (!page.contains("doesn't answer") && page.contains("Ready")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_page_of_trouble_is_readable_in_the_light_in_the_dark_on_a_phone_and_by_keyboard() {
    let world = world_with_trouble("page_read").await;
    let worker = world.run();
    let _rival = make_trouble(&world).await;
    eventually("it is in the history", async || {
        let page = fresh_page(&worker).await;
        let stands = read_rows(&page, "standing").len() == 1;
        (stands && page.matches("<svg").count() > 4).then_some(())
    })
    .await;
    let (_, page) = worker.get("/").await;
    for look in LOOKS {
        let wrong = judge(look, &page);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", look.name);
    }
    // the first stop of the Tab key leads past everything else; nothing changes their order
    let stops = Regex::new(r"<a [^>]*>|tabindex=.\d").unwrap();
    let stops: Vec<&str> = stops.find_iter(&page).map(|stop| stop.as_str()).collect();
    assert!(stops[0].contains("href=\"#main\""), "{stops:?}");
    assert!(
        stops.iter().all(|stop| stop.starts_with("<a ")),
        "{stops:?}"
    );
    if let Some(folder) = std::env::var_os("LANDFALL_SCREENSHOTS") {
        paint_all(&world, &worker, folder.as_ref()).await;
    }
}

/// For the documents (`dev/screenshots`): a minute of traffic that is now quick and now slow. The test's own names are
/// replaced by a shop's.
async fn paint_all(world: &World, worker: &Worker, folder: &std::path::Path) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(70);
    let mut n = 0;
    while std::time::Instant::now() < until {
        let burst = 1 + (n / 40) % 7 * 12;
        let events = (0..burst).map(|_| {
            n += 1;
            let id = n as i64;
            events::insert(50_000 + id, id % 60 + 1, 1).at(now_ms())
        });
        let events: Vec<Event> = events.collect();
        world.kafka.produce(&world.topic, &events).await;
    }
    let page = fresh_page(worker).await;
    let names = [
        (&*world.name, "shop"),
        ("public.held", "public.customers"),
        ("public.t", "public.orders"),
    ];
    let page = names
        .iter()
        .fold(page, |page, (own, shown)| page.replace(own, shown));
    let file = tempfile::Builder::new().suffix(".html").tempfile().unwrap();
    std::fs::write(file.path(), page).unwrap();
    for look in LOOKS {
        let picture = folder.join(format!("page-{}.png", look.name));
        paint(look, &format!("file://{}", file.path().display()), &picture);
    }
}
