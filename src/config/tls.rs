//! How the connection to Postgres is secured, with libpq's names and meanings.

use std::fmt;
use std::path::PathBuf;

/// The parameters of a Postgres URL that are read here.
pub(super) const PARAMETERS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// libpq's word for the system's certificates (since Postgres 16).
const SYSTEM: &str = "system";

/// Why the TLS parameters of a URL can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsParameterError {
    #[error("sslmode: allowed: {}", MODES.map(|(name, _)| name).join(", "))]
    Mode,
    #[error("sslrootcert=system needs sslmode=verify-full")]
    SystemWithoutVerifyFull,
    #[error("sslcert needs its sslkey")]
    CertificateWithoutKey,
    #[error("sslkey needs its sslcert")]
    KeyWithoutCertificate,
}

/// How the connection is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// How much the server must prove.
    pub mode: TlsMode,
    /// A PEM file of trusted authorities; `None`: the system's.
    pub root_certificates: Option<PathBuf>,
    /// Shown to a server that asks for a certificate.
    pub client: Option<ClientCertificate>,
}

/// libpq's `sslmode`, weakest first. (`allow` would send the password in the clear first.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    Disable,
    /// Encrypted if the server can, without asking who it is.
    Prefer,
    /// Always encrypted, without asking who the server is.
    Require,
    /// The server's certificate must come from a trusted authority.
    VerifyCa,
    /// It must also be for the host name that was connected to.
    VerifyFull,
}

/// What the client shows the server: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The client's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key, not encrypted.
    pub key: PathBuf,
}

const MODES: [(&str, TlsMode); 5] = [
    ("disable", TlsMode::Disable),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MODES.iter().find(|(_, mode)| mode == self);
        f.write_str(name.map(|(name, _)| *name).unwrap_or_default())
    }
}

impl Tls {
    /// `value` gives a parameter's decoded value.
    pub(super) fn from_parameters(
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TlsParameterError> {
        let mode = value("sslmode").map(|name| parse_mode(&name)).transpose()?;
        let root = value("sslrootcert");
        let (mode, root_certificates) = match root.as_deref() {
            // As in libpq: a certificate that any authority of the web signed proves nothing
            // without the host name.
            Some(SYSTEM) if mode.is_some_and(|mode| mode < TlsMode::VerifyFull) => {
                return Err(TlsParameterError::SystemWithoutVerifyFull);
            }
            Some(SYSTEM) => (TlsMode::VerifyFull, None),
            // As in libpq: who names an authority wants it asked.
            Some(path) if mode == Some(TlsMode::Require) => (TlsMode::VerifyCa, Some(path.into())),
            Some(path) => (mode.unwrap_or(TlsMode::Prefer), Some(path.into())),
            None => (mode.unwrap_or(TlsMode::Prefer), None),
        };
        let client = match (value("sslcert"), value("sslkey")) {
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: certificate.into(),
                key: key.into(),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(TlsParameterError::CertificateWithoutKey),
            (None, Some(_)) => return Err(TlsParameterError::KeyWithoutCertificate),
        };
        Ok(Self {
            mode,
            root_certificates,
            client,
        })
    }
}

fn parse_mode(name: &str) -> Result<TlsMode, TlsParameterError> {
    let mode = MODES.iter().find(|(known, _)| *known == name);
    mode.map(|(_, mode)| *mode).ok_or(TlsParameterError::Mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(parameters: &[(&str, &str)]) -> Result<Tls, TlsParameterError> {
        Tls::from_parameters(|name| {
            let (_, value) = parameters.iter().find(|(known, _)| *known == name)?;
            Some(value.to_string())
        })
    }

    #[test]
    fn modes_mean_what_they_mean_to_libpq() {
        let mode = |parameters: &[_]| tls(parameters).map(|tls| tls.mode);
        assert_eq!(mode(&[]), Ok(TlsMode::Prefer));
        let require_with_root = [("sslmode", "require"), ("sslrootcert", "/ca.pem")];
        assert_eq!(mode(&require_with_root), Ok(TlsMode::VerifyCa));
        assert_eq!(mode(&[("sslrootcert", "system")]), Ok(TlsMode::VerifyFull));
        assert!(mode(&[("sslmode", "require"), ("sslrootcert", "system")]).is_err());
        assert!(mode(&[("sslmode", "allow")]).is_err());
        assert!(mode(&[("sslcert", "/c")]).is_err());
    }
}
