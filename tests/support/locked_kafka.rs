//! A broker that lets in only who proves who it is, and allows only what was granted. One for all tests that run at
//! the moment: it ends with the last of them.

pub mod rights;
pub mod statements;
pub mod token_endpoint;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::own_kafka::JAVA_OPTIONS;
use super::repository::root;
use super::stack::{dev, dev_with};
use rights::Admin;
use token_endpoint::TokenEndpoint;

/// Logs in as `User:landfall`, by whatever mechanism.
pub const USER: &str = "landfall";
pub const PASSWORD: &str = "hunter2-of-kafka";

/// Where it listens besides the listener of the tests themselves, at which everything is allowed: name, protocol.
const LISTENERS: [(&str, &str); 6] = [
    ("TLS", "SSL"),
    ("MUTUAL", "SSL"),
    ("LOGIN", "SASL_SSL"),
    ("PLAIN", "SASL_SSL"),
    ("ELSEWHERE", "SSL"),
    ("EXPIRED", "SSL"),
];

pub struct LockedKafka {
    directory: PathBuf,
    ports: [u16; LISTENERS.len()],
    pub tokens: TokenEndpoint,
}

/// Two passwords of PLAIN for two people, beside [`USER`]'s.
pub const OPERATOR: &str = "operator";
pub const READER: &str = "reader";

impl LockedKafka {
    /// Started by the first test that asks.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<LockedKafka>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = shared.upgrade() {
            return there;
        }
        let started = Arc::new(Self::start());
        *shared = Arc::downgrade(&started);
        started
    }

    /// One whose state a test changes for all.
    pub fn start() -> Self {
        let number = free_port();
        let name = format!("locked-kafka-{}-{number}", std::process::id());
        let locked = Self {
            directory: root().join(".stack").join(name),
            ports: LISTENERS.map(|_| free_port()),
            tokens: TokenEndpoint::start(),
        };
        let kafka = locked.directory.join("kafka");
        std::fs::create_dir_all(&kafka).expect("a directory for the broker");
        dev(
            "certificates",
            &[&locked.certificates().display().to_string()],
        );
        locked.write_stores();
        std::fs::write(kafka.join("controller-port"), free_port().to_string()).expect("written");
        std::fs::write(kafka.join("port"), number.to_string()).expect("written");
        std::fs::write(kafka.join("extra.properties"), locked.properties()).expect("written");
        let options = format!(
            "{JAVA_OPTIONS} -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}",
            locked.tokens.keys_url()
        );
        std::fs::write(kafka.join("java.options"), options).expect("written");
        locked.restart();
        locked.admin().set_scram_password(USER, PASSWORD);
        locked
    }

    /// It keeps its ports, its topics and its rights.
    pub fn restart(&self) {
        self.stack("up");
    }

    pub fn stop(&self) {
        self.stack("down");
    }

    /// Where the tests themselves go in, as a user who may do everything.
    pub fn open_address(&self) -> String {
        let port = std::fs::read_to_string(self.directory.join("kafka/port"));
        format!("127.0.0.1:{}", port.expect("it has a port").trim())
    }

    /// Where a listener of [`LISTENERS`] is.
    pub fn address(&self, listener: &str) -> String {
        let mut all = LISTENERS.iter().zip(self.ports);
        let found = all.find(|((name, _), _)| *name == listener);
        format!("127.0.0.1:{}", found.expect("such a listener").1)
    }

    /// Rights and passwords.
    pub fn admin(&self) -> Admin {
        Admin::at(&self.open_address())
    }

    /// A file of `dev/certificates`.
    pub fn certificate(&self, name: &str) -> String {
        self.certificates().join(name).display().to_string()
    }

    /// `{certificates}` and `{tokens}` are where these are.
    pub fn fill_in(&self, text: &str) -> String {
        let certificates = self.certificates().display().to_string();
        text.replace("{certificates}", &certificates)
            .replace("{tokens}", self.tokens.url())
    }

    fn certificates(&self) -> PathBuf {
        self.directory.join("certificates")
    }

    /// Kafka wants key and certificate in one file.
    fn write_stores(&self) {
        for name in ["server", "elsewhere", "expired"] {
            let read = |end: &str| {
                let file = Path::new(&self.certificate(name)).with_extension(end);
                std::fs::read_to_string(file).expect("dev/certificates makes it")
            };
            let store = read("key") + &read("pem");
            std::fs::write(self.certificate(&format!("{name}.store")), store).expect("written");
        }
    }

    fn properties(&self) -> String {
        let read = |name: &str| {
            let file = self.directory.join("kafka").join(name);
            std::fs::read_to_string(file).expect("written")
        };
        let mut listeners = format!(
            "PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{}",
            read("port"),
            read("controller-port")
        );
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        for ((name, protocol), port) in LISTENERS.iter().zip(self.ports) {
            listeners += &format!(",{name}://127.0.0.1:{port}");
            protocols += &format!(",{name}:{protocol}");
        }
        let plain = [USER, OPERATOR, READER].map(|user| format!(" user_{user}=\"{PASSWORD}\""));
        let security = "org.apache.kafka.common.security";
        let login = "listener.name.login";
        [
            format!("listeners={listeners}"),
            format!("listener.security.protocol.map={protocols}"),
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={}", self.certificate("server.store")),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={}", self.certificate("ca.pem")),
            "listener.name.mutual.ssl.client.auth=required".to_owned(),
            format!("listener.name.elsewhere.ssl.keystore.location={}", self.certificate("elsewhere.store")),
            format!("listener.name.expired.ssl.keystore.location={}", self.certificate("expired.store")),
            format!("{login}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"),
            "listener.name.plain.sasl.enabled.mechanisms=PLAIN".to_owned(),
            format!("listener.name.plain.plain.sasl.jaas.config={security}.plain.PlainLoginModule required{};", plain.concat()),
            format!("{login}.plain.sasl.jaas.config={security}.plain.PlainLoginModule required{};", plain.concat()),
            format!("{login}.scram-sha-256.sasl.jaas.config={security}.scram.ScramLoginModule required;"),
            format!("{login}.scram-sha-512.sasl.jaas.config={security}.scram.ScramLoginModule required;"),
            format!("{login}.oauthbearer.sasl.jaas.config={security}.oauthbearer.OAuthBearerLoginModule required;"),
            format!("{login}.oauthbearer.sasl.server.callback.handler.class={security}.oauthbearer.OAuthBearerValidatorCallbackHandler"),
            format!("{login}.oauthbearer.connections.max.reauth.ms=3600000"),
            format!("sasl.oauthbearer.jwks.endpoint.url={}", self.tokens.keys_url()),
            "sasl.oauthbearer.expected.audience=kafka".to_owned(),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
            "super.users=User:ANONYMOUS".to_owned(),
        ]
        .join("\n")
            + "\n"
    }

    fn stack(&self, command: &str) {
        let directory = self.directory.display().to_string();
        let environment = [("LANDFALL_STACK_DIR", directory.as_str())];
        dev_with("stack", &[command, "kafka"], "", &environment);
    }
}

impl Drop for LockedKafka {
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// Below the ports that the kernel takes for outgoing connections: nobody sits on it while the broker restarts.
pub fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let seed = std::process::id() as u16;
        let port = 20_000 + seed.wrapping_add(NEXT.fetch_add(7, Ordering::Relaxed)) % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
