//! What a run tells in OpenLineage's events, judged by the specification's own schemas.

pub mod receiver;
mod specification;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::evolution::schemas::{create, insert, optional, required, topic};
use crate::support::worker::Worker;
use crate::support::{World, events, eventually, stack};
use receiver::{Receiver, TOKEN};
use specification::assert_is_valid;

fn tell(world: &mut World, url: &str) {
    world.set("lineage", &format!("url = \"{url}\""));
    world.set("lineage", "namespace = \"shop\"");
    world.set("lineage", &format!("token = \"{TOKEN}\""));
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|event| event["eventType"].as_str().unwrap())
        .collect()
}

fn dataset<'e>(event: &'e Value, side: &str, name: &str) -> &'e Value {
    let mut all = event[side].as_array().unwrap().iter();
    all.find(|dataset| dataset["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {event:#}"))
}

/// Names and types, by name.
fn fields(dataset: &Value) -> Vec<(&str, &str)> {
    let fields = dataset["facets"]["schema"]["fields"].as_array().unwrap();
    let mut named: Vec<(&str, &str)> = fields
        .iter()
        .map(|field| {
            (
                field["name"].as_str().unwrap(),
                field["type"].as_str().unwrap(),
            )
        })
        .collect();
    named.sort_unstable();
    named
}

#[tokio::test]
async fn a_run_tells_its_start_which_columns_come_of_which_fields_and_its_end() {
    let mut world = World::new("lineage", 1).await;
    let receiver = Receiver::start().await;
    tell(&mut world, &receiver.url);
    create(&mut world);
    world.set("apply", "mask_key = \"0123456789abcdef0123456789abcdef\"");
    let name = topic(&mut world, "made", 1).await;
    let route = format!(
        "topic = {name:?}\ntable = \"shop.made\"\nexclude = [\"secret\"]\nrename = {{ id = \"number\" }}
mask = {{ mail = \"hash\", phone = \"hidden\" }}
[route.lineage]\ntopic = \"origin\""
    );
    world.set("[route]", &route);
    let list = [
        required("id", "int64"),
        optional("name", "string"),
        optional("mail", "string"),
        optional("phone", "string"),
        optional("secret", "string"),
    ];
    let row = |id: i64| json!({ "id": id, "name": "Zuzana", "mail": "a@b", "phone": "123", "secret": "x" });
    let rows: Vec<_> = (1..4).map(|id| insert("made", &list, row(id))).collect();
    let worker = world.run();
    eventually("the start is told", async || {
        receiver.events().into_iter().next()
    })
    .await;
    world.kafka.produce(&name, &rows).await;
    let table = format!("{}.shop.made", world.name);
    eventually("the table is told of", async || {
        let told = receiver.events();
        let has_table = |event: &Value| event["outputs"].to_string().contains(&table);
        told.iter().any(has_table).then_some(())
    })
    .await;
    world.until_count("SELECT count(*) FROM shop.made", 3).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains(TOKEN), "{log}");

    let told = receiver.events();
    told.iter().for_each(assert_is_valid);
    let kinds = kinds(&told);
    assert_eq!((kinds[0], kinds[1]), ("START", "RUNNING"), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"COMPLETE"), "{kinds:?}");
    let run = told[0]["run"]["runId"].as_str().unwrap();
    assert_eq!(run.as_bytes()[14], b'7', "{run} is of another version");
    for event in &told {
        assert_eq!(event["run"]["runId"], run);
        assert_eq!(event["job"]["namespace"], "shop");
        assert_eq!(event["job"]["name"], world.group());
        let kind = &event["job"]["facets"]["jobType"]["processingType"];
        assert_eq!(kind, "STREAMING");
        let text = event.to_string();
        assert!(
            ["Zuzana", "a@b", "hidden", TOKEN]
                .iter()
                .all(|v| !text.contains(v)),
            "{text}"
        );
    }
    let at_start: Vec<&Value> = told[0]["inputs"].as_array().unwrap().iter().collect();
    assert!(
        at_start.iter().any(|input| input["name"] == name),
        "{at_start:#?}"
    );

    let last = told.last().unwrap();
    let (input, output) = (
        dataset(last, "inputs", &name),
        dataset(last, "outputs", &table),
    );
    let kafka = format!("kafka://{}", stack().kafka);
    assert_eq!(input["namespace"], kafka);
    assert_eq!(
        output["namespace"],
        format!("postgres://{}", world.server())
    );
    let strings = ["mail", "name", "phone", "secret"].map(|name| (name, "string"));
    assert_eq!(fields(input), [&[("id", "int64")][..], &strings].concat());
    let text = |name| (name, "text");
    let columns = [
        text("mail"),
        text("name"),
        ("number", "int8"),
        text("origin"),
        text("phone"),
    ];
    assert_eq!(fields(output), columns);
    let rows = &output["outputFacets"]["outputStatistics"]["rowCount"];
    assert_eq!(rows, 3);
    let from = |field: &str, subtype: &str, description: &str, masking: bool| {
        let how = json!({ "type": "DIRECT", "subtype": subtype, "description": description, "masking": masking });
        json!({ "inputFields": [{ "namespace": kafka, "name": name, "field": field, "transformations": [how] }] })
    };
    assert_eq!(
        output["facets"]["columnLineage"]["fields"],
        json!({
            "number": from("id", "IDENTITY", "", false),
            "name": from("name", "IDENTITY", "", false),
            "mail": from("mail", "TRANSFORMATION", "keyed hash", true),
            "phone": from("phone", "TRANSFORMATION", "replaced, whatever it is", true),
            "origin": { "inputFields": [] },
        })
    );
}

#[tokio::test]
async fn a_run_that_ends_by_an_error_tells_it_and_no_value() {
    let mut world = World::new("lineage_fail", 1).await;
    let receiver = Receiver::start().await;
    tell(&mut world, &receiver.url);
    let gone = "ALTER TABLE t RENAME TO away";
    world.db.batch_execute(gone).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    let arguments = ["run", "--until-caught-up", "--wait-for", "1s"];
    let mut worker = Worker::start(&arguments, &world.config_file(), &[]);
    assert_eq!(worker.wait().await, Some(1), "{}", worker.log());
    let told = receiver.events();
    told.iter().for_each(assert_is_valid);
    let last = told.last().unwrap();
    assert_eq!(last["eventType"], "FAIL", "{last:#}");
    assert_eq!(last["job"]["facets"]["jobType"]["processingType"], "BATCH");
    let error = last["run"]["facets"]["errorMessage"]["message"].as_str();
    let error = error.unwrap_or_else(|| panic!("no error in {last:#}"));
    assert!(error.contains("public.t"), "{error}");
    assert!(!error.contains("body 1 1"), "{error}");
}

#[tokio::test]
async fn rows_arrive_and_the_worker_ends_though_nobody_takes_its_events_which_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}", listener.local_addr().unwrap());
    for (name, url) in [
        ("lineage_hang", hanging),
        ("lineage_away", "http://127.0.0.1:9".to_owned()),
    ] {
        let mut world = World::new(name, 1).await;
        tell(&mut world, &url);
        world
            .kafka
            .produce(&world.topic, &events::history(10, 3))
            .await;
        let worker = world.run();
        world
            .until_count("SELECT count(*) FROM t WHERE version = 3", 10)
            .await;
        eventually("an event is dropped", async || {
            let (metric, kind) = (
                "landfall_telemetry_dropped_total",
                "kind=\"lineage_events\"",
            );
            (worker.metric(metric, &[kind]).await > 0.0).then_some(())
        })
        .await;
        let since = Instant::now();
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(since.elapsed() < Duration::from_secs(30), "{log}");
        assert_eq!(
            log.matches("lineage events can't be posted").count(),
            1,
            "{log}"
        );
    }
}
