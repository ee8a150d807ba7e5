//! `[postgres]`: the destination.

use tokio_postgres::config::Host;

use super::postgres_url;
use super::reader::Reader;
use super::secret_source::{SecretSource, read_file_source, read_source};
use super::summary::Summary;
use super::tls::Tls;
use super::value::{allowed, parse_boolean, parse_string};

const URL_KEY: &str = "postgres.url";

/// An identifier's length that Postgres does not cut off, in bytes.
const LONGEST_NAME_BYTES: usize = 63;

/// `[postgres]`: the destination database and the schema of the bookkeeping.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// As configured, possibly with a password: show `display_url` instead.
    pub(super) url: SecretSource,
    /// Outdoes a password in the URL.
    pub(super) password: Option<SecretSource>,
    /// Where the bookkeeping tables live.
    pub schema: String,
    /// Whether `run` creates and upgrades the bookkeeping tables.
    pub migrate: bool,
    // As the URL was at the start. tokio-postgres' own Debug leaves the password out.
    pub(super) connection: tokio_postgres::Config,
    tls: Tls,
}

impl PostgresConfig {
    /// The parsed URL. Who logs in is read anew for each connection: [`PostgresConfig::read_login`].
    pub fn connection_config(&self) -> tokio_postgres::Config {
        self.connection.clone()
    }

    /// What the URL says of TLS; `postgres::tls` makes connectors of it.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The database; the user's name stands for it where the URL names none.
    pub fn database(&self) -> &str {
        let user = || self.connection.get_user();
        self.connection
            .get_dbname()
            .or_else(user)
            .unwrap_or_default()
    }

    /// The first server that the URL names, and its port.
    pub fn first_server(&self) -> (String, u16) {
        let host = match self.connection.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.connection.get_ports().first().copied();
        (host, port.unwrap_or(5432))
    }

    /// The URL without its password and parameters.
    pub fn display_url(&self) -> String {
        postgres_url::display_url(&self.connection)
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("postgres.url", self.display_url());
        summary.add("postgres.sslmode", self.tls.mode);
        summary.add("postgres.schema", &self.schema);
        summary.add("postgres.migrate", self.migrate);
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Option<Self> {
        if !reader.is_set(URL_KEY) && !reader.is_set("postgres.url_file") {
            reader.note_missing(URL_KEY);
        }
        let url = read_file_source(reader, URL_KEY);
        let parsed = url.as_ref().and_then(|url| {
            let text = url.read_blocking();
            let text = text
                .map_err(|error| reader.note_problem(url.key(), error))
                .ok()?;
            postgres_url::parse_url(text.expose())
                .map_err(|error| reader.note_problem(url.key(), error))
                .ok()
        });
        let password = read_source(reader, "postgres.password");
        let schema = reader.read_or("postgres.schema", "landfall".to_owned(), |found| {
            Some(parse_string(found)?)
                .filter(|name| is_schema_name(name))
                .ok_or_else(|| {
                    allowed("a schema name of at most 63 bytes that does not start with pg_")
                })
        });
        let migrate = reader.read_or("postgres.migrate", true, parse_boolean);
        let (connection, tls) = parsed?;
        Some(Self {
            url: url?,
            password,
            schema,
            migrate,
            connection,
            tls,
        })
    }
}

/// Postgres reserves `pg_`, and cuts longer names off without an error.
fn is_schema_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME_BYTES && !name.starts_with("pg_") && !name.contains('\0')
}
