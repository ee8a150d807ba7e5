//! A route may have a dead letter topic of its own: its letters are published there, and found and replayed from there.

use std::collections::HashSet;

use rdkafka::message::Message as _;
use serde_json::{Value, json};

use crate::commands::{done, landfall};
use crate::replay::{bad, mend, states, version};
use crate::support::events::{change_of, insert};
use crate::support::kafka::header;
use crate::support::{Event, World, audit};

/// Two topics with a table each; the letters of `u` go to a topic of their own.
struct Routed {
    world: World,
    u: String,
    letters_of_u: String,
}

async fn routed(test: &str) -> Routed {
    let mut world = World::new(test, 1).await;
    audit::create_table(&world.db, "u").await;
    for table in ["t", "u"] {
        let sql = format!("ALTER TABLE {table} ADD CONSTRAINT not_bad CHECK (body <> 'bad')");
        world.sql(&sql).await;
    }
    world.set("dead_letter.breaker", "ratio = 1.0");
    world.set("apply", "batch_rows = 1");
    let u = format!("{}.public.u", world.name);
    world.kafka.create_topic(&u, 1).await;
    world.topics.push(u.clone());
    let letters_of_u = format!("{}.u.dlq", world.name);
    route(&mut world, &format!("dead_letter_topic = {letters_of_u:?}"));
    Routed {
        world,
        u,
        letters_of_u,
    }
}

/// The route of `u` has these keys, that of `t` none.
fn route(world: &mut World, keys: &str) {
    let route = |table: &str| format!("topic = \".*[.]{table}\"\ntable = \"public.{table}\"\n");
    let routes = format!("{}{keys}\n[[route]]\n{}", route("u"), route("t"));
    world.settings.insert("[route]", vec![routes]);
}

fn insert_into_u(lsn: i64, id: i64, body: &str) -> Event {
    let row = json!({ "id": id, "version": 1, "body": body });
    change_of("u", "c", lsn, json!({ "id": id }), Some(row))
}

impl Routed {
    async fn produce_both(&self) {
        let (of_t, of_u) = (
            [insert(1, 1, 1), bad(2, 1, 2)],
            [insert_into_u(3, 5, "b"), insert_into_u(4, 6, "bad")],
        );
        self.world.kafka.produce(&self.world.topic, &of_t).await;
        self.world.kafka.produce(&self.u, &of_u).await;
    }

    async fn mend_both(&self) {
        mend(&self.world, "bad").await;
        let sql = "ALTER TABLE u DROP CONSTRAINT not_bad";
        self.world.sql(sql).await;
    }

    async fn count_in_u(&self) -> i64 {
        self.world.count("SELECT count(*) FROM u").await
    }

    /// Where `check` says that dead letters go, and whether the topic is there, or could be created.
    fn checked_topics(&self) -> Value {
        let answer = landfall(&self.world, "check --json --static");
        let kafka = answer.objects().into_iter().next().expect(&answer.error);
        kafka["dead_letter_topics"].clone()
    }
}

#[tokio::test]
async fn each_routes_letters_go_to_its_topic_and_are_replayed_from_there_once() {
    let routed = routed("own_letters").await;
    let world = &routed.world;
    routed.produce_both().await;
    world.catch_up().await;

    for (letters, source) in [
        (&world.dead_letter_topic(), &world.topic),
        (&routed.letters_of_u, &routed.u),
    ] {
        let published = world.kafka.read_all(letters).await;
        let [letter] = published.as_slice() else {
            panic!("{letters} has {} letters", published.len());
        };
        let of = |key: &str| header(letter, key);
        assert_eq!(of("__connect.errors.topic").as_ref(), Some(source));
        assert_eq!(of("__connect.errors.offset").as_deref(), Some("1"));
        assert_eq!(of("landfall.reason").as_deref(), Some("constraint"));
        assert!(letter.payload().is_some());
    }
    let listed = done(world, "dlq list --json").all("dlq_topic");
    let listed: HashSet<&str> = listed.iter().filter_map(Value::as_str).collect();
    let expected = [&*world.dead_letter_topic(), &*routed.letters_of_u];
    assert_eq!(listed, HashSet::from(expected));

    // one that fails again stays in its route's topic
    let again = landfall(world, "dlq replay");
    assert!(again.text.contains("failed 2"), "{}", again.text);
    assert_eq!(world.kafka.read_all(&routed.letters_of_u).await.len(), 2);

    routed.mend_both().await;
    assert_eq!(done(world, "dlq replay").text, "replayed 2\n");
    assert_eq!(
        (version(world, 1).await, routed.count_in_u().await),
        (Some(2), 2)
    );
    assert_eq!(done(world, "dlq replay").text, "replayed 0\n");
    let written = "SELECT count(*) FROM audit";
    assert_eq!(world.count(written).await, 4);
}

#[tokio::test]
async fn a_crash_behind_the_letter_leaves_one_row_for_it_and_it_is_looked_for_in_every_topic() {
    let routed = routed("own_crashed").await;
    let world = &routed.world;
    world
        .kafka
        .produce(&routed.u, &[insert_into_u(1, 6, "bad")])
        .await;
    let worker = world.run_until("before_commit", 1);
    worker.await_seam("before_commit").await.kill().await;
    assert_eq!(world.kafka.read_all(&routed.letters_of_u).await.len(), 1);
    let left = done(world, "dlq replay").text;
    assert!(left.ends_with("replayed 0, left to worker 1\n"), "{left}");

    routed.produce_both().await;
    world.catch_up().await;
    assert_eq!(states(world).await, ["parked"; 3]);
    let events = "SELECT count(DISTINCT event_id) FROM landfall.dead_letters";
    assert_eq!(world.count(events).await, 3);
    routed.mend_both().await;
    assert_eq!(done(world, "dlq replay").text, "replayed 3\n");
    assert_eq!(
        (version(world, 1).await, routed.count_in_u().await),
        (Some(2), 2)
    );
}

#[tokio::test]
async fn a_letter_whose_topic_is_no_longer_configured_is_shown_and_replayed() {
    let mut routed = routed("own_forgotten").await;
    let event = insert_into_u(1, 6, "bad");
    routed.world.kafka.produce(&routed.u, &[event]).await;
    routed.world.catch_up().await;
    route(&mut routed.world, "");
    let shown = done(&routed.world, "dlq show 1").text;
    let place = format!("{}[0], offset 0", routed.letters_of_u);
    assert!(shown.contains(&place), "{shown}");
    assert!(
        shown.contains("\"body\":\"bad\"") || shown.contains("\"body\": \"bad\""),
        "{shown}"
    );
    routed.mend_both().await;
    assert_eq!(done(&routed.world, "dlq replay").text, "replayed 1\n");
    assert_eq!(routed.count_in_u().await, 1);
}

#[tokio::test]
async fn check_looks_at_every_dead_letter_topic_and_run_creates_each() {
    let mut routed = routed("own_created").await;
    routed.world.set("dead_letter", "partitions = 3");
    let names = [
        routed.world.dead_letter_topic(),
        routed.letters_of_u.clone(),
    ];
    let expected = |exists: bool, creatable: Option<bool>| {
        let line = |topic| json!({ "topic": topic, "exists": exists, "creatable": creatable });
        json!(names.each_ref().map(line))
    };
    assert_eq!(routed.checked_topics(), expected(false, Some(true)));
    let world = &routed.world;
    assert_eq!(world.kafka.partitions(&routed.letters_of_u), 0);
    world.catch_up().await;
    for name in &names {
        assert_eq!(world.kafka.partitions(name), 3, "{name}");
    }
    assert_eq!(routed.checked_topics(), expected(true, None));

    let compacted = [("cleanup.policy", "compact")];
    world
        .kafka
        .configure(&routed.letters_of_u, &compacted)
        .await;
    let text = landfall(world, "check --static").text;
    let warning = format!(
        "topic {}: the dead letter topic is compacted",
        routed.letters_of_u
    );
    assert!(text.contains(&warning), "{text}");
}
