//! What somebody may do to the port, over real connections.

use std::net::SocketAddr;

use axum::body::Body;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(30);

async fn serve(bounds: Bounds) -> SocketAddr {
    let router = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/large", get(|| async { Body::from(vec![b'x'; 8 << 20]) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_connections(listener, router, bounds));
    address
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the other side ends the connection.
async fn read_to_end(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    // what is ended with something unread is reset
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .expect("the connection is ended");
    String::from_utf8_lossy(&read).into_owned()
}

async fn answer(address: SocketAddr, text: &str) -> String {
    read_to_end(send(address, text).await).await
}

const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: close\r\n\r\n";

async fn assert_is_alive(address: SocketAddr) {
    let said = answer(address, PROBE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    assert!(said.ends_with("alive\n"), "{said}");
}

#[tokio::test]
async fn a_probe_is_answered_while_others_hold_more_connections_than_there_are_places() {
    let address = serve(BOUNDS).await;
    let mut held = Vec::new();
    for n in 0..2 * BOUNDS.connections {
        let begun = match n % 4 {
            0 => "",
            1 => "GET /healthz HTTP/1.1\r\nHost: ",
            2 => "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", // and stays for more
            _ => "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",   // and never reads
        };
        held.push(send(address, begun).await);
        if n % 16 == 0 {
            assert_is_alive(address).await;
        }
    }
    assert_is_alive(address).await;
    // those that came first gave way
    let first = held.swap_remove(0);
    assert_eq!(read_to_end(first).await, "");
}

#[tokio::test]
async fn a_request_that_does_not_come_in_time_ends_its_connection() {
    let bounds = Bounds {
        header_time: Duration::from_millis(200),
        ..BOUNDS
    };
    let address = serve(bounds).await;
    for begun in ["", "GET /heal", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: "] {
        let said = answer(address, begun).await;
        assert!(!said.contains("200 OK"), "{begun:?}: {said}");
    }
    // one byte after the other gives no more time
    let mut slow = send(address, "GET /healthz HTTP/1.1\r\n").await;
    let dripped = async {
        while slow.write_all(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, dripped).await;
    ended.expect("the connection is ended");
    // nor may a connection wait for its next request for ever
    let kept = answer(address, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(kept.contains("alive"), "{kept}");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let bounds = Bounds {
        kept_for: Duration::from_millis(200),
        ..BOUNDS
    };
    let address = serve(bounds).await;
    let unread = send(address, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let idle = send(address, "").await;
    assert_eq!(read_to_end(idle).await, "");
    assert!(!read_to_end(unread).await.is_empty());
}

#[tokio::test]
async fn headers_are_bounded_in_number_and_in_size_and_so_is_the_first_line() {
    let address = serve(BOUNDS).await;
    let request = |headers: String| format!("GET /healthz HTTP/1.1\r\n{headers}\r\n");
    let many = |n: usize| (0..n).map(|n| format!("X-{n}: a\r\n")).collect();
    let said = answer(address, &request(many(BOUNDS.headers + 1))).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    let long = format!("X: {}\r\n", "a".repeat(BOUNDS.header_bytes));
    let said = answer(address, &request(long)).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    let path = "a".repeat(BOUNDS.header_bytes);
    let said = answer(address, &format!("GET /{path} HTTP/1.1\r\n\r\n")).await;
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
    ] {
        let said = answer(address, nonsense).await;
        assert!(said.starts_with("HTTP/1.1 400"), "{nonsense:?}: {said}");
    }
    let some = format!(
        "{}Connection: close\r\n",
        many(BOUNDS.headers - 1) as String
    );
    let said = answer(address, &request(some)).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

/// Nothing takes a body: none is waited for, and none is read into memory.
#[tokio::test]
async fn a_body_is_not_waited_for_however_long_it_is_said_to_be() {
    let address = serve(BOUNDS).await;
    for method in ["GET", "POST"] {
        for length in [
            "Content-Length: 1000000000000",
            "Transfer-Encoding: chunked",
        ] {
            let head = format!("{method} /healthz HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n");
            let said = answer(address, &(head + "5\r\nhello")).await;
            let expected = if method == "GET" { "200" } else { "405" };
            assert!(said.starts_with(&format!("HTTP/1.1 {expected}")), "{said}");
        }
    }
}

#[tokio::test]
async fn there_is_nothing_to_be_written() {
    let address = serve(BOUNDS).await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let asked = format!("{method} /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let said = answer(address, &asked).await;
        assert!(said.starts_with("HTTP/1.1 405"), "{method}: {said}");
    }
    let tunnel = "CONNECT elsewhere:22 HTTP/1.1\r\nHost: elsewhere:22\r\nConnection: close\r\n\r\n";
    let said = answer(address, tunnel).await;
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
}
