//! `[format.registry]`: where the schemas of Avro records are.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::reader::Reader;
use super::secret_source::{SecretSource, read_source};
use super::service_url::ServiceUrl;
use super::tls::ClientCertificate;
use super::topic_format::Encoding;
use super::units::duration_within;
use super::value::{Found, Refusal, parse_list, parse_string};

const URL_KEY: &str = "format.registry.url";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// `[format.registry]`: where the registry is, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Never empty: registries that have the same schemas, tried in turn.
    pub urls: Vec<Url>,
    /// What is shown with each request.
    pub login: Option<Login>,
    /// A PEM file of trusted authorities; `None`: the system's.
    pub root_certificates: Option<PathBuf>,
    /// Shown to a registry that asks for a certificate.
    pub client: Option<ClientCertificate>,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// How a registry is told who asks, beside a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Basic authentication.
    Basic {
        /// Not a secret: the summary shows the name.
        username: String,
        /// `None`: the empty password.
        password: Option<SecretSource>,
    },
    /// A token, for whoever bears it.
    Bearer(SecretSource),
}

impl RegistryConfig {
    /// As it is shown: no URL holds a secret.
    pub fn display_urls(&self) -> String {
        let urls: Vec<&str> = self.urls.iter().map(Url::as_str).collect();
        urls.join(",")
    }

    /// `None` if there is no url. `needed`: then that is a problem, of this key with this encoding.
    pub(super) fn from_reader(
        reader: &mut Reader,
        needed: Option<(String, Encoding)>,
    ) -> Option<Self> {
        if let Some((key, encoding)) = needed.filter(|_| !reader.is_set(URL_KEY)) {
            let encoding = encoding.name();
            reader.note_problem(
                &key,
                format!(
                    "{encoding} needs the schema registry: set {URL_KEY}, such as \"http://127.0.0.1:8081\""
                ),
            );
        }
        let urls = reader.read_hidden(URL_KEY, parse_urls);
        let login = read_login(reader);
        let path = |reader: &mut Reader, key| reader.read(key, parse_string).map(PathBuf::from);
        let root_certificates = path(reader, "format.registry.ca_file");
        let certificate = path(reader, "format.registry.cert_file");
        let key = path(reader, "format.registry.key_file");
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.note_problem(
                    "format.registry.cert_file",
                    "needs format.registry.key_file beside it",
                );
                None
            }
            (None, Some(_)) => {
                reader.note_problem(
                    "format.registry.key_file",
                    "needs format.registry.cert_file beside it",
                );
                None
            }
        };
        let limits = Duration::from_millis(100)..=Duration::from_secs(600);
        let timeout = reader.read_or(
            "format.registry.timeout",
            DEFAULT_TIMEOUT,
            duration_within(limits),
        );
        Some(Self {
            urls: urls?,
            login,
            root_certificates,
            client,
            timeout,
        })
    }
}

fn read_login(reader: &mut Reader) -> Option<Login> {
    let username = reader.read("format.registry.username", parse_string);
    let password = read_source(reader, "format.registry.password");
    let token = read_source(reader, "format.registry.token");
    match (username, password, token) {
        (None, None, token) => token.map(Login::Bearer),
        (Some(username), password, None) => Some(Login::Basic { username, password }),
        (None, Some(password), _) => {
            reader.note_problem(password.key(), "needs format.registry.username beside it");
            None
        }
        (Some(_), _, Some(token)) => {
            reader.note_problem(
                token.key(),
                "format.registry.username is set as well; set only one of them",
            );
            None
        }
    }
}

/// A list, or a text with commas between. What was found is never shown: it may hold a password.
fn parse_urls(found: &Found) -> Result<Vec<Url>, Refusal> {
    let texts = match found.value.as_str() {
        Some(text) if !text.trim_start().starts_with('[') => {
            text.split(',').map(|part| part.trim().to_owned()).collect()
        }
        _ => parse_list(found)?,
    };
    texts.iter().map(|text| URL.parse(text)).collect()
}

const URL: ServiceUrl = ServiceUrl {
    allowed: "one or several URLs, such as \"http://127.0.0.1:8081\"",
    login: "format.registry.username and format.registry.password, or format.registry.token,",
};
