//! Kafka that lets in only who proves who it is: each way in, end to end.

mod granted;
mod hidden;
mod people;
mod refused;
mod renewed;
mod rights;
mod taken;

use std::sync::Arc;

use crate::support::locked_kafka::rights::{Operation, Pattern, Resource, Right};
use crate::support::locked_kafka::token_endpoint::CLIENT_SECRET;
use crate::support::locked_kafka::{LockedKafka, PASSWORD, USER};
use crate::support::worker::Worker;
use crate::support::{World, events, eventually};

/// A world on the locked broker, whose listener of this name the worker goes to with these properties.
pub struct Locked {
    pub kafka: Arc<LockedKafka>,
    pub world: World,
    listener: &'static str,
}

impl Locked {
    pub async fn new(test: &str, listener: &'static str, properties: &[(&str, &str)]) -> Self {
        let kafka = tokio::task::spawn_blocking(LockedKafka::shared).await;
        Self::on(kafka.expect("no panic"), test, listener, properties).await
    }

    pub async fn on(
        kafka: Arc<LockedKafka>,
        test: &str,
        listener: &'static str,
        properties: &[(&str, &str)],
    ) -> Self {
        let mut world = World::at(test, 2, &kafka.open_address()).await;
        for (name, value) in properties {
            let value = kafka.fill_in(value);
            world.set("kafka.properties", &format!("\"{name}\" = {value:?}"));
        }
        Self {
            kafka,
            world,
            listener,
        }
    }

    /// Everybody may do everything with the world's topics and its group.
    pub fn let_everybody_in(&self) {
        for on in [
            Resource::RD_KAFKA_RESOURCE_TOPIC,
            Resource::RD_KAFKA_RESOURCE_GROUP,
        ] {
            self.kafka.admin().grant(&Right {
                principal: "User:*".to_owned(),
                operation: Operation::RD_KAFKA_ACL_OPERATION_ALL,
                on,
                pattern: Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
                name: self.world.name.clone(),
            });
        }
    }

    pub fn start(&self, arguments: &[&str]) -> Worker {
        self.start_with(arguments, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Worker {
        let broker = self.kafka.address(self.listener);
        let mut environment = vec![("LANDFALL_KAFKA__BROKERS", broker.as_str())];
        environment.extend(more);
        Worker::start(arguments, &self.world.config_file(), &environment)
    }

    /// Lands rows and letters, and lets every other client of Landfall's do its work.
    async fn lands_and_replays(self) {
        self.let_everybody_in();
        let world = &self.world;
        let events = [
            events::insert(1, 1, 1).on(0),
            events::broken(2).on(1),
            events::insert(3, 3, 1).on(1),
        ];
        world.kafka.produce(&world.topic, &events).await;
        for arguments in [
            &["check"][..],
            &["run", "--until-caught-up"],
            &["status"],
            &["dlq", "list"],
        ] {
            let mut command = self.start(arguments);
            let code = command.wait().await;
            let told = command.log();
            assert_eq!(code, Some(0), "{arguments:?}: {told}");
            assert!(
                !told.contains(PASSWORD) && !told.contains(CLIENT_SECRET),
                "{told}"
            );
        }
        assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
        assert!(!world.kafka.is_empty(&world.dead_letter_topic(), 1));
        // the letter is read from its topic, and fails again, and is published again
        let mut replay = self.start(&["dlq", "replay"]);
        assert_eq!(replay.wait().await, Some(1), "{}", replay.log());
        assert!(replay.log().contains("failed 1"), "{}", replay.log());
    }
}

const CA: (&str, &str) = ("ssl.ca.location", "{certificates}/ca.pem");

fn login(mechanism: &'static str) -> [(&'static str, &'static str); 5] {
    [
        ("security.protocol", "SASL_SSL"),
        CA,
        ("sasl.mechanism", mechanism),
        ("sasl.username", USER),
        ("sasl.password", PASSWORD),
    ]
}

#[tokio::test]
async fn over_tls_rows_and_letters_arrive() {
    let properties = [("security.protocol", "SSL"), CA];
    let locked = Locked::new("way_tls", "TLS", &properties).await;
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn with_a_client_certificate_rows_and_letters_arrive() {
    let properties = [
        ("security.protocol", "SSL"),
        CA,
        ("ssl.certificate.location", "{certificates}/client.pem"),
        ("ssl.key.location", "{certificates}/client.key"),
    ];
    let locked = Locked::new("way_mutual", "MUTUAL", &properties).await;
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn with_a_password_rows_and_letters_arrive() {
    let locked = Locked::new("way_plain", "LOGIN", &login("PLAIN")).await;
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn by_scram_sha_256_rows_and_letters_arrive() {
    let locked = Locked::new("way_scram_256", "LOGIN", &login("SCRAM-SHA-256")).await;
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn by_scram_sha_512_rows_and_letters_arrive() {
    let locked = Locked::new("way_scram_512", "LOGIN", &login("SCRAM-SHA-512")).await;
    locked.lands_and_replays().await;
}

fn by_token(url: &'static str) -> [(&'static str, &'static str); 7] {
    [
        ("security.protocol", "SASL_SSL"),
        CA,
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.client.id", USER),
        ("sasl.oauthbearer.client.secret", CLIENT_SECRET),
        ("sasl.oauthbearer.token.endpoint.url", url),
    ]
}

#[tokio::test]
async fn with_a_token_rows_and_letters_arrive() {
    let properties = by_token("{tokens}/hour/token");
    let locked = Locked::new("way_token", "LOGIN", &properties).await;
    locked.lands_and_replays().await;
}

#[tokio::test]
async fn tokens_are_renewed_before_they_end() {
    let properties = by_token("{tokens}/seconds/token");
    let locked = Locked::new("token_renewed", "LOGIN", &properties).await;
    locked.let_everybody_in();
    let (world, given) = (&locked.world, locked.kafka.tokens.given());
    let worker = locked.start(&["run"]);
    for id in 1.. {
        let event = [events::insert(id, id, 1)];
        world.kafka.produce(&world.topic, &event).await;
        world.until_count("SELECT count(*) FROM t", id).await;
        if locked.kafka.tokens.given() >= given + 4 {
            break; // two lives, and more, of the first one
        }
    }
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}
