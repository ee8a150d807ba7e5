//! What is wrong with a broker's certificate: librdkafka only says that it doesn't trust it.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod};
use openssl::x509::X509;

use crate::config::KafkaConfig;
use crate::handshake::CertificateFault;

/// How long a broker may take to answer, twice.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Shakes hands with brokers as librdkafka does, and sends nothing.
pub(super) struct CertificateProbe {
    trusted: Option<PathBuf>,
    trusted_text: Option<String>,
    heeds_names: bool,
}

impl CertificateProbe {
    pub(super) fn from_config(config: &KafkaConfig) -> Self {
        let get = |name: &str| config.properties.get(name).filter(|v| !v.is_empty());
        let heeded = get("ssl.endpoint.identification.algorithm");
        Self {
            trusted: get("ssl.ca.location").map(PathBuf::from),
            trusted_text: get("ssl.ca.pem").cloned(),
            heeds_names: heeded.is_none_or(|algorithm| algorithm != "none"),
        }
    }

    /// What is wrong with the certificate of the broker at `host:port`; `None`: nothing, or nobody knows. Blocks its thread.
    pub(super) fn explain_refusal(&self, broker: &str) -> Option<&'static str> {
        CertificateFault::of_verification(self.shake_hands(broker)?).map(explain_certificate)
    }

    /// OpenSSL's number of what is wrong.
    fn shake_hands(&self, broker: &str) -> Option<i32> {
        let (host, _) = broker.rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']);
        let connector = self.build_connector().ok()?;
        let mut asked = connector.configure().ok()?;
        asked.set_verify_hostname(self.heeds_names);
        let address = broker.to_socket_addrs().ok()?.next()?;
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).ok()?;
        match asked.connect(host, stream) {
            Err(HandshakeError::Failure(broken)) => Some(broken.ssl().verify_result().as_raw()),
            _ => None,
        }
    }

    fn build_connector(&self) -> Result<SslConnector, ErrorStack> {
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        match &self.trusted {
            Some(path) if path.is_dir() => connector.load_verify_locations(None, Some(path))?,
            Some(path) => connector.set_ca_file(path)?,
            None => {}
        }
        if let Some(text) = &self.trusted_text {
            for certificate in X509::stack_from_pem(text.as_bytes())? {
                connector.cert_store_mut().add_cert(certificate)?;
            }
        }
        Ok(connector.build())
    }
}

fn explain_certificate(fault: CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired => {
            "its certificate has expired: the broker needs a new one (its ssl.keystore.location)"
        }
        CertificateFault::NotYetValid => {
            "its certificate isn't valid yet: see the clocks here and there"
        }
        CertificateFault::OtherHost => {
            "its certificate is for another host: write the broker in kafka.brokers, and in its advertised.listeners, by a name that its certificate has (or set ssl.endpoint.identification.algorithm = \"none\", and anybody may play the broker)"
        }
        CertificateFault::Revoked => "its certificate was revoked",
        CertificateFault::UnknownAuthority => {
            "its certificate comes from an authority that isn't trusted here: set ssl.ca.location to the authority that signed it"
        }
    }
}
