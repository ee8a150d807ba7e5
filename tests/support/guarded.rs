//! A server of TLS before the registry, which lets in whom the test says.

use std::io::{Error, Read as _, Result, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ssl::{HandshakeError, SslAcceptor, SslFiletype, SslMethod, SslStream, SslVerifyMode};
use tempfile::TempDir;

use super::stack::dev;

pub struct Guarded {
    pub url: String,
    /// Of `dev/certificates`.
    certificates: TempDir,
    door: Arc<Mutex<Door>>,
}

/// How it is locked.
#[derive(Clone)]
pub struct Door {
    /// The certificate of `dev/certificates` that it shows.
    pub certificate: &'static str,
    /// Whether it asks for a certificate, of its own authority.
    pub asks_for_certificate: bool,
    /// What it wants to read in `Authorization`.
    pub authorization: Option<String>,
    /// Whether it lets nobody read.
    pub forbids: bool,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            certificate: "server",
            asks_for_certificate: false,
            authorization: None,
            forbids: false,
        }
    }
}

pub fn basic(user_and_password: &str) -> Option<String> {
    Some(format!("Basic {}", STANDARD.encode(user_and_password)))
}

impl Guarded {
    pub fn start(registry: &str, door: Door) -> Self {
        let certificates = tempfile::tempdir().expect("a directory");
        let path = certificates.path().to_owned();
        dev("certificates", &[&path.display().to_string()]);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = registry.trim_start_matches("http://").to_owned();
        let door = Arc::new(Mutex::new(door));
        let now = door.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let door = now.lock().expect("no panic").clone();
                let (path, server) = (path.clone(), server.clone());
                std::thread::spawn(move || {
                    // whoever doesn't trust us, or isn't trusted, goes away
                    let _ = serve(&door, &path, client, &server);
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}/apis/ccompat/v7"),
            certificates,
            door,
        }
    }

    /// Whoever comes from now on finds this door.
    pub fn lock(&self, door: Door) {
        *self.door.lock().expect("no panic") = door;
    }

    /// A file of `dev/certificates`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }

    /// What is in it.
    pub fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("dev/certificates makes it")
    }
}

fn acceptor(door: &Door, certificates: &Path) -> SslAcceptor {
    let file = |ending| certificates.join(format!("{}.{ending}", door.certificate));
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("TLS");
    acceptor
        .set_certificate_chain_file(file("pem"))
        .expect("a certificate");
    acceptor
        .set_private_key_file(file("key"), SslFiletype::PEM)
        .expect("a key");
    if door.asks_for_certificate {
        acceptor
            .set_ca_file(certificates.join("ca.pem"))
            .expect("an authority");
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    acceptor.build()
}

/// One request, for connections aren't kept.
fn serve(door: &Door, certificates: &Path, client: TcpStream, server: &str) -> Result<()> {
    let mut client = match acceptor(door, certificates).accept(client) {
        Ok(client) => client,
        Err(HandshakeError::Failure(failed)) => return let_go(failed.get_ref()),
        Err(error) => return Err(Error::other(error)),
    };
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let is_shown = |wanted: &String| {
        head.lines().any(|line| {
            let header = line.split_once(": ");
            header.is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == wanted
            })
        })
    };
    if !door.authorization.iter().all(is_shown) {
        return refuse(client, "401 Unauthorized");
    }
    if door.forbids {
        return refuse(client, "403 Forbidden");
    }
    let mut upstream = TcpStream::connect(server)?;
    let kept = head.trim_end().lines().filter(|line| {
        let line = line.to_lowercase();
        // the registry behind has its own mind of who may ask
        !line.starts_with("connection:") && !line.starts_with("authorization:")
    });
    let request: String = kept.map(|line| format!("{line}\r\n")).collect();
    upstream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())?;
    std::io::copy(&mut upstream, &mut client)?;
    client.shutdown().map(drop).map_err(Error::other)
}

/// Until the client has read why. What is unread when a connection is closed has it reset.
fn let_go(mut client: &TcpStream) -> Result<()> {
    client.shutdown(Shutdown::Write)?;
    std::io::copy(&mut client, &mut std::io::sink()).map(drop)
}

fn refuse(mut client: SslStream<TcpStream>, status: &str) -> Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    client.write_all(answer.as_bytes())?;
    client.shutdown().map(drop).map_err(Error::other)
}
