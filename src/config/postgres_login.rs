//! Who logs in to Postgres, as files and commands say it at the moment. They are read anew for each connection: tokens of
//! clouds live for minutes, and passwords are changed while we run.

use std::time::Duration;

use tokio_postgres::Config;

use super::postgres::PostgresConfig;
use super::postgres_url::{PostgresUrlError, parse_url};
use super::secret_command::TIME_LIMIT;
use super::secret_source::{SecretError, SecretSource};

/// A role and its password. There is no `Debug`, which might show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresLogin {
    user: Option<String>,
    password: Option<Vec<u8>>,
}

/// Why it isn't known now who logs in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{key}: {error}")]
    Url {
        key: String,
        error: PostgresUrlError,
    },
    /// Only who logs in may change: what we know of tables, and where we go on, is of one database.
    #[error("{0} names another server or database than at the start; restart to follow it")]
    OtherPlace(String),
}

impl LoginError {
    /// Time may mend it; else somebody has to.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Secret(error) if error.is_of_command())
    }
}

impl PostgresLogin {
    /// Sets user and password.
    pub fn put_into(&self, connection: &mut Config) {
        if let Some(user) = &self.user {
            connection.user(user);
        }
        if let Some(password) = &self.password {
            connection.password(password);
        }
    }

    fn of(connection: &Config) -> Self {
        Self {
            user: connection.get_user().map(str::to_owned),
            password: connection.get_password().map(<[u8]>::to_owned),
        }
    }
}

impl PostgresConfig {
    /// Who logs in now.
    ///
    /// # Errors
    /// A file can't be read, a command gives no secret, or `postgres.url_file` leads elsewhere by now.
    pub async fn read_login(&self) -> Result<PostgresLogin, LoginError> {
        let mut login = match self.url.may_change() {
            true => self.read_url_anew().await?,
            false => PostgresLogin::of(&self.connection),
        };
        if let Some(password) = &self.password {
            login.password = Some(password.read().await?.expose().into());
        }
        Ok(login)
    }

    async fn read_url_anew(&self) -> Result<PostgresLogin, LoginError> {
        let url = self.url.read().await?;
        let key = || self.url.key().to_owned();
        let parsed = parse_url(url.expose());
        let (now, _) = parsed.map_err(|error| LoginError::Url { key: key(), error })?;
        if place_of(&now) != place_of(&self.connection) {
            return Err(LoginError::OtherPlace(key()));
        }
        Ok(PostgresLogin::of(&now))
    }

    /// Where the password comes from, if not from the URL.
    pub fn password_source(&self) -> Option<&SecretSource> {
        self.password.as_ref()
    }

    /// The key that says the password: that of the URL, where there is no other.
    pub fn password_key(&self) -> &str {
        self.password.as_ref().unwrap_or(&self.url).key()
    }

    /// Whether another password or another certificate may be there the next time.
    pub fn credentials_may_change(&self) -> bool {
        let tls = self.tls();
        let has_files = tls.root_certificates.is_some() || tls.client.is_some();
        has_files
            || self.url.may_change()
            || self.password.as_ref().is_some_and(SecretSource::may_change)
    }

    /// How long it may take to know who logs in.
    pub fn time_to_read_login(&self) -> Duration {
        match self.password.as_ref().is_some_and(SecretSource::is_command) {
            true => TIME_LIMIT,
            false => Duration::ZERO,
        }
    }
}

/// Servers, ports and database.
fn place_of(connection: &Config) -> impl PartialEq {
    let database = connection.get_dbname().or(connection.get_user());
    (
        connection.get_hosts().to_vec(),
        connection.get_hostaddrs().to_vec(),
        connection.get_ports().to_vec(),
        database.map(str::to_owned),
    )
}

#[cfg(test)]
mod tests {
    use super::super::reader::Reader;
    use super::*;

    fn config(url_file: &std::path::Path, more: &str) -> PostgresConfig {
        let text = format!("[postgres]\nurl_file = '{}'\n{more}", url_file.display());
        PostgresConfig::from_reader(&mut Reader::of_text(&text)).unwrap()
    }

    async fn login(config: &PostgresConfig) -> Result<(String, String), String> {
        let login = config
            .read_login()
            .await
            .map_err(|error| error.to_string())?;
        let password = String::from_utf8(login.password.unwrap_or_default()).unwrap();
        Ok((login.user.unwrap_or_default(), password))
    }

    #[tokio::test]
    async fn a_url_is_read_anew_for_who_logs_in_and_may_not_lead_elsewhere() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |url: &str| std::fs::write(file.path(), url).unwrap();
        write("postgres://ann:old@db:5433/shop");
        let config = config(file.path(), "");
        let told = |user: &str, password: &str| Ok((user.to_owned(), password.to_owned()));
        assert_eq!(login(&config).await, told("ann", "old"));
        // as dynamic credentials have it
        write("postgres://ann-2:new@db:5433/shop?sslmode=prefer");
        assert_eq!(login(&config).await, told("ann-2", "new"));
        for elsewhere in [
            "db:5433/shop2",
            "db2:5433/shop",
            "db:5434/shop",
            "db/shop",
            "db:5433",
        ] {
            write(&format!("postgres://ann:hunter2@{elsewhere}"));
            let error = login(&config).await.unwrap_err();
            assert!(error.contains("postgres.url_file names another"), "{error}");
        }
        write("hunter2");
        let error = login(&config).await.unwrap_err();
        assert!(
            error.starts_with("postgres.url_file: allowed: a URL"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_password_outdoes_the_urls_and_its_key_is_known() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://ann:old@db/shop").unwrap();
        let by_url = config(file.path(), "");
        assert_eq!(by_url.password_key(), "postgres.url_file");
        let by_command = config(file.path(), "password_command = 'echo token'");
        assert_eq!(by_command.password_key(), "postgres.password_command");
        let (_, password) = login(&by_command).await.unwrap();
        assert_eq!(password, "token");
        assert!(by_command.time_to_read_login() > by_url.time_to_read_login());
    }
}
