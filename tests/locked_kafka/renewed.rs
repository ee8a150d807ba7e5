//! Passwords, tokens and certificates that others replace are taken up by a worker that runs.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{CA, Locked};
use crate::support::{events, eventually};

/// As the kubelet writes a secret, and Vault's CSI driver: a folder for each version, and a link that is swapped.
fn swap_secret(directory: &Path, version: u32, password: &str) {
    let folder = directory.join(format!("..{version}"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("password"), password).unwrap();
    let (new, data) = (directory.join("..data_tmp"), directory.join("..data"));
    symlink(&folder, &new).unwrap();
    std::fs::rename(&new, &data).unwrap();
    let file = directory.join("password");
    if !file.exists() {
        symlink(Path::new("..data/password"), &file).unwrap();
    }
}

/// As Vault's agent does it.
fn rename_into_place(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, file).unwrap();
}

#[tokio::test]
async fn a_password_that_is_changed_under_load_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password").display().to_string();
    let user = "rotated";
    let properties = [
        ("security.protocol", "SASL_SSL"),
        CA,
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", user),
        ("sasl.password_file", file.as_str()),
        // the brokers end connections that are idle: those that come after them log in anew
        ("connections.max.idle.ms", "2000"),
    ];
    swap_secret(directory.path(), 1, "first");
    let kafka = tokio::task::spawn_blocking(crate::support::locked_kafka::LockedKafka::start);
    let kafka = std::sync::Arc::new(kafka.await.unwrap());
    kafka.admin().set_scram_password(user, "first");
    let locked = Locked::on(kafka, "password_changed", "LOGIN", &properties).await;
    locked.let_everybody_in();
    let world = &locked.world;
    let worker = locked.start(&["run"]);
    let produce = async |ids: std::ops::Range<i64>| {
        let events: Vec<_> = ids.map(|id| events::insert(id, id, 1)).collect();
        world.kafka.produce(&world.topic, &events).await;
    };
    produce(1..501).await;
    world.until_count("SELECT count(*) FROM t", 500).await;
    locked.kafka.admin().set_scram_password(user, "second");
    produce(501..1001).await;
    // every connection is made anew, with what is wrong by now, before the file says what is right
    locked.kafka.stop();
    locked.kafka.restart();
    eventually("the old password is refused", async || {
        let (_, reasons) = worker.get("/readyz").await;
        reasons.contains("sasl.password").then_some(())
    })
    .await;
    swap_secret(directory.path(), 2, "second");
    world.until_count("SELECT count(*) FROM t", 1000).await;
    produce(1001..1501).await;
    world.until_count("SELECT count(*) FROM t", 1500).await;
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        0
    );
}

#[tokio::test]
async fn a_token_that_a_command_prints_is_as_good_as_one_of_an_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let properties = [
        ("security.protocol", "SASL_SSL"),
        CA,
        ("sasl.mechanism", "OAUTHBEARER"),
    ];
    let mut locked = Locked::new("token_command", "LOGIN", &properties).await;
    let command = format!("token_command = ['cat', '{}']", file.display());
    locked.world.set("kafka", &command);
    std::fs::write(&file, locked.kafka.tokens.token(3600)).unwrap();
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn a_client_certificate_that_is_replaced_is_shown_by_a_worker_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (certificate, key) = (path("client.pem"), path("client.key"));
    let properties = [
        ("security.protocol", "SSL"),
        CA,
        ("ssl.certificate.location", certificate.as_str()),
        ("ssl.key.location", key.as_str()),
    ];
    let kafka = tokio::task::spawn_blocking(crate::support::locked_kafka::LockedKafka::shared);
    let kafka = kafka.await.unwrap();
    let copy = |name: &str| {
        for (end, to) in [("pem", &certificate), ("key", &key)] {
            let text =
                std::fs::read_to_string(kafka.certificate(&format!("{name}.{end}"))).unwrap();
            rename_into_place(Path::new(to), &text);
        }
    };
    copy("other-client");
    let locked = Locked::on(kafka.clone(), "certificate_replaced", "MUTUAL", &properties).await;
    locked.let_everybody_in();
    let world = &locked.world;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    let worker = locked.start(&["run"]);
    worker
        .says(&["Kafka is away", "ssl.certificate.location"])
        .await;
    copy("client");
    worker
        .says(&["the certificates for Kafka were replaced"])
        .await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    assert_eq!(worker.stop().await.0, Some(0));
}
