use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use openssl::ssl::SslAcceptor;
use openssl::symm::Cipher;
use openssl::x509::X509Name;
use openssl::x509::extension::SubjectAlternativeName;
use postgres_openssl::MakeTlsConnector;
use tempfile::TempDir;

use super::*;

/// A certificate for `db.example` that signs itself, in a directory of its own.
struct Server {
    directory: TempDir,
    certificate: X509,
    key: PKey<Private>,
}

fn server() -> Server {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "db.example").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    certificate.set_serial_number(&serial).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    let context = certificate.x509v3_context(None, None);
    let names = SubjectAlternativeName::new()
        .dns("db.example")
        .build(&context)
        .unwrap();
    certificate.append_extension(names).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = certificate.build();

    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: &[u8]| std::fs::write(directory.path().join(name), pem).unwrap();
    write("certificate.pem", &certificate.to_pem().unwrap());
    write("key.pem", &key.private_key_to_pem_pkcs8().unwrap());
    let cipher = Cipher::aes_256_cbc();
    let encrypted = key
        .private_key_to_pem_pkcs8_passphrase(cipher, b"hunter2")
        .unwrap();
    write("encrypted.pem", &encrypted);
    Server {
        directory,
        certificate,
        key,
    }
}

impl Server {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn client(&self, key: &str) -> Option<ClientCertificate> {
        Some(ClientCertificate {
            certificate: self.path("certificate.pem"),
            key: self.path(key),
        })
    }

    /// Whether a client that trusts `root` shakes hands with this server under `host`.
    fn accepts(&self, mode: TlsMode, root: Option<PathBuf>, host: &str) -> bool {
        let connector = read_connector(&tls(mode, root)).unwrap();
        shake_hands(self, connector, host)
    }
}

fn tls(mode: TlsMode, root_certificates: Option<PathBuf>) -> Tls {
    Tls {
        mode,
        root_certificates,
        client: None,
    }
}

/// A TLS server without Postgres behind it: the handshake is what is of interest.
fn shake_hands(server: &Server, mut connector: MakeTlsConnector, host: &str) -> bool {
    use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&server.certificate).unwrap();
    acceptor.set_private_key(&server.key).unwrap();
    let acceptor = Arc::new(acceptor.build());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        if let Ok(mut stream) = acceptor.accept(stream) {
            let _ = stream.write_all(b"x");
            let _ = stream.read(&mut [0]);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let accepted = runtime.block_on(async {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let connect =
            MakeTlsConnect::<tokio::net::TcpStream>::make_tls_connect(&mut connector, host);
        connect.unwrap().connect(stream).await.is_ok()
    });
    serving.join().unwrap();
    accepted
}

#[test]
fn each_mode_verifies_as_much_as_libpq_does() {
    let (server, stranger) = (server(), server());
    let own = || Some(server.path("certificate.pem"));
    let other = || Some(stranger.path("certificate.pem"));

    assert!(server.accepts(TlsMode::Prefer, None, "elsewhere"));
    assert!(server.accepts(TlsMode::Require, None, "elsewhere"));

    assert!(server.accepts(TlsMode::VerifyCa, own(), "elsewhere"));
    assert!(!server.accepts(TlsMode::VerifyCa, other(), "db.example"));

    assert!(server.accepts(TlsMode::VerifyFull, own(), "db.example"));
    assert!(!server.accepts(TlsMode::VerifyFull, own(), "elsewhere"));
    assert!(!server.accepts(TlsMode::VerifyFull, other(), "db.example"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_parameter() {
    let server = server();
    let says = |tls: &Tls| read_connector(tls).err().unwrap().to_string();

    let absent = says(&tls(TlsMode::VerifyCa, Some("/absent.pem".into())));
    assert!(absent.starts_with("postgres.url: sslrootcert: /absent.pem cannot be used: "));

    let mut with_client = tls(TlsMode::Require, None);
    with_client.client = server.client("key.pem");
    assert!(read_connector(&with_client).is_ok());
    with_client.client = server.client("absent.pem");
    assert!(says(&with_client).contains("sslkey: "));
    with_client.client = server.client("encrypted.pem");
    assert!(says(&with_client).ends_with(
        "encrypted.pem cannot be used: it holds no private key in PEM that is not encrypted"
    ));
    let no_root = says(&tls(TlsMode::VerifyFull, Some(server.path("key.pem"))));
    assert!(no_root.ends_with("key.pem cannot be used: it holds no certificate in PEM"));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (server, other) = (server(), server());
    let mut with_client = tls(TlsMode::Require, None);
    with_client.client = Some(ClientCertificate {
        certificate: server.path("certificate.pem"),
        key: other.path("key.pem"),
    });
    let error = read_connector(&with_client).err().unwrap().to_string();
    assert!(
        error.ends_with("key.pem cannot be used: it is not the key of sslcert"),
        "{error}"
    );
}

#[test]
fn files_are_the_same_until_one_is_renewed() {
    let (server, renewed) = (server(), self::server());
    let settings = Tls {
        client: server.client("key.pem"),
        ..tls(TlsMode::VerifyFull, Some(server.path("certificate.pem")))
    };
    let read = || TlsFiles::read(&settings).unwrap();
    let before = read();
    assert!(before == read());
    std::fs::copy(
        renewed.path("certificate.pem"),
        server.path("certificate.pem"),
    )
    .unwrap();
    assert!(before != read());
}

#[test]
fn files_are_being_renewed_for_a_while_after_one_of_them_was_written() {
    let server = server();
    let settings = Tls {
        client: server.client("key.pem"),
        ..tls(TlsMode::Require, None)
    };
    let set_age = |name: &str, age: Duration| {
        let file = std::fs::File::options().write(true).open(server.path(name));
        let file = file.unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    for name in ["certificate.pem", "key.pem"] {
        set_age(name, 2 * RENEWAL_TIME);
    }
    let files = TlsFiles::read(&settings).unwrap();
    assert!(!files.are_being_renewed());
    set_age("certificate.pem", Duration::ZERO);
    assert!(files.are_being_renewed());
}
