//! What clients of Kafka log in with, where that changes while they live.

use std::collections::BTreeMap;

use super::secret_source::SecretSource;
use super::token_endpoint::TokenEndpoint;

/// The mechanism of tokens.
const MECHANISM: &str = "OAUTHBEARER";

/// librdkafka's property of the password.
pub const PASSWORD_PROPERTY: &str = "sasl.password";

const MECHANISM_KEYS: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];
const UNSECURED: &str = "enable.sasl.oauthbearer.unsecure.jwt";

/// What clients log in with, where that changes while they live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaLogin {
    /// A password that others change.
    Password {
        user: String,
        password: SecretSource,
    },
    /// A token that an endpoint gives.
    Endpoint(Box<TokenEndpoint>),
    /// A token that a file holds or a command prints, such as a cloud's.
    Token(SecretSource),
}

/// What is wrong with the properties, and with which of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoginError {
    pub property: &'static str,
    pub text: String,
}

/// Whether librdkafka has nothing to do with the property here.
pub(super) fn is_of_endpoint(property: &str) -> bool {
    property == "https.ca.location"
        || property.starts_with("sasl.oauthbearer.") && property != "sasl.oauthbearer.config"
}

/// Whether clients log in with tokens.
pub(super) fn uses_tokens(properties: &BTreeMap<String, String>) -> bool {
    let mechanisms = MECHANISM_KEYS.iter().filter_map(|key| properties.get(*key));
    mechanisms
        .into_iter()
        .any(|mechanism| mechanism == MECHANISM)
}

impl KafkaLogin {
    /// `None`: librdkafka has all that it needs. `token` is the one at `kafka.token`.
    pub(super) fn from_properties(
        properties: &BTreeMap<String, String>,
        changing: &BTreeMap<String, SecretSource>,
        token: Option<SecretSource>,
    ) -> Result<Option<Self>, LoginError> {
        let endpoint = TokenEndpoint::from_properties(properties, changing)?;
        let property = MECHANISM_KEYS[0];
        let refuse = |text: &str| {
            let text = text.to_owned();
            Err(LoginError { property, text })
        };
        match (endpoint, token) {
            (Some(_), Some(_)) => refuse(
                "a token comes from kafka.token_file or kafka.token_command, or from sasl.oauthbearer.method = \"oidc\": set one of them",
            ),
            (_, Some(_)) if !uses_tokens(properties) => refuse(
                "kafka.token_file and kafka.token_command are for OAUTHBEARER: set it, or take them out",
            ),
            (Some(endpoint), None) => Ok(Some(Self::Endpoint(Box::new(endpoint)))),
            (None, Some(token)) => Ok(Some(Self::Token(token))),
            (None, None) if uses_tokens(properties) && !is_unsecured(properties) => refuse(
                "OAUTHBEARER needs a token: set sasl.oauthbearer.method = \"oidc\" and what it needs, or kafka.token_command",
            ),
            (None, None) => Ok(changing
                .get(PASSWORD_PROPERTY)
                .map(|password| Self::Password {
                    user: properties.get("sasl.username").cloned().unwrap_or_default(),
                    password: password.clone(),
                })),
        }
    }
}

/// librdkafka makes tokens of its own, which only tests believe.
fn is_unsecured(properties: &BTreeMap<String, String>) -> bool {
    properties
        .get(UNSECURED)
        .is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn read(properties: &[(&str, &str)], token: bool) -> Result<Option<KafkaLogin>, LoginError> {
        let own = properties
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let token = token.then(|| SecretSource::written("kafka.token", Secret::new("t")));
        KafkaLogin::from_properties(&own.collect(), &BTreeMap::new(), token)
    }

    #[test]
    fn a_token_and_its_mechanism_go_together() {
        assert_eq!(read(&[("sasl.mechanism", "PLAIN")], false), Ok(None));
        for mechanism in MECHANISM_KEYS {
            let login = read(&[(mechanism, "OAUTHBEARER")], true).unwrap();
            assert!(matches!(login, Some(KafkaLogin::Token(_))), "{mechanism}");
        }
        for (properties, token) in [
            (&[("sasl.mechanism", "OAUTHBEARER")][..], false),
            (&[("sasl.mechanism", "PLAIN")][..], true),
        ] {
            assert_eq!(
                read(properties, token).unwrap_err().property,
                "sasl.mechanism"
            );
        }
        let unsecured = [("sasl.mechanism", "OAUTHBEARER"), (UNSECURED, "true")];
        assert_eq!(read(&unsecured, false), Ok(None));
    }
}
