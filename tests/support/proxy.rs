//! A TCP proxy before Postgres that loses the answer to a COMMIT, or the COMMIT itself: the server has
//! committed, or has not, and the client sees its connection end in either case.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub struct Proxy {
    pub port: u16,
    /// How many have been lost.
    pub lost: Arc<AtomicUsize>,
}

impl Proxy {
    /// Forwards to `server`, and loses the answers to the next `lose` COMMITs.
    pub async fn start(server: String, lose: usize) -> Self {
        Self::losing(server, lose, true).await
    }

    /// Forwards to `server`, but for the next `lose` COMMITs, which never get there.
    pub async fn before_commit(server: String, lose: usize) -> Self {
        Self::losing(server, lose, false).await
    }

    async fn losing(server: String, lose: usize, arrives: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = lost.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server)
                    .await
                    .expect("Postgres is there");
                tokio::spawn(forward(client, upstream, counter.clone(), lose, arrives));
            }
        });
        Self { port, lost }
    }
}

async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    lost: Arc<AtomicUsize>,
    lose: usize,
    arrives: bool,
) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                let commits = up[..n].windows(7).any(|w| w == b"COMMIT\0");
                let loses = commits && lost.load(Ordering::SeqCst) < lose;
                if loses {
                    lost.fetch_add(1, Ordering::SeqCst);
                    if !arrives { return }
                }
                if server.write_all(&up[..n]).await.is_err() { return }
                if loses {
                    // the answer comes, so the commit is done; nobody hears of it
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&down[..n]).await.is_err() { return }
            }
        }
    }
}
