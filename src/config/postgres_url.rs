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
pub enum PostgresUrlError {
    #[error("allowed: a URL that starts with postgres:// or postgresql://")]
    Scheme,
    #[error("is a JDBC URL; allowed: {0}, with the password in postgres.password_file")]
    Jdbc(String),
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
        .ok_or_else(|| refuse_scheme(url))?;
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

/// A JDBC URL with what it would be here: the user, the server, the database, and how TLS is used.
fn refuse_scheme(url: &str) -> PostgresUrlError {
    let Some(rest) = url.strip_prefix("jdbc:postgresql://") else {
        return PostgresUrlError::Scheme;
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let in_place = |c: char| c.is_ascii_alphanumeric() || ".-_,:[]/".contains(c);
    if place.contains("//") || !place.chars().all(in_place) {
        // something else than servers and a database, a password maybe
        return PostgresUrlError::Jdbc("postgres://user@host:port/database".to_owned());
    }
    let value_of = |wanted: &str| {
        let mut all = parameters.split('&').filter_map(|it| it.split_once('='));
        all.find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
    };
    let user = value_of("user").unwrap_or("user");
    let tls = match (value_of("sslmode"), value_of("ssl")) {
        (Some(mode), _) => format!("?sslmode={mode}"),
        (None, Some("true")) => "?sslmode=require".to_owned(),
        (None, _) => String::new(),
    };
    PostgresUrlError::Jdbc(format!("postgres://{user}@{place}{tls}"))
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
    fn a_jdbc_url_is_refused_with_the_right_one_and_without_a_password() {
        let refused = |url: &str| parse_url(url).unwrap_err().to_string();
        let url = "jdbc:postgresql://db.example:6432/shop?user=ann&password=hunter2&ssl=true&currentSchema=raw";
        assert_eq!(
            refused(url),
            "is a JDBC URL; allowed: postgres://ann@db.example:6432/shop?sslmode=require, with the password in postgres.password_file"
        );
        let odd = refused("jdbc:postgresql://ann:hunter2@db/shop");
        assert!(!odd.contains("hunter2") && odd.contains("postgres://user@host:port/database"));
    }

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
