//! `[http]`: where the page, `/metrics`, `/healthz` and `/readyz` are served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::reader::Reader;
use super::secret::read_secret_file;
use super::summary::Summary;
use super::value::{allowed, because, integer_within, parse_string};

/// `[http]`: the address of the page for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address and port to listen at.
    pub listen: SocketAddr,
    /// How many tables metrics tell apart.
    pub metrics_tables: usize,
    /// The file with the token that whoever wants to see more than whether the worker is alive and ready has to bring.
    pub token_file: Option<PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            metrics_tables: 200,
            token_file: None,
        }
    }
}

impl HttpConfig {
    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("http.listen", self.listen);
        summary.add("http.metrics_tables", self.metrics_tables);
        if let Some(file) = &self.token_file {
            summary.add("http.token_file", file.display());
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
        }
    }
}
