//! `landfall health` says in a line whether a worker is alive or ready, and needs little for it.

use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

use super::Answer;
use crate::support::serve::serve;
use crate::support::{World, eventually};

/// What it says of a worker at this address, with this configuration.
async fn health(configuration: &str, listen: &str, words: &[&str]) -> Answer {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command
        .arg("health")
        .args(words)
        .arg("--config")
        .arg(file.path())
        .env("LANDFALL_HTTP__LISTEN", listen)
        // a proxy knows nothing of this machine's own ports
        .env("http_proxy", "http://127.0.0.1:1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().expect("landfall starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Answer {
        code: output.status.code(),
        text: text(output.stdout),
        error: text(output.stderr),
    }
}

#[tokio::test]
async fn a_worker_is_told_alive_and_ready_and_once_it_is_gone_that_nobody_answers() {
    let world = World::new("health", 1).await;
    let configuration = std::fs::read_to_string(world.config_file()).unwrap();
    let worker = world.run();
    let listen = worker.address().await;
    eventually("ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let alive = health(&configuration, &listen, &[]).await;
    assert_eq!(
        (alive.code, &*alive.text),
        (Some(0), "alive\n"),
        "{alive:?}"
    );
    // as a container listens, and is asked from within
    let everywhere = listen.replace("127.0.0.1", "0.0.0.0");
    let ready = health(&configuration, &everywhere, &["--ready"]).await;
    assert_eq!(
        (ready.code, &*ready.text),
        (Some(0), "ready\n"),
        "{ready:?}"
    );
    worker.stop().await;

    let gone = health(&configuration, &listen, &[]).await;
    assert_eq!(gone.code, Some(1));
    let line = format!("landfall: no worker answers at {listen} (http.listen): Connection refused");
    assert!(gone.error.starts_with(&line), "{gone:?}");
    assert_eq!(gone.error.lines().count(), 1, "{gone:?}");
}

#[tokio::test]
async fn what_a_worker_waits_for_is_one_line_for_those_who_have_the_token() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "open sesame\n").unwrap();
    let reasons = |headers: HeaderMap| async move {
        let may_know = headers["authorization"] == "Bearer open sesame";
        let told = ["not ready\n", "Postgres: away\nlane 2: waits\n"][usize::from(may_know)];
        (StatusCode::SERVICE_UNAVAILABLE, told)
    };
    let url = serve(Router::new().route("/readyz", get(reasons))).await;
    let listen = url.trim_start_matches("http://");
    // what only a worker reads may be wrong by now
    let configuration = format!(
        "[http]\ntoken_file = {:?}\n[postgres]\npassword_file = \"/nowhere\"\n[[route]]\ntopic = 5\n",
        token.path()
    );
    let waits = health(&configuration, listen, &["--ready"]).await;
    let line = format!("landfall: {listen}/readyz answers 503: Postgres: away; lane 2: waits\n");
    assert_eq!((waits.code, &waits.error), (Some(1), &line));

    let wrong = health("[http]\nmetrics_tables = 0\n", listen, &[]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.error.contains("http.metrics_tables"), "{wrong:?}");
}

#[tokio::test]
async fn a_worker_that_hangs_is_given_three_seconds() {
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = hangs.local_addr().unwrap().to_string();
    let asked = Instant::now();
    let silent = health("", &listen, &[]).await;
    assert!(asked.elapsed() >= Duration::from_secs(3));
    let line =
        format!("landfall: no worker answers at {listen} (http.listen): not within 3 seconds\n");
    assert_eq!((silent.code, &silent.error), (Some(1), &line));
}
