//! The sessions that this process has open, as others than their owner know them: what they still do can be cancelled,
//! and one that doesn't answer can be given up.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Connect, Pool, StatementCache};
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, Config, Error};
use tokio_util::sync::CancellationToken;

use crate::config::PostgresConfig;
use crate::locked::Locked;
use crate::postgres::backend_key::BackendKey;
use crate::postgres::opening::open_connection;
use crate::postgres::tls;
use crate::verdict::Failure;

/// How long Postgres may take to be asked.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

static OPEN: LazyLock<Locked<Vec<OpenSession>>> = LazyLock::new(Locked::default);

struct OpenSession {
    key: BackendKey,
    /// Lives as long as the session does; there once the session is set up.
    alive: Option<Weak<StatementCache>>,
    /// The number of the server's process; `None` through a pooler, where it is another one for each transaction.
    process_id: Option<i32>,
    /// Ends the connection on our side.
    given_up: CancellationToken,
    token: CancelToken,
    /// How it is connected: requests to cancel go the same way.
    postgres: Arc<PostgresConfig>,
    is_watched: bool,
}

/// What others know of the sessions of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    /// What they still do is cancelled when the process ends; until then it may take as long as it takes.
    ToCancel,
    /// Also whether they are at a statement for too long.
    ToWatch,
}

/// A session that somebody works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInUse {
    key: BackendKey,
    /// The number of the server's process.
    pub process_id: i32,
}

/// Connects with what files and commands say now, and remembers how to end what it has opened.
pub(super) struct Connector {
    pub(super) postgres: Arc<PostgresConfig>,
    pub(super) known: Known,
}

type Connecting = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send>>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting {
        let (postgres, config, known) = (self.postgres.clone(), config.clone(), self.known);
        Box::pin(async move {
            let (client, connection) = open_connection(&config, &postgres).await?;
            let given_up = CancellationToken::new();
            let token = client.cancel_token();
            if known != Known::Nothing
                && let Some(key) = BackendKey::read(&token).await
            {
                let mut open = OPEN.lock();
                open.retain(OpenSession::is_held);
                open.push(OpenSession {
                    key,
                    alive: None,
                    process_id: None,
                    given_up: given_up.clone(),
                    token,
                    postgres,
                    is_watched: known == Known::ToWatch,
                });
            }
            let task = tokio::spawn(async move {
                // whoever waits for an answer is told that the connection is closed
                tokio::select! {
                    ended = connection => if let Err(error) = ended {
                        tracing::warn!(target: "deadpool.postgres", "Connection error: {error}");
                    },
                    () = given_up.cancelled() => {}
                }
            });
            Ok((client, task))
        })
    }
}

impl OpenSession {
    /// Not, once it is given up or dropped.
    fn may_be_alive(&self) -> bool {
        !self.given_up.is_cancelled() && self.is_held()
    }

    fn is_held(&self) -> bool {
        self.alive
            .as_ref()
            .is_none_or(|alive| alive.strong_count() > 0)
    }
}

/// The session is set up, in this process of the server. Returns whether no pooler stands between.
pub(super) async fn note_set_up(client: &ClientWrapper, process_id: i32) -> bool {
    let Some(key) = BackendKey::read(&client.cancel_token()).await else {
        return false;
    };
    let is_direct = key.process_id() == process_id;
    let mut open = OPEN.lock();
    if let Some(session) = open.iter_mut().find(|session| session.key == key) {
        session.alive = Some(Arc::downgrade(&client.statement_cache));
        session.process_id = is_direct.then_some(process_id);
    }
    is_direct
}

/// Whether something stands between us and the server: a pooler, whose sessions at the server have been others' before.
///
/// # Errors
/// As Postgres says.
pub async fn is_pooled(client: &ClientWrapper) -> Result<bool, Failure> {
    let row = client
        .query_typed("SELECT pg_catalog.pg_backend_pid()", &[])
        .await?;
    let key = BackendKey::read(&client.cancel_token()).await;
    let answers = row.first().map(|row| row.get::<_, i32>(0));
    Ok(key.is_some_and(|key| Some(key.process_id()) != answers))
}

/// The numbers of the server's processes that work for us.
pub fn list_process_ids() -> Vec<i32> {
    let open = OPEN.lock();
    let alive = open.iter().filter(|session| session.may_be_alive());
    alive.filter_map(|session| session.process_id).collect()
}

/// The sessions that aren't idle in the pool, which is the one whose sessions are watched. Through a pooler none is known.
pub fn list_in_use(pool: &Pool) -> Vec<SessionInUse> {
    let mut idle = HashSet::new();
    pool.retain(|client, _| {
        idle.insert(Arc::as_ptr(&client.statement_cache) as usize);
        true
    });
    let open = OPEN.lock();
    let alive = open
        .iter()
        .filter(|session| session.is_watched && session.may_be_alive());
    let in_use = alive.filter_map(|session| {
        let alive = session.alive.as_ref()?;
        (!idle.contains(&(alive.as_ptr() as usize))).then_some(SessionInUse {
            key: session.key,
            process_id: session.process_id?,
        })
    });
    in_use.collect()
}

/// Ends the connection on our side: whoever waits for its answer is told that it is closed. What it does at the server
/// is cancelled, if the server takes that.
pub async fn give_up(session: SessionInUse) {
    let found = {
        let open = OPEN.lock();
        let found = open.iter().find(|other| other.key == session.key);
        found.map(|s| (s.given_up.clone(), s.token.clone(), s.postgres.clone()))
    };
    if let Some((given_up, token, postgres)) = found {
        given_up.cancel();
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel(token, postgres)).await;
    }
}

/// Cancels whatever statements the process has under way, within a second: a socket that is closed wouldn't stop
/// them, as Postgres looks at it between two statements only. Sessions that have none aren't touched.
pub async fn cancel_statements() {
    let cancels: Vec<_> = {
        let open = OPEN.lock();
        let alive = open.iter().filter(|session| session.may_be_alive());
        alive
            .map(|s| cancel(s.token.clone(), s.postgres.clone()))
            .collect()
    };
    if tokio::time::timeout(CANCEL_TIMEOUT, join_all(cancels))
        .await
        .is_err()
    {
        tracing::debug!("Postgres takes no requests to cancel statements");
    }
}

async fn cancel(token: CancelToken, postgres: Arc<PostgresConfig>) {
    let read = tokio::task::spawn_blocking(move || tls::read_connector(postgres.tls())).await;
    let ended = match read {
        Ok(Ok(connector)) => token
            .cancel_query(connector)
            .await
            .map_err(|e| e.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a statement can't be cancelled");
    }
}
