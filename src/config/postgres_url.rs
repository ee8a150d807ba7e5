//! Reads a Postgres URL as libpq does: the TLS parameters that tokio-postgres does not
//! know are taken out first.
//!
//! No message quotes a part of the URL where a password could stand.

use std::error::Error;

use tokio_postgres::config::{Host, SslMode};

use super::tls::{PARAMETERS, Tls, TlsMode, TlsParameterError};

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Why a text is no URL of a Postgres. Never with a part of the text where a password could stand.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostgresUrlError {
    #[error("allowed: a URL that starts with postgres:// or postgresql://")]
    Scheme,
    #[error(transparent)]
    Tls(#[from] TlsParameterError),
    /// tokio-postgres names the parameter that it refuses, never its value.
    #[error("not a Postgres URL{}", .0.source().map(|source| format!(": {source}")).unwrap_or_default())]
    Unreadable(tokio_postgres::Error),
    #[error("names no host; allowed: postgres://user@host:port/database")]
    NoHost,
    #[error("has more than one @; write one that belongs to the user or the password as %40")]
    SeveralAts,
}

/// The connection without TLS files, and the TLS settings.
pub(super) fn parse_url(url: &str) -> Result<(tokio_postgres::Config, Tls), PostgresUrlError> {
    let rest = SCHEMES
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or(PostgresUrlError::Scheme)?;
    // A question mark may be part of the password, so look for the query behind it.
    let query = rest.find('@').unwrap_or(0);
    let query = rest[query..].find('?').map(|at| query + at);
    let (place, parameters) = match query {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, ""),
    };
    let (tls, others): (Vec<&str>, Vec<&str>) = parameters
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .partition(|parameter| PARAMETERS.contains(&name_of(parameter)));

    let tls = Tls::from_parameters(|name| {
        let parameter = tls
            .iter()
            .rev()
            .find(|parameter| name_of(parameter) == name)?;
        decoded_value(parameter)
    })?;
    let mut connection: tokio_postgres::Config = format!("postgres://{place}?{}", others.join("&"))
        .parse()
        .map_err(PostgresUrlError::Unreadable)?;
    connection.ssl_mode(match tls.mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    check_host(&connection)?;
    Ok((connection, tls))
}

/// For people: user, hosts and database, nothing else.
pub(super) fn display_url(connection: &tokio_postgres::Config) -> String {
    let ports = connection.get_ports();
    let hosts: Vec<String> = connection
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let host = match host {
                Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            };
            // One port may stand for all hosts.
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            format!("{host}:{port}")
        })
        .collect();
    let user = connection
        .get_user()
        .map(|user| format!("{user}@"))
        .unwrap_or_default();
    let database = connection.get_dbname().unwrap_or_default();
    format!("postgres://{user}{}/{database}", hosts.join(","))
}

fn name_of(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

fn decoded_value(parameter: &str) -> Option<String> {
    // A plus is a plus in these URLs, unlike in a form.
    let parameter = parameter.replace('+', "%2B");
    let (_, value) = url::form_urlencoded::parse(parameter.as_bytes()).next()?;
    Some(value.into_owned())
}

fn check_host(connection: &tokio_postgres::Config) -> Result<(), PostgresUrlError> {
    if connection.get_hosts().is_empty() && connection.get_hostaddrs().is_empty() {
        return Err(PostgresUrlError::NoHost);
    }
    // The parser ends the password at the first @: what follows would be shown as a host.
    let in_host = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    let in_database = connection
        .get_dbname()
        .is_some_and(|name| name.contains('@'));
    if connection.get_hosts().iter().any(in_host) || in_database {
        return Err(PostgresUrlError::SeveralAts);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn tls_parameters_are_taken_out_and_the_others_stay() {
        let (connection, tls) = parse_url(
            "postgresql://ann:p%40ss@db.example:6432/shop?sslmode=verify-full\
             &application_name=x&sslrootcert=/etc/a+b%20c.pem&sslcert=/c&sslkey=/k",
        )
        .unwrap();
        assert_eq!(connection.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(connection.get_application_name(), Some("x"));
        assert_eq!(connection.get_ssl_mode(), SslMode::Require);
        assert_eq!(tls.mode, TlsMode::VerifyFull);
        assert_eq!(
            tls.root_certificates.as_deref(),
            Some(Path::new("/etc/a+b c.pem"))
        );
        assert!(tls.client.is_some());
    }

    #[test]
    fn several_hosts_are_shown_without_the_password() {
        let (connection, _) = parse_url(
            "postgres://ann:pa?ss/wd@a:5432,[::1]:5433/shop?target_session_attrs=read-write",
        )
        .unwrap();
        assert_eq!(connection.get_password(), Some(&b"pa?ss/wd"[..]));
        assert_eq!(
            display_url(&connection),
            "postgres://ann@a:5432,[::1]:5433/shop"
        );
    }

    #[test]
    fn an_unusable_url_is_refused_without_quoting_its_password() {
        for (url, says) in [
            ("mysql://ann:hunter2@db/shop", "starts with postgres://"),
            ("host=db password=hunter2", "starts with postgres://"),
            ("postgres://ann:hunter2@db:abc/shop", "port"),
            ("postgres://ann:hunter2/shop", "port"),
            ("postgres://ann:x@hunter2@db/shop", "more than one @"),
            ("postgres://ann:hun@ter/hunter2@db/shop", "more than one @"),
            ("postgres://ann:hunter2@/shop", "no host"),
            (
                "postgres://ann:hunter2@db/shop?ssl=true",
                "unknown option `ssl`",
            ),
            (
                "postgres://ann:hunter2@db/shop?sslmode=yes",
                "allowed: disable",
            ),
            ("postgres://ann:hunter2@db/shop?sslcert=/c", "sslkey"),
        ] {
            let error = parse_url(url).unwrap_err().to_string();
            assert!(error.contains(says), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }
}
