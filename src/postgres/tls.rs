//! The TLS side of a Postgres connection, with libpq's meanings.
//!
//! OpenSSL, because librdkafka brings it along anyway.

use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;

use crate::config::{ClientCertificate, Tls, TlsMode};

/// Where systems keep the certificates that they trust. An OpenSSL that is compiled in
/// looks where it would itself have been installed, and finds nothing there.
const SYSTEM_STORES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",   // Red Hat, Fedora
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // Alpine, macOS
];

/// OpenSSL's own variable for another store.
const STORE_VARIABLE: &str = "SSL_CERT_FILE";

/// Why no connection can be secured as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("postgres.url: {parameter}: {} cannot be used: {error}", path.display())]
    File {
        parameter: &'static str,
        path: PathBuf,
        #[source]
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "postgres.url: sslmode needs the system's trusted certificates, and none of {} exists; \
         name a file with sslrootcert or SSL_CERT_FILE",
        SYSTEM_STORES.join(", ")
    )]
    NoSystemStore,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] ErrorStack),
}

/// The connector for every mode; with `TlsMode::Disable` tokio-postgres never uses it.
///
/// The files are read now: whoever renews a certificate makes a new connector.
pub fn build_connector(tls: &Tls) -> Result<MakeTlsConnector, TlsError> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if tls.mode >= TlsMode::VerifyCa {
        trust_roots(&mut builder, tls.root_certificates.as_deref())?;
        builder.set_verify(SslVerifyMode::PEER);
    } else {
        builder.set_verify(SslVerifyMode::NONE);
    }
    if let Some(client) = &tls.client {
        present_certificate(&mut builder, client)?;
    }
    let mut connector = MakeTlsConnector::new(builder.build());
    let verify_host_name = tls.mode == TlsMode::VerifyFull;
    connector.set_callback(move |connection, _host| {
        connection.set_verify_hostname(verify_host_name);
        Ok(())
    });
    Ok(connector)
}

fn trust_roots(builder: &mut SslConnectorBuilder, named: Option<&Path>) -> Result<(), TlsError> {
    let (parameter, path) = match named {
        Some(path) => ("sslrootcert", path.to_owned()),
        None => ("the system's certificates", system_store()?),
    };
    builder
        .set_ca_file(&path)
        .map_err(|error| unusable_file(parameter, &path, error))
}

fn system_store() -> Result<PathBuf, TlsError> {
    let named = std::env::var_os(STORE_VARIABLE).filter(|path| !path.is_empty());
    named
        .map(PathBuf::from)
        .or_else(|| {
            SYSTEM_STORES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        })
        .ok_or(TlsError::NoSystemStore)
}

fn present_certificate(
    builder: &mut SslConnectorBuilder,
    client: &ClientCertificate,
) -> Result<(), TlsError> {
    builder
        .set_certificate_chain_file(&client.certificate)
        .map_err(|error| unusable_file("sslcert", &client.certificate, error))?;
    let pem =
        std::fs::read(&client.key).map_err(|error| unusable_file("sslkey", &client.key, error))?;
    // Without the callback OpenSSL asks for an encrypted key's passphrase on the terminal.
    PKey::private_key_from_pem_callback(&pem, |_| Ok(0))
        .and_then(|key| builder.set_private_key(&key))
        .and_then(|()| builder.check_private_key())
        .map_err(|error| unusable_file("sslkey", &client.key, error))
}

fn unusable_file(
    parameter: &'static str,
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TlsError {
    TlsError::File {
        parameter,
        path: path.to_owned(),
        error: error.into(),
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
