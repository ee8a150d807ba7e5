//! What mends it where no broker lets us in: librdkafka says what happened, and seldom which setting it comes from.

use std::collections::HashMap;

use crate::config::KafkaConfig;
use crate::handshake::HandshakeFault;
use crate::kafka::certificate_probe::CertificateProbe;
use crate::locked::Locked;

/// What librdkafka says of a broker's certificate, whatever is wrong with it.
const CERTIFICATE_REFUSED: &str = "certificate verify failed";

const SPEAKS_NO_TLS: &str = "the port speaks no TLS: set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or kafka.brokers to the port for TLS";

/// Words of librdkafka's or a broker's, and what mends it; the first that fits holds. OpenSSL's are looked at after them.
const CAUSES: [(&str, &str); 9] = [
    (
        "Failed to acquire SASL OAUTHBEARER token",
        "no broker is asked without a token",
    ),
    ("connecting to a PLAINTEXT broker listener?", SPEAKS_NO_TLS),
    (
        "connecting to a SSL listener?",
        "the port may ask for TLS: set security.protocol to SSL or SASL_SSL, or kafka.brokers to the port without it",
    ),
    (
        "might require SASL authentication",
        "the port asks for a login: set security.protocol to SASL_SSL or SASL_PLAINTEXT, with sasl.mechanism",
    ),
    (
        "client SSL authentication might be required",
        "the brokers ask for a client certificate: set ssl.certificate.location and ssl.key.location",
    ),
    (
        "mechanism handshake failed",
        "set sasl.mechanism to one that the brokers support",
    ),
    (
        "invalid_token",
        "the brokers don't take the token: see that it is from the issuer and for the audience that they expect (sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.scope)",
    ),
    (
        "SASL authentication error",
        "correct sasl.username and sasl.password",
    ),
    (
        "Failed to resolve",
        "kafka.brokers, or what the brokers advertise (advertised.listeners), has a name that isn't known here",
    ),
];

/// Words for a broker that has gone, or that isn't the kind of port that we take it for: it has refused nobody.
const NO_REFUSAL: [&str; 2] = ["listener?", "Failed to resolve"];

/// Whether brokers are there, and don't let us in.
pub(super) fn is_refusal(reason: &str) -> bool {
    let is_gone = NO_REFUSAL.iter().any(|words| reason.contains(words))
        || HandshakeFault::of_words(reason) == Some(HandshakeFault::NoTls);
    find_mend(reason).is_some() && !is_gone
}

/// Explains reasons, each once.
pub(super) struct Advisor {
    probe: CertificateProbe,
    explained: Locked<HashMap<String, String>>,
}

impl Advisor {
    pub(super) fn new(config: &KafkaConfig) -> Self {
        Self {
            probe: CertificateProbe::from_config(config),
            explained: Locked::default(),
        }
    }

    /// The reason with what mends it, if that is known. Blocks its thread, for some seconds, while a broker is asked for the
    /// certificate that librdkafka refused.
    pub(super) fn explain(&self, reason: &str) -> String {
        if let Some(known) = self.explained.lock().get(reason) {
            return known.clone();
        }
        let explained = self.explain_anew(reason);
        let mut known = self.explained.lock();
        known.insert(reason.to_owned(), explained.clone());
        explained
    }

    /// Brokers are back: their certificates may be others the next time.
    pub(super) fn forget(&self) {
        self.explained.lock().clear();
    }

    fn explain_anew(&self, reason: &str) -> String {
        if reason.contains(CERTIFICATE_REFUSED)
            && let Some(broker) = find_broker(reason)
            && let Some(found) = self.probe.explain_refusal(broker)
        {
            return format!("{broker}: {found}");
        }
        match find_mend(reason) {
            Some(mend) => format!("{reason}; {mend}"),
            None => reason.to_owned(),
        }
    }
}

fn find_mend(reason: &str) -> Option<&'static str> {
    let mut causes = CAUSES.iter();
    let cause = causes.find(|(words, _)| reason.contains(words));
    let by_words = cause.map(|(_, mend)| *mend);
    by_words.or_else(|| HandshakeFault::of_words(reason).map(mend_handshake))
}

fn mend_handshake(fault: HandshakeFault) -> &'static str {
    match fault {
        HandshakeFault::Certificate(_) => {
            "set ssl.ca.location to the authority that signed the brokers' certificates"
        }
        HandshakeFault::OwnMissing => {
            "the brokers ask for a client certificate: set ssl.certificate.location and ssl.key.location"
        }
        HandshakeFault::OwnUntrusted | HandshakeFault::OwnRefused => {
            "the brokers don't trust our certificate: ssl.certificate.location must be signed by an authority of theirs"
        }
        HandshakeFault::OwnBad => {
            "the brokers ask for a client certificate, or don't take ours: set ssl.certificate.location and ssl.key.location"
        }
        HandshakeFault::OwnExpired => {
            "our certificate has expired: ssl.certificate.location needs a new one"
        }
        HandshakeFault::OwnRevoked => {
            "our certificate was revoked: ssl.certificate.location needs a new one"
        }
        HandshakeFault::NothingInCommon => {
            "the brokers have no cipher of TLS in common with us, or ask for a client certificate: set ssl.cipher.suites, or ssl.certificate.location and ssl.key.location"
        }
        HandshakeFault::OtherVersion => {
            "the brokers have no version of TLS in common with us: let their ssl.enabled.protocols have TLSv1.2 or TLSv1.3"
        }
        HandshakeFault::NoTls => SPEAKS_NO_TLS,
    }
}

/// Host and port in `ssl://host:port/bootstrap: …`.
fn find_broker(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once("://")?;
    let (broker, _) = rest.split_once('/')?;
    broker.contains(':').then_some(broker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_goes_has_refused_nobody() {
        for gone in [
            "127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            "127.0.0.1:9092/1: Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol configuration (connecting to a SSL listener?)",
        ] {
            assert!(!is_refusal(gone), "{gone}");
        }
        let refused = "127.0.0.1:9092/1: SASL authentication error: Authentication failed";
        assert!(is_refusal(refused));
    }

    #[test]
    fn the_broker_is_found_in_librdkafkas_words() {
        let reason = "sasl_ssl://kafka-1.example:9093/bootstrap: SSL handshake failed";
        assert_eq!(find_broker(reason), Some("kafka-1.example:9093"));
        assert_eq!(find_broker("127.0.0.1:9/1: Connection refused"), None);
    }

    #[test]
    fn each_cause_names_a_setting_and_none_stands_behind_one_that_hides_it() {
        for (at, (words, mend)) in CAUSES.iter().enumerate() {
            assert_eq!(find_mend(words), Some(*mend), "{words}");
            let settings = [
                "ssl.",
                "sasl.",
                "security.protocol",
                "kafka.brokers",
                "token",
            ];
            assert!(
                settings.iter().any(|setting| mend.contains(setting)),
                "{at}"
            );
        }
    }
}
