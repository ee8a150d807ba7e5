//! The TLS side of a Postgres connection, with libpq's meanings.
//!
//! OpenSSL, because librdkafka brings it along anyway.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
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

/// Files that belong together are written one after the other: for so long after the one, the other may still be to come.
const RENEWAL_TIME: Duration = Duration::from_secs(60);

/// OpenSSL's own variable for another store.
const STORE_VARIABLE: &str = "SSL_CERT_FILE";

/// Why no connection can be secured as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("postgres.url: {parameter}: {} cannot be used: {why}", path.display())]
    File {
        parameter: &'static str,
        path: PathBuf,
        #[source]
        why: UnusableFile,
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

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFile {
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    #[error("it holds no private key in PEM that is not encrypted")]
    NoKey,
    #[error("it is not the key of sslcert")]
    OtherKey,
}

/// What the files say that a connection is secured with.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    roots: Option<PemFile>,
    certificate_and_key: Option<(PemFile, PemFile)>,
}

impl TlsFiles {
    /// Reads the files that the mode needs.
    ///
    /// # Errors
    /// One can't be read, or the system has no trusted certificates.
    pub(super) fn read(tls: &Tls) -> Result<Self, TlsError> {
        let roots = match (&tls.root_certificates, tls.mode >= TlsMode::VerifyCa) {
            (Some(path), true) => Some(PemFile::read("sslrootcert", path)?),
            (None, true) => Some(PemFile::read(
                "the system's certificates",
                &system_store()?,
            )?),
            (_, false) => None,
        };
        let read_both = |client: &ClientCertificate| {
            Ok::<_, TlsError>((
                PemFile::read("sslcert", &client.certificate)?,
                PemFile::read("sslkey", &client.key)?,
            ))
        };
        Ok(Self {
            roots,
            certificate_and_key: tls.client.as_ref().map(read_both).transpose()?,
        })
    }

    /// Whether a server that asks for a certificate is shown one.
    pub(super) fn show_certificate(&self) -> bool {
        self.certificate_and_key.is_some()
    }

    /// Whether one of them was written a moment ago, so that what doesn't fit may be about to.
    pub(super) fn are_being_renewed(&self) -> bool {
        let own = self.certificate_and_key.iter();
        let own = own.flat_map(|(certificate, key)| [certificate, key]);
        self.roots.iter().chain(own).any(PemFile::is_new)
    }

    /// The connector for every mode; with `TlsMode::Disable` tokio-postgres never uses it. Of files that haven't changed it is the
    /// one of before: to build one takes OpenSSL tens of milliseconds, as it reads all of the system's certificates first.
    ///
    /// # Errors
    /// A file isn't what it should be.
    pub(super) fn build_connector(&self, mode: TlsMode) -> Result<MakeTlsConnector, TlsError> {
        static LAST: Mutex<Option<(TlsMode, TlsFiles, MakeTlsConnector)>> = Mutex::new(None);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of_mode, of_files, connector)) = &*last
            && (of_mode, of_files) == (&mode, self)
        {
            return Ok(connector.clone());
        }
        let connector = self.build_anew(mode)?;
        *last = Some((mode, self.clone(), connector.clone()));
        Ok(connector)
    }

    fn build_anew(&self, mode: TlsMode) -> Result<MakeTlsConnector, TlsError> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        match &self.roots {
            Some(roots) => {
                builder.set_cert_store(roots.to_store()?);
                builder.set_verify(SslVerifyMode::PEER);
            }
            None => builder.set_verify(SslVerifyMode::NONE),
        }
        if let Some((certificate, key)) = &self.certificate_and_key {
            present_certificate(&mut builder, certificate, key)?;
        }
        let mut connector = MakeTlsConnector::new(builder.build());
        let verify_host_name = mode == TlsMode::VerifyFull;
        connector.set_callback(move |connection, _host| {
            connection.set_verify_hostname(verify_host_name);
            Ok(())
        });
        Ok(connector)
    }
}

/// A connector of what the files say now.
///
/// # Errors
/// A file can't be used.
pub fn read_connector(tls: &Tls) -> Result<MakeTlsConnector, TlsError> {
    TlsFiles::read(tls)?.build_connector(tls.mode)
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
    certificate: &PemFile,
    key: &PemFile,
) -> Result<(), TlsError> {
    let mut chain = certificate.certificates()?.into_iter();
    if let Some(own) = chain.next() {
        builder.set_certificate(&own)?;
    }
    for intermediate in chain {
        builder.add_extra_chain_cert(intermediate)?;
    }
    // Without the callback OpenSSL asks for an encrypted key's passphrase on the terminal.
    let private = PKey::private_key_from_pem_callback(&key.pem, |_| Ok(0))
        .map_err(|_| key.refuse(UnusableFile::NoKey))?;
    builder
        .set_private_key(&private)
        .and_then(|()| builder.check_private_key())
        .map_err(|_| key.refuse(UnusableFile::OtherKey))
}

/// A file, with the parameter that names it.
#[derive(Clone, PartialEq, Eq)]
struct PemFile {
    parameter: &'static str,
    path: PathBuf,
    pem: Vec<u8>,
}

impl PemFile {
    fn read(parameter: &'static str, path: &Path) -> Result<Self, TlsError> {
        let mut file = Self {
            parameter,
            path: path.to_owned(),
            pem: Vec::new(),
        };
        file.pem = std::fs::read(path).map_err(|error| file.refuse(error.into()))?;
        Ok(file)
    }

    fn is_new(&self) -> bool {
        let written = std::fs::metadata(&self.path).and_then(|file| file.modified());
        written.is_ok_and(|written| {
            // a clock that is ahead makes it as new as can be
            let age = SystemTime::now().duration_since(written);
            age.unwrap_or_default() < RENEWAL_TIME
        })
    }

    /// At least one.
    fn certificates(&self) -> Result<Vec<X509>, TlsError> {
        let all = X509::stack_from_pem(&self.pem).unwrap_or_default();
        match all.is_empty() {
            true => Err(self.refuse(UnusableFile::NoCertificate)),
            false => Ok(all),
        }
    }

    /// These authorities and no others: a connector's own store has the system's as well, whose certificates anybody has.
    fn to_store(&self) -> Result<X509Store, TlsError> {
        let mut store = X509StoreBuilder::new()?;
        for authority in self.certificates()? {
            store.add_cert(authority)?;
        }
        Ok(store.build())
    }

    fn refuse(&self, why: UnusableFile) -> TlsError {
        TlsError::File {
            parameter: self.parameter,
            path: self.path.clone(),
            why,
        }
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
