//! `[http]`: where the page, `/metrics`, `/healthz` and `/readyz` are served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::reader::Reader;
use super::secret::{Secret, read_secret_file};
use super::summary::Summary;
use super::value::{Found, Refusal, allowed, because, integer_within, parse_list, parse_string};

/// `[http]`: the address of the page for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address and port to listen at.
    pub listen: SocketAddr,
    /// How many tables metrics tell apart.
    pub metrics_tables: usize,
    /// The file with the token that whoever wants to see more than whether the worker is alive and ready has to bring.
    pub token_file: Option<PathBuf>,
    /// The names that are answered to, beside addresses and `localhost`. None: any, unless `listen` is a loopback address.
    pub hosts: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            metrics_tables: 200,
            token_file: None,
            hosts: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// What `token_file` holds now, if there is one that can be read.
    pub fn read_token(&self) -> Option<Secret> {
        read_secret_file(self.token_file.as_deref()?).ok()
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("http.listen", self.listen);
        summary.add("http.metrics_tables", self.metrics_tables);
        if let Some(file) = &self.token_file {
            summary.add("http.token_file", file.display());
        }
        if !self.hosts.is_empty() {
            summary.add("http.hosts", self.hosts.join(","));
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let listen = reader.read_or("http.listen", Self::default().listen, |found| {
            parse_string(found)?.parse().map_err(|_| {
                allowed("an IP address and a port, such as \"127.0.0.1:9464\" or \"[::]:9464\"")
            })
        });
        let metrics_tables = reader.read_or(
            "http.metrics_tables",
            Self::default().metrics_tables,
            integer_within(1..=100_000),
        );
        // it is read again with each request; whether it can be is told at the start
        let token_file = reader.read("http.token_file", |found| {
            let path = PathBuf::from(parse_string(found)?);
            let read = read_secret_file(&path);
            read.map(|_| path).map_err(|e| because(e.to_string()))
        });
        Self {
            listen,
            metrics_tables,
            token_file,
            hosts: reader.read("http.hosts", parse_hosts).unwrap_or_default(),
        }
    }
}

/// Names alone: a port may be another one behind a proxy, and a name with `*` would be none.
fn parse_hosts(found: &Found) -> Result<Vec<String>, Refusal> {
    let hosts = parse_list(found)?;
    let is_name = |host: &String| {
        host.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    match hosts.iter().all(is_name) {
        true => Ok(hosts),
        false => Err(allowed(
            "names without a port, such as [\"landfall.example.org\"]",
        )),
    }
}
