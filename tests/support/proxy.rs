//! A TCP proxy before Postgres that loses the answer to a COMMIT, or the COMMIT itself: the server has
//! committed, or has not, and the client sees its connection end in either case.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

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

/// A TCP proxy that can swallow what its connections carry, and never says so.
pub struct Hole {
    pub port: u16,
    /// Connections of earlier generations carry nothing.
    generation: Arc<AtomicUsize>,
    /// How much still gets to the server, in bytes.
    left: Arc<AtomicUsize>,
}

impl Hole {
    /// Forwards to `server`.
    pub async fn start(server: String) -> Self {
        Self::forwarding(server, false).await
    }

    /// Forwards to `server`, and gives keys of its own to cancel by, as poolers do.
    pub async fn as_pooler(server: String) -> Self {
        Self::forwarding(server, true).await
    }

    async fn forwarding(server: String, other_keys: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let generation = Arc::new(AtomicUsize::new(0));
        let now = generation.clone();
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let left_now = left.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server)
                    .await
                    .expect("Postgres is there");
                let own = now.load(Ordering::SeqCst);
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = upstream.into_split();
                let limited = Limited {
                    to: to_server,
                    left: left_now.clone(),
                };
                tokio::spawn(carry(from_client, limited, now.clone(), own, false));
                let carried = carry(from_server, to_client, now.clone(), own, other_keys);
                tokio::spawn(carried);
            }
        });
        Self {
            port,
            generation,
            left,
        }
    }

    /// Swallows whatever today's connections carry from now on; later ones are forwarded.
    pub fn swallow(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Swallows what clients send behind so many bytes, be it in the middle of a message.
    pub fn swallow_behind(&self, bytes: usize) {
        self.left.store(bytes, Ordering::SeqCst);
    }
}

/// Takes everything, and passes on no more than is left.
struct Limited {
    to: OwnedWriteHalf,
    left: Arc<AtomicUsize>,
}

/// Where a connection's bytes go.
trait Sink {
    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()>;
}

impl Sink for OwnedWriteHalf {
    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes).await
    }
}

impl Sink for Limited {
    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let take = |left: usize| match left {
            usize::MAX => None,
            left => Some(left.saturating_sub(bytes.len())),
        };
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        let passed = left.map_or(bytes.len(), |left| left.min(bytes.len()));
        self.to.write_all(&bytes[..passed]).await
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: impl Sink,
    generation: Arc<AtomicUsize>,
    own: usize,
    other_keys: bool,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        let key = bytes[..n].windows(5).position(|w| w == b"K\0\0\0\x0c");
        if let Some(at) = key.filter(|_| other_keys) {
            bytes[at + 5..at + 9]
                .iter_mut()
                .for_each(|byte| *byte ^= 0x55);
        }
        let is_carried = generation.load(Ordering::SeqCst) == own;
        if is_carried && to.send(&bytes[..n]).await.is_err() {
            return;
        }
    }
    if generation.load(Ordering::SeqCst) != own {
        std::future::pending::<()>().await; // the other side isn't told either
    }
}

/// A TCP proxy whose server is far away: its answers take their time, and come in their order.
pub struct Distance {
    pub port: u16,
    /// How often something was sent after an answer had come.
    pub turns: Arc<AtomicUsize>,
}

impl Distance {
    /// Forwards to `server`, whose answers are on their way for so long.
    pub async fn start(server: String, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let turns = Arc::new(AtomicUsize::new(0));
        let counter = turns.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server)
                    .await
                    .expect("Postgres is there");
                let answered = Arc::new(AtomicBool::new(false));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = upstream.into_split();
                tokio::spawn(ask(
                    from_client,
                    to_server,
                    answered.clone(),
                    counter.clone(),
                ));
                let (answers, due) = tokio::sync::mpsc::unbounded_channel();
                tokio::spawn(take_answers(from_server, answers));
                tokio::spawn(bring_answers(due, to_client, delay, answered));
            }
        });
        Self { port, turns }
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    answered: Arc<AtomicBool>,
    turns: Arc<AtomicUsize>,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        if answered.swap(false, Ordering::SeqCst) {
            turns.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}

async fn take_answers(mut from: OwnedReadHalf, answers: UnboundedSender<(Instant, Vec<u8>)>) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        let _ = answers.send((Instant::now(), bytes[..n].to_vec()));
    }
}

async fn bring_answers(
    mut due: UnboundedReceiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
    delay: Duration,
    answered: Arc<AtomicBool>,
) {
    while let Some((came, answer)) = due.recv().await {
        tokio::time::sleep_until(came + delay).await;
        answered.store(true, Ordering::SeqCst);
        if to.write_all(&answer).await.is_err() {
            return;
        }
    }
}
