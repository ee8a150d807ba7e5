//! The HTTP client to the registry, with the files for TLS as they are now.

use std::path::Path;

use openssl::pkey::PKey;
use openssl::x509::X509;
use reqwest::{Certificate, Identity, redirect};

use crate::causes::innermost_cause;
use crate::config::{ClientCertificate, RegistryConfig};
use crate::format::registry::error::RegistrySetupError;
use crate::locked::Locked;

/// Makes the client anew when a file has changed: certificates are renewed while we run.
pub(super) struct Connection {
    config: RegistryConfig,
    current: Locked<Current>,
}

struct Current {
    files: Files,
    client: reqwest::Client,
}

/// What the files held.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    root_certificates: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// A client to ask with.
pub(super) struct Ready {
    pub client: reqwest::Client,
    /// Why it goes by what the files held before: what they hold now can't be used, as in the middle of a renewal.
    pub outdated: Option<RegistrySetupError>,
}

impl Connection {
    /// No connection is opened yet.
    ///
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &RegistryConfig) -> Result<Self, RegistrySetupError> {
        let files = Files::read(config)?;
        let client = files.build_client(config)?;
        Ok(Self {
            config: config.clone(),
            current: Locked::new(Current { files, client }),
        })
    }

    /// Reads the files: not for a thread of the runtime's, for they may lie on a network's disk that hangs.
    pub fn client_now(&self) -> Ready {
        let read = Files::read(&self.config);
        let mut current = self.current.lock();
        let renewed = read.and_then(|files| match files == current.files {
            true => Ok(None),
            false => {
                let client = files.build_client(&self.config)?;
                Ok(Some(Current { files, client }))
            }
        });
        let outdated = match renewed {
            Ok(None) => None,
            Ok(Some(renewed)) => {
                *current = renewed;
                None
            }
            Err(error) => Some(error),
        };
        Ready {
            client: current.client.clone(),
            outdated,
        }
    }
}

impl Files {
    fn read(config: &RegistryConfig) -> Result<Self, RegistrySetupError> {
        let read = |key, path: Option<&Path>| {
            let path = path?;
            let read = std::fs::read(path);
            Some(read.map_err(|e| unusable_file(key, path, e.to_string())))
        };
        let client = config.client.as_ref();
        Ok(Self {
            root_certificates: read(CA_FILE, config.root_certificates.as_deref()).transpose()?,
            certificate: read(CERT_FILE, client.map(|c| &*c.certificate)).transpose()?,
            key: read(KEY_FILE, client.map(|c| &*c.key)).transpose()?,
        })
    }

    fn build_client(&self, config: &RegistryConfig) -> Result<reqwest::Client, RegistrySetupError> {
        let mut http = reqwest::Client::builder()
            .timeout(config.timeout)
            // a login goes where it is configured to go, and nowhere else
            .redirect(redirect::Policy::none())
            // like Kafka and Postgres, the registry is asked directly
            .no_proxy()
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")));
        if let (Some(pem), Some(path)) = (&self.root_certificates, &config.root_certificates) {
            http = http.tls_certs_only(trusted(pem, path)?);
        }
        if let (Some(certificate), Some(key), Some(client)) =
            (&self.certificate, &self.key, &config.client)
        {
            http = http.identity(own_identity(certificate, key, client)?);
        }
        let built = http.build();
        built.map_err(|e| RegistrySetupError::Connection(innermost_cause(&e)))
    }
}

const CA_FILE: &str = "format.registry.ca_file";
const CERT_FILE: &str = "format.registry.cert_file";
const KEY_FILE: &str = "format.registry.key_file";

fn own_identity(
    certificate: &[u8],
    key: &[u8],
    named: &ClientCertificate,
) -> Result<Identity, RegistrySetupError> {
    let of_key = |reason| unusable_file(KEY_FILE, &named.key, reason);
    // Without the callback OpenSSL asks for an encrypted key's passphrase on the terminal.
    let key = PKey::private_key_from_pem_callback(key, |_| Ok(0));
    let key = key.map_err(|e| of_key(e.to_string()))?;
    let public = X509::from_pem(certificate).and_then(|own| own.public_key());
    if public.is_ok_and(|public| !public.public_eq(&key)) {
        return Err(of_key(format!("it is not the key of {CERT_FILE}")));
    }
    let key = key.private_key_to_pem_pkcs8();
    let key = key.map_err(|e| of_key(e.to_string()))?;
    Identity::from_pkcs8_pem(certificate, &key)
        .map_err(|e| unusable_file(CERT_FILE, &named.certificate, innermost_cause(&e)))
}

fn trusted(pem: &[u8], path: &Path) -> Result<Vec<Certificate>, RegistrySetupError> {
    let told = |reason| unusable_file(CA_FILE, path, reason);
    let trusted = Certificate::from_pem_bundle(pem).map_err(|e| told(innermost_cause(&e)))?;
    match trusted.is_empty() {
        true => Err(told("it holds no certificate".to_owned())),
        false => Ok(trusted),
    }
}

fn unusable_file(key: &'static str, path: &Path, reason: String) -> RegistrySetupError {
    RegistrySetupError::File {
        key,
        path: path.to_owned(),
        reason,
    }
}
