//! A registry behind a locked door: what opens it, what is said where it stays shut, and keys that change meanwhile.

use serde_json::json;

use super::{produce, world};
use crate::commands::landfall;
use crate::support::avro::Registry;
use crate::support::events::{change, history};
use crate::support::guarded::{Door, Guarded, basic};
use crate::support::mounted::Mounted;
use crate::support::worker::Worker;
use crate::support::{World, eventually, stack};

/// Waits until the worker says, of why it isn't ready, all of these words.
async fn stands_for(worker: &Worker, words: &[&str]) {
    let mut told = String::new();
    let what = format!("/readyz tells {words:?}");
    eventually(&what, async || {
        told = worker.get("/readyz").await.1;
        words.iter().all(|word| told.contains(word)).then_some(())
    })
    .await;
}

/// `check` has this problem, in these words.
#[track_caller]
fn is_told_by_check(world: &World, words: &[&str]) {
    let answer = landfall(world, "check --json");
    let problems = answer.objects().into_iter();
    let problems: Vec<String> = problems
        .filter(|object| object["code"] == "registry_unusable")
        .map(|object| object["found"].to_string())
        .collect();
    let says = |problem: &String| words.iter().all(|word| problem.contains(word));
    assert!(problems.iter().any(says), "{words:?}: {}", answer.text);
}

/// Everything that there is to unlock: an authority, a certificate, a user and a password.
fn everything() -> Door {
    Door {
        asks_for_certificate: true,
        authorization: basic("landfall:hunter2"),
        ..Door::default()
    }
}

#[tokio::test]
async fn whatever_keeps_the_registry_shut_is_named_with_its_setting_and_mended_without_a_restart() {
    let (mut world, encoder) = world("avro_locked", 1).await;
    let guarded = Guarded::start(&stack().registry, everything());
    let right = [
        ("ca.pem", guarded.file("ca.pem")),
        ("tls.crt", guarded.file("client.pem")),
        ("tls.key", guarded.file("client.key")),
        ("password", b"hunter2\n".to_vec()),
    ];
    let mut files = Mounted::new(&right);
    let lines = [
        format!("url = {:?}", guarded.url),
        "username = \"landfall\"".to_owned(),
        format!("password_file = {:?}", files.path("password")),
        format!("ca_file = {:?}", files.path("ca.pem")),
        format!("cert_file = {:?}", files.path("tls.crt")),
        format!("key_file = {:?}", files.path("tls.key")),
    ];
    world.settings.insert("format.registry", lines.to_vec());
    produce(&world, &encoder, &history(10, 1)).await;
    let of_another = [
        ("tls.crt", guarded.file("other-client.pem")),
        ("tls.key", guarded.file("other-client.key")),
    ];
    let half_renewed = [("tls.crt", b"-----BEGIN CERT".to_vec())];
    let expired = Door {
        certificate: "expired",
        ..everything()
    };
    let elsewhere = Door {
        certificate: "elsewhere",
        ..everything()
    };
    let forbids = Door {
        forbids: true,
        ..everything()
    };
    let replaced = Door {
        authorization: basic("landfall:another"),
        ..everything()
    };
    type Files<'f> = &'f [(&'static str, Vec<u8>)];
    let cases: [(Door, Files, &[&str]); 7] = [
        (
            expired.clone(),
            &[],
            &["certificate has expired", "renewed"],
        ),
        (elsewhere, &[], &["another host", "format.registry.url"]),
        (
            everything(),
            &[("ca.pem", guarded.file("other-ca.pem"))],
            &["no authority that is trusted", "format.registry.ca_file"],
        ),
        (
            everything(),
            &of_another,
            &["doesn't trust our certificate", "format.registry.cert_file"],
        ),
        (
            replaced.clone(),
            &[],
            &[
                "401 Unauthorized",
                "format.registry.username and format.registry.password_file",
            ],
        ),
        (
            forbids,
            &[],
            &[
                "403 Forbidden",
                "\\\"landfall\\\"",
                "format.registry.username",
            ],
        ),
        (
            replaced,
            &[("password", Vec::new())],
            &["format.registry.password_file", "is empty"],
        ),
    ];
    let mut worker = None;
    for (door, wrong, words) in &cases {
        // not right for a moment, in between
        guarded.lock(expired.clone());
        files.swap(&right);
        files.swap(wrong);
        guarded.lock(door.clone());
        let plain: Vec<String> = words.iter().map(|word| word.replace('\\', "")).collect();
        let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
        let worker = worker.get_or_insert_with(|| world.run());
        stands_for(worker, &plain).await;
        // a file without a password is a mistake of the configuration for whoever starts with it
        if !wrong.iter().any(|(_, contents)| contents.is_empty()) {
            is_told_by_check(&world, words);
        }
    }
    let worker = worker.unwrap();
    guarded.lock(everything());
    files.swap(&right);
    world.until_count("SELECT count(*) FROM t", 10).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.dead_letters")
            .await,
        0
    );

    // in the middle of a renewal, what was there before will do
    files.swap(&half_renewed);
    world.sql("ALTER TABLE t ADD extra int").await;
    let api = Registry::at(&stack().registry);
    let newer = api.encoder(&world.topic, &[("extra", json!("int"))]);
    let row = json!({ "id": 11, "version": 1, "body": null, "extra": 7 });
    produce(&world, &newer, &[change("c", 2_000_000, 11, Some(row))]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE extra = 7", 1)
        .await;
    // with it the registry's refusal may be over in a moment, as the key comes after its certificate
    guarded.lock(expired);
    files.swap(&of_another[..1]);
    world.sql("ALTER TABLE t ADD more int").await;
    let newer = api.encoder(&world.topic, &[("more", json!("int"))]);
    let row = json!({ "id": 12, "version": 1, "body": null, "more": 7 });
    produce(&world, &newer, &[change("c", 3_000_000, 12, Some(row))]).await;
    let words = [
        "(unavailable)",
        "certificate has expired",
        "it is not the key of format.registry.cert_file",
    ];
    stands_for(&worker, &words).await;
    guarded.lock(everything());
    files.swap(&right);
    world
        .until_count("SELECT count(*) FROM t WHERE more = 7", 1)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("BEGIN"), "{log}");
}

#[tokio::test]
async fn a_token_opens_it_from_a_file_that_is_renamed_and_from_a_command_and_is_named_where_it_does_not()
 {
    let (mut world, encoder) = world("avro_token", 1).await;
    let bearer = |token: &str| Door {
        authorization: Some(format!("Bearer {token}")),
        ..Door::default()
    };
    let guarded = Guarded::start(&stack().registry, bearer("one"));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let write = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &token).unwrap();
    };
    write("one\n");
    let reached_with = |more: &str| {
        let (url, ca) = (&guarded.url, guarded.path("ca.pem"));
        vec![format!("url = {url:?}\nca_file = {ca:?}\n{more}")]
    };
    let by_file = reached_with(&format!("token_file = {token:?}"));
    world.settings.insert("format.registry", by_file);
    world.sql("ALTER TABLE t ADD extra int").await;
    produce(&world, &encoder, &history(5, 1)).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 5).await;
    // the old one is refused from now on, and a schema has to be asked for
    guarded.lock(bearer("two"));
    write("two\n");
    let api = Registry::at(&stack().registry);
    let newer = api.encoder(&world.topic, &[("extra", json!("int"))]);
    let row = |id: i64| json!({ "id": id, "version": 1, "body": null, "extra": 7 });
    produce(&world, &newer, &[change("c", 2_000_000, 6, Some(row(6)))]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE extra = 7", 1)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("doesn't let us in"), "{log}");

    let by_command = reached_with(&format!("token_command = [\"cat\", {token:?}]"));
    world.settings.insert("format.registry", by_command);
    produce(&world, &newer, &[change("c", 3_000_000, 7, Some(row(7)))]).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 7);
    write("three\n");
    is_told_by_check(
        &world,
        &["401", "format.registry.token_command", "has expired"],
    );
    world.settings.insert("format.registry", reached_with(""));
    is_told_by_check(
        &world,
        &["401", "it asks for a login", "format.registry.token"],
    );
    guarded.lock(Door {
        asks_for_certificate: true,
        ..Door::default()
    });
    is_told_by_check(
        &world,
        &[
            "asks for a client's certificate",
            "format.registry.cert_file",
        ],
    );
}
