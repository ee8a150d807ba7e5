//! A process that leaves its group and joins it anew, with clients that are made anew, goes on by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::events::insert;
use crate::support::{World, audit, eventually};

const NOT_YET: &str = "the consumer group can't be joined anew yet";

#[tokio::test]
async fn a_secrets_command_that_fails_as_the_group_is_joined_anew_is_told_and_tried_until_it_works()
{
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    let mut world = World::new("rejoined", 2).await;
    // without TLS it opens nothing; it is asked for whenever a client is made
    let command = format!("'ssl.key.password_command' = ['cat', {secret:?}]");
    world.set("kafka.properties", &command);
    let give = |is_there: bool, path: &Path| match is_there {
        true => std::fs::write(path, "s3cret").unwrap(),
        false => std::fs::remove_file(path).unwrap(),
    };
    give(true, &secret);
    let (stays, goes) = (world.run(), world.run());
    let produce = async |from: i64| {
        let events = [0, 1].map(|n| insert(from + n, from + n, 1).on(n as i32));
        world.kafka.produce(&world.topic, &events).await;
    };
    produce(1).await;
    let rows = "SELECT count(*) FROM t";
    world.until_count(rows, 2).await;
    for worker in [&stays, &goes] {
        eventually("each has a partition", async || {
            (worker.get("/readyz").await.0 == 200).then_some(())
        })
        .await;
    }

    give(false, &secret);
    world.kafka.delete_topic(&world.topic).await;
    world.kafka.create_topic(&world.topic, 2).await;
    for worker in [&stays, &goes] {
        worker.says(&[NOT_YET, "cat failed"]).await;
        let (status, reasons) = worker.get("/readyz").await;
        assert_eq!(status, 503);
        let told = "joining the consumer group anew waits (unavailable)";
        assert!(reasons.contains(told), "{reasons}");
    }
    produce(3).await;
    let since = Instant::now();
    let (code, log) = goes.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(since.elapsed() < Duration::from_secs(5), "{log}");
    assert_eq!(world.count(rows).await, 2);

    give(true, &secret);
    world.until_count(rows, 4).await;
    produce(5).await;
    world.until_count(rows, 6).await;
    eventually("it is ready", async || {
        (stays.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    audit::assert_forward_only(&world.db).await;
    let (code, log) = stays.stop().await;
    assert_eq!((code, log.matches(NOT_YET).count()), (Some(0), 1), "{log}");
}
