//! A server of TLS before the registry that asks for a user and a password.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};
use tempfile::TempDir;

pub struct Guarded {
    pub url: String,
    /// Holds the certificate to trust.
    directory: TempDir,
}

impl Guarded {
    /// Lets in whoever brings `user:password`.
    pub fn start(registry: &str, login: &str) -> Self {
        let (certificate, key) = certificate();
        let directory = tempfile::tempdir().expect("a directory");
        let pem = certificate.to_pem().expect("PEM");
        std::fs::write(directory.path().join("ca.pem"), pem).expect("written");
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls_server()).expect("TLS");
        acceptor
            .set_certificate(&certificate)
            .expect("its certificate");
        acceptor.set_private_key(&key).expect("its key");
        let acceptor = Arc::new(acceptor.build());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let wanted = format!("authorization: basic {}", STANDARD.encode(login)).to_lowercase();
        let server = registry.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (acceptor, wanted, server) = (acceptor.clone(), wanted.clone(), server.clone());
                std::thread::spawn(move || {
                    let _ = serve(&acceptor, client, &server, &wanted);
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}/apis/ccompat/v7"),
            directory,
        }
    }

    pub fn ca_file(&self) -> String {
        self.directory.path().join("ca.pem").display().to_string()
    }
}

/// One request, for connections aren't kept.
fn serve(
    acceptor: &SslAcceptor,
    client: TcpStream,
    server: &str,
    wanted: &str,
) -> std::io::Result<()> {
    let Ok(mut client) = acceptor.accept(client) else {
        return Ok(()); // it doesn't trust us
    };
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.to_lowercase().contains(wanted) {
        client.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )?;
        return client.shutdown().map(drop).map_err(std::io::Error::other);
    }
    let mut upstream = TcpStream::connect(server)?;
    let lines: Vec<&str> = head.trim_end().lines().collect();
    let kept = lines
        .iter()
        .filter(|line| !line.to_lowercase().starts_with("connection:"));
    let request: String = kept.map(|line| format!("{line}\r\n")).collect();
    upstream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())?;
    std::io::copy(&mut upstream, &mut client)?;
    client.shutdown().map(drop).map_err(std::io::Error::other)
}

/// For `localhost`, signed by itself.
fn certificate() -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("CN", "localhost")
        .expect("a name");
    let name = name.build();
    let mut certificate = X509::builder().expect("a certificate");
    certificate.set_version(2).expect("version 3");
    let serial = BigNum::from_u32(1)
        .and_then(|n| n.to_asn1_integer())
        .expect("a number");
    certificate.set_serial_number(&serial).expect("a number");
    certificate.set_subject_name(&name).expect("a name");
    certificate.set_issuer_name(&name).expect("a name");
    certificate.set_pubkey(&key).expect("a key");
    let day = |days| Asn1Time::days_from_now(days).expect("a day");
    certificate.set_not_before(&day(0)).expect("a day");
    certificate.set_not_after(&day(1)).expect("a day");
    let context = certificate.x509v3_context(None, None);
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&context);
    certificate
        .append_extension(names.expect("names"))
        .expect("names");
    certificate
        .sign(&key, MessageDigest::sha256())
        .expect("signed");
    (certificate.build(), key)
}
