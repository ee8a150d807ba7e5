//! `landfall health`: asks the worker at `http.listen` how it is, where there is nothing else to ask with, as in the image.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{StatusCode, redirect};

use crate::causes::innermost_cause;
use crate::cli::Health;
use crate::config::{HttpConfig, Secret};
use crate::operator::terminal;

/// From the question to the end of the answer. Whoever checks health gives up after some seconds, and then tells nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the worker isn't well, in a line.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// There is no answer.
    #[error("no worker answers at {address} (http.listen): {cause}")]
    Silent { address: SocketAddr, cause: String },
    /// The answer is another than 200.
    #[error("{address}{path} answers {}: {told}", status.as_u16())]
    Unwell {
        address: SocketAddr,
        path: &'static str,
        status: StatusCode,
        told: String,
    },
    /// The question can't be asked.
    #[error("can't ask: {0}")]
    Setup(String),
}

/// Asks once, and prints the answer if it is a good one.
///
/// # Errors
/// The worker says no, or nothing within three seconds.
pub fn ask_worker(config: &HttpConfig, asked: &Health) -> Result<(), HealthError> {
    let path = match asked.ready {
        true => "/readyz",
        false => "/healthz",
    };
    // for the reasons, which are for those who have it
    let token = asked.ready.then(|| config.read_token()).flatten();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| HealthError::Setup(e.to_string()))?;
    let told = runtime.block_on(ask(reachable(config.listen), path, token))?;
    terminal::print(&format!("{told}\n"));
    Ok(())
}

async fn ask(
    address: SocketAddr,
    path: &'static str,
    token: Option<Secret>,
) -> Result<String, HealthError> {
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        // what answers is the worker, or nobody
        .redirect(redirect::Policy::none())
        .no_proxy()
        // there is no TLS: the authorities needn't be read each time
        .tls_certs_only([])
        .build()
        .map_err(|e| HealthError::Setup(innermost_cause(&e)))?;
    let mut request = http.get(format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    let silent = |error: reqwest::Error| HealthError::Silent {
        address,
        cause: match error.is_timeout() {
            true => format!("not within {} seconds", PATIENCE.as_secs()),
            false => innermost_cause(&error),
        },
    };
    let answer = request.send().await.map_err(silent)?;
    let status = answer.status();
    let told = on_one_line(&answer.text().await.map_err(silent)?);
    match status {
        StatusCode::OK => Ok(told),
        _ => Err(HealthError::Unwell {
            address,
            path,
            status,
            told,
        }),
    }
}

/// Where a worker that listens at all addresses is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A reason is a line of `/readyz`.
fn on_one_line(told: &str) -> String {
    let lines: Vec<&str> = told.lines().collect();
    terminal::printable(&lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_listens_everywhere_is_asked_at_home() {
        let asked_at = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked_at("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(asked_at("[::]:80"), "[::1]:80");
        assert_eq!(asked_at("10.1.2.3:9464"), "10.1.2.3:9464");
    }

    #[test]
    fn all_reasons_are_told_in_one_line_that_steers_no_terminal() {
        let told = "Postgres: connection refused\nt[0]: its table\x1b[2J is missing\n";
        let line = "Postgres: connection refused; t[0]: its table[2J is missing";
        assert_eq!(on_one_line(told), line);
        assert_eq!(on_one_line("alive\n"), "alive");
    }
}
