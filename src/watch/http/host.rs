//! Which names the port answers to. Somebody's page in a browser on this machine may have its own name mean 127.0.0.1
//! (DNS rebinding), and read then what only this machine may read. The name in `Host` gives it away: an address has no
//! name to rebind.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names that are answered to.
pub(super) struct HostNames {
    /// Beside addresses and `localhost`.
    names: Vec<String>,
}

impl HostNames {
    /// `None`: any name will do. Who listens for other machines is asked by whatever name they have for it (a service's,
    /// a proxy's), unless the configuration says by which.
    pub(super) fn wanted(listen: SocketAddr, names: &[String]) -> Option<Arc<Self>> {
        let is_checked = listen.ip().to_canonical().is_loopback() || !names.is_empty();
        is_checked.then(|| {
            Arc::new(Self {
                names: names.iter().map(|name| plain(name)).collect(),
            })
        })
    }

    /// Whether all that the request calls the server by is ours. Who gives no name is no browser.
    fn are_meant(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let in_headers = headers.get_all(HOST).iter();
        let in_headers = in_headers.map(|value| value.as_bytes().try_into().ok());
        let in_uri = uri.authority().cloned().map(Some);
        in_headers
            .chain(in_uri)
            .all(|told| told.is_some_and(|told: Authority| self.is_ours(told.host())))
    }

    fn is_ours(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let name = plain(host);
        address.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.names.contains(&name)
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Answers nobody who calls the server by another name.
pub(super) async fn require_host(
    State(names): State<Arc<HostNames>>,
    request: Request,
    next: Next,
) -> Response {
    if names.are_meant(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let why =
        "Host names none that is answered to: ask by an address, or by a name of http.hosts\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listen: &str, names: &[&str]) -> Option<Arc<HostNames>> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        HostNames::wanted(listen.parse().unwrap(), &names)
    }

    fn asks(names: &HostNames, uri: &str, hosts: &[&str]) -> bool {
        let headers = hosts.iter().map(|host| (HOST, host.parse().unwrap()));
        names.are_meant(&uri.parse().unwrap(), &headers.collect())
    }

    #[test]
    fn on_loopback_an_address_localhost_and_a_configured_name_are_answered_to_and_no_other() {
        let names = names("127.0.0.1:9464", &["Sink.Example.org."]).unwrap();
        for ours in [
            "127.0.0.1",
            "127.0.0.1:9464",
            "10.1.2.3:80",
            "[::1]:9464",
            "localhost:9464",
            "LocalHost",
            "worker.localhost",
            "sink.example.org:9464",
        ] {
            assert!(asks(&names, "/", &[ours]), "{ours}");
        }
        for other in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "example.org",
            "",
            "a b",
        ] {
            assert!(!asks(&names, "/", &[other]), "{other}");
        }
        assert!(asks(&names, "/", &[]), "no browser leaves it out");
        assert!(!asks(&names, "/", &["localhost", "evil.example"]));
        assert!(!asks(&names, "http://evil.example/", &["localhost"]));
        assert!(asks(&names, "http://localhost/", &["localhost"]));
    }

    #[test]
    fn for_other_machines_a_name_is_asked_for_only_if_one_is_configured() {
        for open in ["0.0.0.0:9464", "[::]:9464", "10.1.2.3:9464"] {
            assert!(names(open, &[]).is_none(), "{open}");
            let strict = names(open, &["landfall.monitoring.svc"]).unwrap();
            assert!(asks(&strict, "/healthz", &["10.1.2.3:9464"]), "a probe");
            assert!(asks(&strict, "/metrics", &["landfall.monitoring.svc:9464"]));
            assert!(!asks(&strict, "/metrics", &["evil.example"]));
        }
        for local in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(names(local, &[]).is_some(), "{local}");
        }
    }
}
