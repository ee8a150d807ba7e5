//! How every client of Kafka is set up, and what is passed on of what it says.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::config::{Config, KafkaConfig, PASSWORD_PROPERTY, Secret, SecretSource};
use crate::kafka::chatter;
use crate::kafka::error::is_passing;
use crate::kafka::login::{HasHandle, LiveClient, Login};

/// Closing a consumer can hang.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a client is made with.
#[derive(Clone)]
pub(super) struct ClientProperties {
    properties: ClientConfig,
    login: Option<Arc<Login>>,
    /// Secrets that are read when a client is made.
    changing: BTreeMap<String, SecretSource>,
}

impl ClientProperties {
    fn new(config: &KafkaConfig) -> Self {
        Self {
            properties: ClientConfig::new(),
            login: Login::of_config(config),
            changing: config.secrets_of_clients(),
        }
    }

    /// Sets a property of librdkafka's, in place of what it was.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.properties.set(name, value);
        self
    }

    /// Leaves a property to librdkafka.
    pub(super) fn remove(&mut self, name: &str) {
        self.properties.remove(name);
    }

    /// Connects to nothing yet. May block its thread, for the ten seconds that each command for a secret has.
    ///
    /// # Errors
    /// A property that librdkafka refuses, or a secret that can't be read.
    pub(super) fn create<C, T>(&self, context: C) -> KafkaResult<LiveClient<T>>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C> + HasHandle,
    {
        let mut properties = self.properties.clone();
        for (name, source) in &self.changing {
            let secret = read_on_thread(source).map_err(KafkaError::ClientCreation)?;
            properties.set(name, secret.expose());
        }
        let password = self.login.as_ref().map(|login| login.password());
        let password = password.transpose().map_err(KafkaError::ClientCreation)?;
        if let Some(password) = password.flatten() {
            properties.set(PASSWORD_PROPERTY, password.expose());
        }
        let client = properties.create_with_context(context)?;
        Ok(LiveClient::new(client, self.login.clone()))
    }
}

/// On a thread of its own: a command can't be waited for on one of the runtime's.
fn read_on_thread(source: &SecretSource) -> Result<Secret, String> {
    let source = source.clone();
    let read = std::thread::spawn(move || source.read_blocking()).join();
    let read = read.map_err(|_| "reading a secret panicked".to_owned())?;
    read.map_err(|error| error.to_string())
}

/// The properties of the consumer: our defaults, the user's, and those that nobody may change.
pub(super) fn consumer_properties(config: &KafkaConfig) -> ClientProperties {
    let mut client = ClientProperties::new(config);
    // Defaults that a user may change; `docs/decisions/15` has the reasons.
    client
        .set("client.id", "landfall")
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.queue.backoff.ms", "2")
        .set("fetch.message.max.bytes", "1048576")
        .set("topic.metadata.refresh.interval.ms", "10000") // how soon a new topic is found
        .set("socket.keepalive.enable", "true");
    // The newer protocol refuses to be told how.
    if !has_broker_assign(config) {
        client.set("partition.assignment.strategy", "cooperative-sticky");
    }
    for (name, value) in config.librdkafka_properties() {
        client.set(name, value);
    }
    // Properties on which exactly once rests; the configuration refuses them.
    client
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "1000")
        // A lane seeks as soon as it has read its watermark. librdkafka can't seek where it gave up
        // on an offset ("error"); where it resets by itself, the jump shows in the offsets.
        .set("auto.offset.reset", "earliest");
    client
}

/// Whether the newer protocol of groups is used, in which the broker assigns, and matches patterns with topics.
pub(super) fn has_broker_assign(config: &KafkaConfig) -> bool {
    let protocol = config.properties.get("group.protocol");
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
}

/// The configured properties without those that only a consumer knows, about which librdkafka
/// would complain.
pub(super) fn client_properties(config: &Config) -> ClientProperties {
    let consumer_only = [
        "fetch.",
        "queued.",
        "session.timeout",
        "heartbeat.",
        "max.poll.",
        "partition.assignment.",
        "group.",
        "isolation.level",
        "check.crcs",
        "consume.",
    ];
    let mut client = ClientProperties::new(&config.kafka);
    client
        .set("client.id", "landfall")
        .set("socket.keepalive.enable", "true");
    for (name, value) in config
        .kafka
        .librdkafka_properties()
        .filter(|(name, _)| !consumer_only.iter().any(|p| name.starts_with(p)))
    {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &config.kafka.brokers);
    client
}

/// Passes on to the log what librdkafka has to say.
#[derive(Clone)]
pub struct LoggingContext;

impl ConsumerContext for LoggingContext {}

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_librdkafka_line(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        log_client_error(&error, reason);
    }
    /// Of interest to the group's consumer alone; others would have them logged.
    fn stats(&self, _: Statistics) {}
}

/// librdkafka's own log lines.
pub(super) fn log_librdkafka_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
            if chatter::is_news(message) =>
        {
            tracing::warn!(facility, "librdkafka: {message}");
        }
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}

/// librdkafka's errors that concern the client as a whole.
pub(super) fn log_client_error(error: &KafkaError, reason: &str) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::PartitionEOF) => return, // of one partition: the poll brings it, too
        // whether any broker answers is told otherwise
        Some(RDKafkaErrorCode::AllBrokersDown) => {}
        code => {
            let refused = [RDKafkaErrorCode::Authentication, RDKafkaErrorCode::SSL];
            if is_passing(error) || code.is_some_and(|code| refused.contains(&code)) {
                chatter::note_reason(reason);
            }
            if chatter::is_news(reason) {
                return tracing::warn!(%error, "kafka: {reason}");
            }
        }
    }
    tracing::debug!(%error, "kafka: {reason}");
}

/// Ends a consumer, within bounds.
pub(super) fn close_consumer<C: ConsumerContext + 'static>(consumer: LiveClient<BaseConsumer<C>>) {
    let (closed, wait) = mpsc::channel();
    std::thread::spawn(move || {
        drop(consumer);
        let _ = closed.send(());
    });
    let _ = wait.recv_timeout(CLOSE_TIMEOUT);
}

/// The version of librdkafka that runs.
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
