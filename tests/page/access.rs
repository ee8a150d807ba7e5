//! Who may see the page, and what a browser is told beside it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use ureq::http::Response;

use super::address;
use crate::support::World;
use crate::support::worker::Worker;

async fn ask(worker: &Worker, path: &str, authorization: Option<&str>) -> Response<ureq::Body> {
    let (url, authorization) = (
        address(worker, path).await,
        authorization.map(str::to_owned),
    );
    let asked = tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.build().new_agent();
        let request = agent.get(&url);
        match authorization {
            Some(given) => request.header("authorization", given).call(),
            None => request.call(),
        }
    });
    asked.await.unwrap().expect("the server answers")
}

async fn status(worker: &Worker, path: &str, authorization: Option<&str>) -> u16 {
    ask(worker, path, authorization).await.status().as_u16()
}

#[tokio::test]
async fn the_token_opens_the_page_and_metrics_and_without_it_there_is_alive_and_ready() {
    let mut world = World::new("page_token", 1).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "one\n").unwrap();
    world.set("http", &format!("token_file = {:?}", file.path()));
    world.topics = vec![format!("{}.nowhere", world.name)];
    let worker = world.run();
    let basic = "Basic YW55Ym9keTpvbmU="; // anybody:one
    for path in ["/", "/status.json", "/metrics"] {
        let refused = ask(&worker, path, None).await;
        assert_eq!(refused.status(), 401, "{path}");
        let asked = refused.headers()["www-authenticate"].to_str().unwrap();
        assert!(asked.starts_with("Basic "), "{asked}");
        assert_eq!(status(&worker, path, Some("Bearer two")).await, 401);
        for given in ["Bearer one", basic] {
            assert_eq!(status(&worker, path, Some(given)).await, 200, "{path}");
        }
    }
    assert_eq!(status(&worker, "/healthz", None).await, 200);
    std::fs::write(file.path(), "two\n").unwrap();
    assert_eq!(status(&worker, "/", Some("Bearer one")).await, 401);
    assert_eq!(status(&worker, "/", Some("Bearer two")).await, 200);

    // it waits for a schema that it may not make
    let (postgres, ready) = (world.database_url.clone(), "/readyz");
    world.database_url = postgres.replace(&world.server(), "127.0.0.1:1");
    let waits = world.run();
    let told = async |given| {
        let mut answer = ask(&waits, ready, given).await;
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    };
    waits.says(&["prepare the bookkeeping schema"]).await;
    assert_eq!(told(None).await, (503, "not ready\n".to_owned()));
    let (code, reasons) = told(Some("Bearer two")).await;
    assert!(
        code == 503 && reasons.contains("bookkeeping schema waits"),
        "{reasons}"
    );
    world.database_url = postgres;
}

#[tokio::test]
async fn the_page_runs_nothing_loads_nothing_and_is_not_kept() {
    let world = World::new("page_headers", 1).await;
    let worker = world.run();
    let mut page = ask(&worker, "/", None).await;
    let header = |page: &Response<ureq::Body>, name: &str| {
        page.headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let policy = header(&page, "content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"));
    assert_eq!(header(&page, "x-content-type-options").unwrap(), "nosniff");
    assert_eq!(header(&page, "cache-control").unwrap(), "no-store");
    assert_eq!(header(&page, "refresh").unwrap(), "5");
    let held = ask(&worker, "/?refresh=off", None).await;
    assert_eq!(header(&held, "refresh"), None);
    let page = page.body_mut().read_to_string().unwrap();
    for foreign in ["<script", "src=", "<link", "@import", "url(", "style="] {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
}

/// Sends this request, and reads what is answered until the connection is ended.
async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn nothing_is_written_no_other_name_is_answered_to_and_idle_connections_keep_no_probe_away() {
    let world = World::new("page_bounds", 1).await;
    let worker = world.run();
    let address = worker.address().await;
    for path in ["/", "/status.json", "/metrics", "/healthz", "/readyz"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
            let said = exchange(&address, &(head + "Connection: close\r\n\r\n")).await;
            assert!(said.starts_with("HTTP/1.1 405"), "{method} {path}: {said}");
        }
        let rebound = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n");
        let said = exchange(&address, &(rebound + "Connection: close\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 421"), "{path}: {said}");
        assert!(said.contains("http.hosts"), "{said}");
    }
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let (alive, _) = worker.get("/healthz").await;
    assert_eq!(alive, 200);
}

#[test]
fn a_token_file_that_can_not_be_used_is_told_at_the_start() {
    let configuration = std::fs::read_to_string("config/minimal.toml").unwrap();
    let configuration = format!("{configuration}\n[http]\ntoken_file = '/nowhere/token'\n");
    let error = landfall::config::Config::parse(&configuration).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("http.token_file"), "{error}");
    assert!(error.contains("/nowhere/token cannot be read"), "{error}");
}
