//! Who isn't let in is told why, and by which setting: by `check`, and by a worker's `/readyz` and its log.

use futures::future::join_all;

use super::Locked;
use crate::support::eventually;
use crate::support::locked_kafka::token_endpoint::CLIENT_SECRET;
use crate::support::locked_kafka::{PASSWORD, USER};

type Properties = Vec<(&'static str, &'static str)>;

const TLS: [(&str, &str); 2] = [
    ("SECURITY_PROTOCOL", "SSL"),
    ("SSL_CA_LOCATION", "{certificates}/ca.pem"),
];

fn login(mechanism: &'static str, password: &'static str) -> Properties {
    vec![
        ("SECURITY_PROTOCOL", "SASL_SSL"),
        TLS[1],
        ("SASL_MECHANISM", mechanism),
        ("SASL_USERNAME", USER),
        ("SASL_PASSWORD", password),
    ]
}

fn token(url: &'static str, secret: &'static str) -> Properties {
    vec![
        ("SECURITY_PROTOCOL", "SASL_SSL"),
        TLS[1],
        ("SASL_MECHANISM", "OAUTHBEARER"),
        ("SASL_OAUTHBEARER_METHOD", "oidc"),
        ("SASL_OAUTHBEARER_CLIENT_ID", USER),
        ("SASL_OAUTHBEARER_CLIENT_SECRET", secret),
        ("SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", url),
    ]
}

/// At this listener, with these properties, nobody is let in, and these words are told.
async fn refuse(locked: &Locked, listener: &str, properties: Properties, told: &[&str]) {
    let name = |property: &str| format!("LANDFALL_KAFKA__PROPERTIES__{property}");
    let environment = properties.iter();
    let mut environment: Vec<(String, String)> = environment
        .map(|(property, value)| (name(property), locked.kafka.fill_in(value)))
        .collect();
    let broker = match listener {
        "" => locked.kafka.open_address(),
        listener => locked.kafka.address(listener),
    };
    environment.push(("LANDFALL_KAFKA__BROKERS".to_owned(), broker));
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let run = locked.start_with(&["run"], &environment);
    let has_all = |text: &str| told.iter().all(|words| text.contains(words));
    // it waits some seconds for brokers, in which a busy machine may not get as far as to be refused
    let checked = eventually("check says so", async || {
        let mut check = locked.start_with(&["check"], &environment);
        assert_eq!(check.wait().await, Some(1), "{}", check.log());
        Some(check.log()).filter(|log| has_all(log))
    });
    let checked = checked.await;
    eventually("/readyz says why", async || {
        let (status, reasons) = run.get("/readyz").await;
        (status == 503 && has_all(&reasons)).then_some(())
    })
    .await;
    let mut words = vec!["Kafka is away, and waited for"];
    words.extend(told);
    run.says(&words).await;
    for log in [checked, run.log()] {
        assert!(
            !log.contains(PASSWORD) && !log.contains(CLIENT_SECRET),
            "{log}"
        );
    }
    run.kill().await;
}

#[tokio::test]
async fn certificates_and_protocols_that_do_not_fit_are_named_with_their_setting() {
    let locked = Locked::new("refused_tls", "TLS", &[]).await;
    let with = |listener, properties: &[(&'static str, &'static str)], told| {
        let properties = properties.to_vec();
        refuse(&locked, listener, properties, told)
    };
    let other_ca = ("SSL_CA_LOCATION", "{certificates}/other-ca.pem");
    let other_client = [
        TLS[0],
        TLS[1],
        (
            "SSL_CERTIFICATE_LOCATION",
            "{certificates}/other-client.pem",
        ),
        ("SSL_KEY_LOCATION", "{certificates}/other-client.key"),
    ];
    join_all([
        with(
            "TLS",
            &[TLS[0], other_ca],
            &["an authority that isn't trusted here", "ssl.ca.location"],
        ),
        with("EXPIRED", &TLS, &["has expired", "ssl.keystore.location"]),
        with("ELSEWHERE", &TLS, &["for another host", "kafka.brokers"]),
        with(
            "MUTUAL",
            &TLS,
            &[
                "ask for a client certificate",
                "set ssl.certificate.location",
            ],
        ),
        with(
            "MUTUAL",
            &other_client,
            &["don't take ours", "ssl.certificate.location"],
        ),
        with("TLS", &[], &["set security.protocol"]),
        with(
            "",
            &TLS,
            &["speaks no TLS", "security.protocol to PLAINTEXT"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn passwords_and_tokens_that_are_refused_are_named_with_their_setting() {
    let locked = Locked::new("refused_login", "LOGIN", &[]).await;
    let with = |listener, properties, told| refuse(&locked, listener, properties, told);
    let endpoint = |url| token(url, CLIENT_SECRET);
    join_all([
        with(
            "LOGIN",
            login("PLAIN", "wrong"),
            &["correct sasl.username and sasl.password"][..],
        ),
        with(
            "LOGIN",
            login("SCRAM-SHA-512", "wrong"),
            &["correct sasl.username and sasl.password"],
        ),
        with(
            "PLAIN",
            login("SCRAM-SHA-256", PASSWORD),
            &["supported mechanisms: PLAIN", "set sasl.mechanism"],
        ),
        with(
            "LOGIN",
            endpoint("{tokens}/foreign/token"),
            &[
                "don't take the token",
                "sasl.oauthbearer.token.endpoint.url",
            ],
        ),
        with(
            "LOGIN",
            endpoint("{tokens}/expired/token"),
            &["/expired/token gives has expired"],
        ),
        with(
            "LOGIN",
            endpoint("http://127.0.0.1:1/token"),
            &["can't be asked", "sasl.oauthbearer.token.endpoint.url"],
        ),
        with(
            "LOGIN",
            token("{tokens}/hour/token", "wrong"),
            &["the secret is wrong", "sasl.oauthbearer.client.secret"],
        ),
    ])
    .await;
}
