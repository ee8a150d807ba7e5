//! librdkafka's properties of OpenID Connect, which Landfall heeds itself: this librdkafka has no HTTP client.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::kafka_login::{LoginError, uses_tokens};
use super::secret::Secret;
use super::secret_source::SecretSource;

const METHOD: &str = "sasl.oauthbearer.method";
const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const SCOPE: &str = "sasl.oauthbearer.scope";
const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
const GRANT: &str = "sasl.oauthbearer.grant.type";
const CA: &str = "https.ca.location";
/// librdkafka has two names for each.
const CLIENT_ID: [&str; 2] = [
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
];
const CLIENT_SECRET: [&str; 2] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
];

/// Where tokens are asked for with a client's id and secret (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// Over HTTP or HTTPS.
    pub url: Url,
    /// The client's name.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretSource,
    /// What the token is to allow, as the endpoint calls it.
    pub scope: Option<String>,
    /// What brokers want to be told beside the token, such as Confluent Cloud's `logicalCluster`.
    pub extensions: Vec<(String, String)>,
    /// A PEM file of the authorities that the endpoint's certificate may come from; `None`: the system's.
    pub root_certificates: Option<PathBuf>,
}

impl TokenEndpoint {
    /// `None`: tokens aren't asked for.
    pub(super) fn from_properties(
        properties: &BTreeMap<String, String>,
        changing: &BTreeMap<String, SecretSource>,
    ) -> Result<Option<Self>, LoginError> {
        if !is_asked_for(properties)? {
            return Ok(None);
        }
        let get = |name: &str| find(properties, name);
        let Some(client_id) = CLIENT_ID.into_iter().find_map(get).cloned() else {
            return refuse(
                CLIENT_ID[0],
                "must be set, as sasl.oauthbearer.method = \"oidc\"",
            );
        };
        let Some(client_secret) = find_secret(properties, changing) else {
            return refuse(
                CLIENT_SECRET[0],
                "must be set, or its _file or _command, as sasl.oauthbearer.method = \"oidc\"",
            );
        };
        let url = get(URL).and_then(|url| Url::parse(url).ok());
        let Some(url) = url.filter(|url| ["http", "https"].contains(&url.scheme())) else {
            return refuse(
                URL,
                "must be an http or https URL, as sasl.oauthbearer.method = \"oidc\"",
            );
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                URL,
                "holds a user or a password: set sasl.oauthbearer.client.id and its secret instead",
            );
        }
        let Some(extensions) = parse_extensions(get(EXTENSIONS).map_or("", |text| text)) else {
            return refuse(
                EXTENSIONS,
                "allowed: name=value, several with commas between",
            );
        };
        Ok(Some(Self {
            url,
            client_id,
            client_secret,
            scope: get(SCOPE).cloned(),
            extensions,
            root_certificates: get(CA).map(PathBuf::from),
        }))
    }
}

/// Whether tokens are to be asked for at an endpoint.
fn is_asked_for(properties: &BTreeMap<String, String>) -> Result<bool, LoginError> {
    match find(properties, METHOD).map(String::as_str) {
        Some("oidc") => {}
        None | Some("default") => return Ok(false),
        Some(_) => return refuse(METHOD, "allowed: oidc"),
    }
    if find(properties, GRANT).is_some_and(|grant| grant != "client_credentials") {
        return refuse(
            GRANT,
            "allowed: client_credentials; for other tokens see kafka.token_command",
        );
    }
    if !uses_tokens(properties) {
        return refuse(
            METHOD,
            "tokens are for sasl.mechanism = \"OAUTHBEARER\": set it, or take this out",
        );
    }
    Ok(true)
}

fn find_secret(
    properties: &BTreeMap<String, String>,
    changing: &BTreeMap<String, SecretSource>,
) -> Option<SecretSource> {
    let written = |name: &str| {
        let secret = Secret::new(find(properties, name)?);
        let key = format!("kafka.properties.{name}");
        Some(SecretSource::written(key, secret))
    };
    let secret = |name: &str| changing.get(name).cloned().or_else(|| written(name));
    CLIENT_SECRET.into_iter().find_map(secret)
}

fn find<'p>(properties: &'p BTreeMap<String, String>, name: &str) -> Option<&'p String> {
    properties.get(name).filter(|value| !value.is_empty())
}

fn refuse<T>(property: &'static str, text: &str) -> Result<T, LoginError> {
    let text = text.to_owned();
    Err(LoginError { property, text })
}

fn parse_extensions(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('='))
        .map(|pair| pair.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [(&str, &str); 5] = [
        ("sasl.mechanism", "OAUTHBEARER"),
        (METHOD, "oidc"),
        (CLIENT_ID[0], "landfall"),
        (CLIENT_SECRET[0], "hunter2"),
        (URL, "https://login/token"),
    ];

    fn read(properties: &[(&str, &str)]) -> Result<Option<TokenEndpoint>, LoginError> {
        let own = properties
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        TokenEndpoint::from_properties(&own.collect(), &BTreeMap::new())
    }

    #[test]
    fn an_endpoint_is_told_by_librdkafkas_properties_under_either_name() {
        assert_eq!(read(&[("sasl.mechanism", "PLAIN")]), Ok(None));
        let endpoint = read(&WHOLE).unwrap().unwrap();
        assert_eq!(
            endpoint.client_secret.read_blocking().unwrap().expose(),
            "hunter2"
        );
        let aliases = WHOLE.map(|(name, value)| match name {
            name if name == CLIENT_ID[0] => (CLIENT_ID[1], value),
            name if name == CLIENT_SECRET[0] => (CLIENT_SECRET[1], value),
            name => (name, value),
        });
        let other = read(&aliases).unwrap().unwrap();
        assert_eq!(
            (other.client_id, other.url),
            (endpoint.client_id, endpoint.url)
        );
        let more = [&WHOLE[..], &[(EXTENSIONS, "logicalCluster=lkc-1, pool=p")]].concat();
        let extensions = read(&more).unwrap().unwrap().extensions;
        assert_eq!(extensions[1], ("pool".to_owned(), "p".to_owned()));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (at, property) in [
            (2, CLIENT_ID[0]),
            (3, CLIENT_SECRET[0]),
            (4, URL),
            (0, METHOD),
        ] {
            let mut properties = WHOLE.to_vec();
            properties.remove(at);
            assert_eq!(read(&properties).unwrap_err().property, property);
        }
        let other = [
            &WHOLE[..],
            &[(GRANT, "urn:ietf:params:oauth:grant-type:jwt-bearer")],
        ]
        .concat();
        assert_eq!(read(&other).unwrap_err().property, GRANT);
    }
}
