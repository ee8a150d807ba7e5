//! `[format.registry]`: where the schemas of Avro records are.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::reader::Reader;
use super::secret::{Secret, read_secret};
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
    /// Basic authentication.
    pub login: Option<Login>,
    /// A PEM file of trusted authorities; `None`: the system's.
    pub root_certificates: Option<PathBuf>,
    /// Shown to a registry that asks for a certificate.
    pub client: Option<ClientCertificate>,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// Name and password of basic authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Not a secret: the summary shows the name.
    pub username: String,
    /// `None`: the empty password.
    pub password: Option<Secret>,
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
        let username = reader.read("format.registry.username", parse_string);
        let password = read_secret(reader, "format.registry.password");
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
        if password.is_some() && username.is_none() {
            let key = if reader.is_set("format.registry.password") {
                "format.registry.password"
            } else {
                "format.registry.password_file"
            };
            reader.note_problem(key, "needs format.registry.username beside it");
        }
        let limits = Duration::from_millis(100)..=Duration::from_secs(600);
        let timeout = reader.read_or(
            "format.registry.timeout",
            DEFAULT_TIMEOUT,
            duration_within(limits),
        );
        Some(Self {
            urls: urls?,
            login: username.map(|username| Login { username, password }),
            root_certificates,
            client,
            timeout,
        })
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
    login: "format.registry.username and format.registry.password",
};
