//! What mends a TLS handshake with the registry that has failed: OpenSSL's words name no setting.

use crate::handshake::{CertificateFault, HandshakeFault};

/// What is wrong, if the words of an error are those of a handshake that the next try doesn't mend.
pub(super) fn explain_handshake(said: &str) -> Option<&'static str> {
    HandshakeFault::of_words(said).map(explain_fault)
}

fn explain_fault(fault: HandshakeFault) -> &'static str {
    match fault {
        HandshakeFault::Certificate(fault) => explain_certificate(fault),
        HandshakeFault::OwnMissing | HandshakeFault::NothingInCommon => {
            "it asks for a client's certificate: set format.registry.cert_file and format.registry.key_file"
        }
        HandshakeFault::OwnUntrusted | HandshakeFault::OwnBad | HandshakeFault::OwnRefused => {
            "it doesn't trust our certificate: set format.registry.cert_file to one of an authority that it trusts"
        }
        HandshakeFault::OwnExpired => {
            "our certificate has expired: have that of format.registry.cert_file renewed"
        }
        HandshakeFault::OwnRevoked => {
            "our certificate is revoked: have that of format.registry.cert_file replaced"
        }
        HandshakeFault::OtherVersion => {
            "it has no version of TLS in common with us: let what is at format.registry.url take TLS 1.2 or 1.3"
        }
        HandshakeFault::NoTls => {
            "it speaks no TLS there: correct format.registry.url, or its https://"
        }
    }
}

fn explain_certificate(fault: CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired => {
            "its certificate has expired: have the registry's certificate renewed"
        }
        CertificateFault::NotYetValid => {
            "its certificate isn't valid yet: correct this machine's clock, or the registry's certificate"
        }
        CertificateFault::OtherHost => {
            "its certificate is for another host: ask by a name that it has, in format.registry.url"
        }
        CertificateFault::Revoked => {
            "its certificate was revoked: have the registry's certificate replaced"
        }
        CertificateFault::UnknownAuthority => {
            "its certificate is of no authority that is trusted: set format.registry.ca_file to the authority's certificate"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_brackets_say_more_than_those_before_them() {
        let failed = "certificate verify failed:ssl/statem/statem_clnt.c:2103:";
        let explain = |cause: &str| explain_handshake(&format!("{failed} ({cause})"));
        assert!(explain("certificate has expired").is_some_and(|what| what.contains("renewed")));
        assert!(explain("hostname mismatch").is_some_and(|what| what.contains("url")));
        let of_none = explain("unable to get local issuer certificate");
        assert!(of_none.is_some_and(|what| what.contains("ca_file")));
        assert_eq!(explain_handshake("Connection refused (os error 111)"), None);
    }
}
