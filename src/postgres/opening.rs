//! Opens connections with what files and commands say at the moment: passwords, tokens and certificates are renewed while
//! we run.

use std::future::{Ready, pending, ready};
use std::io;
use std::time::Duration;

use postgres_openssl::{MakeTlsConnector, TlsStream};
use tokio::io::Empty;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{NoTlsStream, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use crate::config::{LoginError, PostgresConfig, PostgresLogin};
use crate::postgres::refused::{explain_handshake, is_of_credentials};
use crate::postgres::silent_handshake::hear_refusal;
use crate::postgres::tls::{TlsError, TlsFiles};

/// A key may be renewed a moment after its certificate, and a password's file a moment after the role.
const RENEWAL_PAUSE: Duration = Duration::from_millis(200);

/// A session, and what carries it.
pub(super) type Opened = (Client, Connection<Socket, TlsStream<Socket>>);

/// What a connection is opened with.
struct Credentials {
    said: Said,
    tls: MakeTlsConnector,
}

/// What files and commands say.
#[derive(Clone, PartialEq, Eq)]
struct Said {
    login: PostgresLogin,
    files: TlsFiles,
}

/// Why there is nothing to open a connection with.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCredentials {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A certificate and a key that don't belong together, or half a file, say.
    #[error(
        "{0}; a file was written a moment ago, and what belongs to it may be about to be: all are read again soon"
    )]
    HalfRenewed(TlsError),
    #[error("postgres.url: its files weren't read: {0}")]
    Unread(#[from] tokio::task::JoinError),
    /// What the server says of our certificate.
    #[error("{0}")]
    Refused(String),
}

impl NoCredentials {
    /// Time may mend it; else somebody has to.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Login(error) => error.may_pass(),
            Self::Tls(_) | Self::Refused(_) => false,
            Self::Unread(_) | Self::HalfRenewed(_) => true,
        }
    }

    /// Whether it may be otherwise in a moment.
    pub(super) fn is_of_credentials(&self) -> bool {
        !self.may_pass() || matches!(self, Self::HalfRenewed(_))
    }
}

/// Opens a connection. Before a refusal is believed, all is read once more: somebody may be renewing it.
///
/// # Errors
/// As Postgres or TLS say, or [`NoCredentials`] as the source of an error.
pub(super) async fn open_connection(
    config: &Config,
    postgres: &PostgresConfig,
) -> Result<Opened, Error> {
    let first = Credentials::read(postgres).await;
    let said = first
        .as_ref()
        .ok()
        .map(|credentials| credentials.said.clone());
    let error = match open(config, first).await {
        Err(error) if postgres.credentials_may_change() && is_of_credentials(&error) => error,
        ended => return ended,
    };
    tokio::time::sleep(RENEWAL_PAUSE).await;
    let again = Credentials::read(postgres).await;
    match again.as_ref().ok().map(|credentials| &credentials.said) {
        now if now == said.as_ref() => Err(error),
        _ => open(config, again).await,
    }
}

impl Credentials {
    async fn read(postgres: &PostgresConfig) -> Result<Self, NoCredentials> {
        let login = postgres.read_login().await?;
        let settings = postgres.tls().clone();
        let read = tokio::task::spawn_blocking(move || {
            let files = TlsFiles::read(&settings)?;
            match files.build_connector(settings.mode) {
                Ok(tls) => Ok((files, tls)),
                Err(error) if files.are_being_renewed() => Err(NoCredentials::HalfRenewed(error)),
                Err(error) => Err(error.into()),
            }
        });
        let (files, tls) = read.await??;
        let said = Said { login, files };
        Ok(Self { said, tls })
    }
}

async fn open(
    config: &Config,
    credentials: Result<Credentials, NoCredentials>,
) -> Result<Opened, Error> {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(why) => return Err(carry(why).await),
    };
    let mut config = config.clone();
    credentials.said.login.put_into(&mut config);
    let error = match config.connect(credentials.tls.clone()).await {
        Err(error) if credentials.said.files.show_certificate() && was_cut_off(&error) => error,
        ended => return ended,
    };
    match hear_refusal(&config, credentials.tls).await {
        Some(said) if explain_handshake(&said).is_some() => {
            Err(carry(NoCredentials::Refused(said)).await)
        }
        _ => Err(error),
    }
}

/// The connection ended without a word, once there was one.
fn was_cut_off(error: &Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let kinds = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
    ];
    error.is_closed() || cause.is_some_and(|cause| kinds.contains(&cause.kind()))
}

/// The pool takes tokio-postgres' errors only, and these are made by itself only: of a handshake that fails before anything
/// is sent, it carries the cause.
async fn carry(why: NoCredentials) -> Error {
    let mut nowhere = Config::new();
    nowhere
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    match nowhere.connect_raw(tokio::io::empty(), Refusing(why)).await {
        Err(error) => error,
        // there is no such stream
        Ok(_) => pending().await,
    }
}

struct Refusing(NoCredentials);

impl TlsConnect<Empty> for Refusing {
    type Stream = NoTlsStream;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Ready<Result<NoTlsStream, Self::Error>>;

    fn connect(self, _: Empty) -> Self::Future {
        ready(Err(Box::new(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::failure::while_connecting;
    use crate::verdict::{Failure, Verdict};

    #[tokio::test]
    async fn an_error_carries_why_there_are_no_credentials() {
        let error = carry(NoCredentials::Tls(TlsError::NoSystemStore)).await;
        let failure = while_connecting(&error);
        assert_eq!(failure.verdict, Verdict::Systemic);
        assert_eq!(failure.log_line, TlsError::NoSystemStore.to_string());
    }

    #[tokio::test]
    async fn what_is_being_renewed_is_waited_for_and_sends_no_event_elsewhere() {
        let error = carry(NoCredentials::HalfRenewed(TlsError::NoSystemStore)).await;
        assert!(is_of_credentials(&error), "it is read once more at once");
        let failure = while_connecting(&error);
        assert_eq!(failure.verdict, Verdict::Unavailable);
        assert!(!failure.means_postgres_is_away());
        let away = Failure::new(Verdict::Unavailable, "connection refused");
        assert!(away.means_postgres_is_away());
    }
}
