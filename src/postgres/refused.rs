//! Why no connection was opened, as far as we are let in or not: the cause, and the setting that it hangs on. A server or an
//! OpenSSL says the one, and never the other.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::handshake::{CertificateFault, HandshakeFault};
use crate::postgres::opening::NoCredentials;
use crate::verdict::{Failure, Verdict, sqlstate};

/// What a failure of TLS begins with, whoever refuses whom.
const NO_TLS: &str = "Postgres: no TLS: ";

/// Words of tokio-postgres' own, where TLS can't be had, and what helps.
const NO_HANDSHAKE: [(&str, &str); 2] = [
    (
        "server does not support TLS",
        "the server takes no TLS, which sslmode of postgres.url asks for: turn ssl on there",
    ),
    (
        "no hostname provided",
        "sslmode of postgres.url asks for TLS, which needs a host name and isn't there through a socket of the file system",
    ),
];

/// Whether another password or another certificate might be let in.
pub(super) fn is_of_credentials(error: &Error) -> bool {
    if let Some(why) = no_credentials_of(error) {
        return why.is_of_credentials();
    }
    match error.as_db_error() {
        Some(db) => db.code().code().starts_with("28"),
        None => explain_handshake(&full_text(error)).is_some(),
    }
}

/// The failure, if it is about being let in; else another one tells.
pub(super) fn explain_refusal(error: &Error) -> Option<Failure> {
    let text = match no_credentials_of(error) {
        None => full_text(error),
        Some(NoCredentials::Refused(said)) => said.clone(),
        Some(why) => {
            let verdict = match why.may_pass() {
                true => Verdict::Unavailable,
                false => Verdict::Systemic,
            };
            return Some(Failure {
                of_login: true,
                ..Failure::new(verdict, why.to_string())
            });
        }
    };
    if let Some(explained) = explain_handshake(&text) {
        let said = text.rsplit("SSL routines:").next().unwrap_or(&text);
        let line = format!("{NO_TLS}{explained} ({said})");
        return Some(Failure::new(Verdict::Systemic, line));
    }
    let helps = match text.as_str() {
        text if text.ends_with("password missing") => {
            "the server asks for a password: set postgres.password, password_file or password_command"
        }
        text if text.contains("unsupported authentication method")
            || text.contains("unsupported SASL mechanism") =>
        {
            "pg_hba.conf there asks for a way to log in that Landfall doesn't have: let it be scram-sha-256, password, md5 or cert \
             for this role"
        }
        text if text.contains("channel binding") => {
            "channel_binding=require of postgres.url needs TLS, and scram-sha-256 in pg_hba.conf there"
        }
        _ => return None,
    };
    let line = format!("Postgres: {text}; {helps}");
    Some(Failure::new(Verdict::Systemic, line))
}

/// Whether a failure is TLS's.
pub fn is_of_tls(failure: &Failure) -> bool {
    failure.log_line.starts_with(NO_TLS)
}

/// What helps where the server refuses a login.
pub(super) fn login_hint(db: &DbError) -> Option<&'static str> {
    login_hint_on(db.code().code(), db.message())
}

/// The messages may be in another language; then what holds for all of their code is said.
fn login_hint_on(code: &str, message: &str) -> Option<&'static str> {
    match code {
        sqlstate::INVALID_PASSWORD => Some(
            "; the password is that of postgres.password, password_file or password_command, or the one in postgres.url",
        ),
        "28000" if message.contains("certificate") => Some(
            "; the certificate is that of sslcert and sslkey in postgres.url, and has to name the role",
        ),
        "28000" if message.contains("no encryption") => Some(
            "; ask for TLS, by sslmode in postgres.url, or let pg_hba.conf there take this role without",
        ),
        "28000" => Some(
            "; it is the user of postgres.url, and pg_hba.conf there says who may log in from where",
        ),
        _ => None,
    }
}

fn no_credentials_of(error: &Error) -> Option<&NoCredentials> {
    error.source()?.downcast_ref()
}

/// What a failed handshake is, and what helps, by what OpenSSL or tokio-postgres says of it.
pub(super) fn explain_handshake(text: &str) -> Option<&'static str> {
    let mut without = NO_HANDSHAKE.iter();
    match without.find(|(words, _)| text.contains(words)) {
        Some((_, explained)) => Some(explained),
        None => HandshakeFault::of_words(text).map(explain_fault),
    }
}

fn explain_fault(fault: HandshakeFault) -> &'static str {
    match fault {
        HandshakeFault::Certificate(fault) => explain_certificate(fault),
        HandshakeFault::OwnUntrusted | HandshakeFault::OwnBad => {
            "the server doesn't take the certificate in sslcert: it is of no authority that ssl_ca_file there holds"
        }
        HandshakeFault::OwnExpired | HandshakeFault::OwnRevoked | HandshakeFault::OwnRefused => {
            "the server doesn't take the certificate in sslcert: it has expired or was revoked"
        }
        HandshakeFault::OwnMissing => {
            "the server wants a certificate: let sslcert and sslkey of postgres.url name one"
        }
        HandshakeFault::NothingInCommon => {
            "the server has no cipher of TLS in common with us: look at ssl_ciphers there"
        }
        HandshakeFault::OtherVersion => {
            "the server has no version of TLS in common with us: let ssl_min_protocol_version and ssl_max_protocol_version there \
             admit TLSv1.2 or TLSv1.3"
        }
        HandshakeFault::NoTls => {
            "what answers there speaks no TLS, though it says so: look at what stands between, and at host and port of postgres.url"
        }
    }
}

fn explain_certificate(fault: CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired => {
            "the server's certificate, or one that it was signed by, has expired: renew it there, or the authority in sslrootcert"
        }
        CertificateFault::NotYetValid => {
            "the server's certificate isn't valid yet: look at the clocks of both machines"
        }
        CertificateFault::OtherHost => {
            "the server's certificate is for another host than postgres.url names: use a name that it is for, or sslmode=verify-ca, \
             which doesn't ask for the name"
        }
        CertificateFault::Revoked => "the server's certificate was revoked: have it replaced there",
        CertificateFault::UnknownAuthority => {
            "the server's certificate is of no authority that sslrootcert holds (without it: that the system trusts): let it name \
             the file of the authority"
        }
    }
}

/// With its cause.
pub(super) fn full_text(error: &Error) -> String {
    let text = error.to_string();
    let Some(cause) = error.source().map(ToString::to_string) else {
        return text;
    };
    match text.contains(&cause) {
        true => text,
        false => format!("{text}: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_says_leads_to_the_setting() {
        let said = "error performing TLS handshake: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate \
            verify failed:../ssl/statem/statem_clnt.c:1889:: ";
        for (cause, setting) in [
            ("unable to get local issuer certificate", "sslrootcert"),
            (
                "self-signed certificate in certificate chain",
                "sslrootcert",
            ),
            ("certificate has expired", "expired"),
            ("hostname mismatch", "another host than postgres.url"),
            ("IP address mismatch", "another host than postgres.url"),
        ] {
            let explained = explain_handshake(&format!("{said}{cause}"));
            assert!(explained.unwrap().contains(setting), "{cause}");
        }
        let alert = "error communicating with the server: error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:x";
        assert!(explain_handshake(alert).unwrap().contains("sslcert"));
        assert_eq!(
            explain_handshake("error connecting to server: Connection refused"),
            None
        );
    }

    #[test]
    fn a_refused_login_names_what_it_hangs_on() {
        let hint = |message| login_hint_on("28000", message).unwrap();
        assert!(hint("connection requires a valid client certificate").contains("sslcert"));
        assert!(
            hint("pg_hba.conf rejects connection for host \"h\", no encryption")
                .contains("sslmode")
        );
        assert!(hint("role \"x\" is not permitted to log in").contains("user of postgres.url"));
        assert!(
            login_hint_on("28P01", "")
                .unwrap()
                .contains("password_file")
        );
        assert_eq!(login_hint_on("42501", ""), None);
    }
}
