//! Why a TLS handshake has failed, by OpenSSL's words and numbers, which are the same whoever is at the other end. Which
//! setting mends it is told where the setting is known: by Kafka's, Postgres' and the registry's clients.

/// What is wrong with the certificate of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It has expired, or one that it was signed by.
    Expired,
    NotYetValid,
    /// It has other names than the one that was asked for.
    OtherHost,
    Revoked,
    /// Nobody who is trusted here has signed it.
    UnknownAuthority,
}

/// Why a handshake has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// We don't take the other side's certificate.
    Certificate(CertificateFault),
    /// The other side wants a certificate of ours, and was shown none.
    OwnMissing,
    /// Nobody whom the other side trusts has signed ours.
    OwnUntrusted,
    /// The other side doesn't take ours, or was shown none, as older versions of TLS have it.
    OwnBad,
    OwnExpired,
    OwnRevoked,
    /// The other side doesn't take ours, for another reason.
    OwnRefused,
    /// No cipher that both have; of older versions of TLS also that a certificate of ours is missing.
    NothingInCommon,
    /// No version of TLS that both have.
    OtherVersion,
    /// The other side speaks something else.
    NoTls,
}

use CertificateFault::*;
use HandshakeFault::*;

/// Words of OpenSSL's, and what they mean. The first that are found hold: "certificate verify failed" comes with what
/// failed of it, mostly. An alert is what the other side says.
const BY_WORDS: [(&[&str], HandshakeFault); 15] = [
    (&["alert unknown ca"], OwnUntrusted),
    (
        &[
            "alert bad certificate",
            "alert unsupported certificate",
            "alert decrypt error",
        ],
        OwnBad,
    ),
    (&["alert certificate expired"], OwnExpired),
    (&["alert certificate revoked"], OwnRevoked),
    (&["alert certificate unknown"], OwnRefused),
    (&["certificate required"], OwnMissing),
    (&["alert handshake failure"], NothingInCommon),
    (
        &[
            "alert protocol version",
            "unsupported protocol",
            "no protocols available",
        ],
        OtherVersion,
    ),
    (&["wrong version number", "packet length too long"], NoTls),
    (&["certificate has expired"], Certificate(Expired)),
    (&["certificate is not yet valid"], Certificate(NotYetValid)),
    (
        // some begin it with a capital
        &["ostname mismatch", "IP address mismatch"],
        Certificate(OtherHost),
    ),
    (&["certificate revoked"], Certificate(Revoked)),
    (
        &[
            "issuer certificate",
            "self-signed",
            "self signed",
            "verify the first certificate",
            "invalid CA certificate",
        ],
        Certificate(UnknownAuthority),
    ),
    (
        &["certificate verify failed"],
        Certificate(UnknownAuthority),
    ),
];

impl CertificateFault {
    /// By OpenSSL's number (`X509_V_ERR_…`); `None`: there is nothing wrong with it, or something rare.
    pub fn of_verification(code: i32) -> Option<Self> {
        match code {
            9 => Some(NotYetValid),
            10 => Some(Expired),
            23 => Some(Revoked),
            62 | 64 => Some(OtherHost),
            2 | 18 | 19 | 20 | 21 | 24 => Some(UnknownAuthority),
            _ => None,
        }
    }
}

impl HandshakeFault {
    /// By what OpenSSL says of it, among other words; `None`: it is no such fault, or one that the next try may mend.
    pub fn of_words(said: &str) -> Option<Self> {
        let mut known = BY_WORDS.iter();
        let found = known.find(|(words, _)| words.iter().any(|word| said.contains(word)));
        found.map(|(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_says_the_same_in_words_and_by_number() {
        for (code, words) in [
            (2, "unable to get issuer certificate"),
            (9, "certificate is not yet valid"),
            (10, "certificate has expired"),
            (18, "self-signed certificate"),
            (19, "self-signed certificate in certificate chain"),
            (20, "unable to get local issuer certificate"),
            (21, "unable to verify the first certificate"),
            (23, "certificate revoked"),
            (24, "invalid CA certificate"),
            (62, "hostname mismatch"),
            (64, "IP address mismatch"),
        ] {
            let by_number = CertificateFault::of_verification(code).map(Certificate);
            let by_words = HandshakeFault::of_words(words);
            assert!(
                by_number.is_some() && by_words == by_number,
                "{code}: {words}"
            );
        }
        assert_eq!(CertificateFault::of_verification(0), None);
    }

    #[test]
    fn what_failed_says_more_than_that_something_failed() {
        let said = "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:x.c:1889:: ";
        let of = |cause: &str| HandshakeFault::of_words(&format!("{said}{cause}"));
        assert_eq!(of("certificate has expired"), Some(Certificate(Expired)));
        assert_eq!(of("hostname mismatch"), Some(Certificate(OtherHost)));
        let unknown = Some(Certificate(UnknownAuthority));
        assert_eq!(of("unable to get local issuer certificate"), unknown);
        assert_eq!(of(""), unknown);
    }

    #[test]
    fn an_alert_is_about_our_certificate_and_not_theirs() {
        let said = "error:0A000415:SSL routines:ssl3_read_bytes:ssl/tls alert certificate expired:x.c:1605:SSL alert number 45";
        assert_eq!(HandshakeFault::of_words(said), Some(OwnExpired));
        let said = said.replace("expired", "revoked");
        assert_eq!(HandshakeFault::of_words(&said), Some(OwnRevoked));
        let refused = "error connecting to server: Connection refused (os error 111)";
        assert_eq!(HandshakeFault::of_words(refused), None);
    }
}
