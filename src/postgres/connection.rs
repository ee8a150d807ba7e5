//! Connections to the destination.
//!
//! Why: `docs/decisions/16`.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Timeouts,
};
use tokio_postgres::{Error, SimpleQueryMessage};

use crate::config::{Config, PostgresConfig};
use crate::postgres::failure::while_connecting;
use crate::postgres::sessions::{self, Connector, Known};
use crate::postgres::settings::pin_session_sql;
use crate::postgres::tls;
use crate::verdict::{Failure, Verdict};
use crate::watch::metrics;

/// What is no matter of meaning. A machine that vanishes is noticed by the server in 20 seconds; what its session
/// held is free then.
const SESSION_SETTINGS: &str = "\
    SET client_min_messages = 'warning'; \
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '15s'; \
    SELECT set_config(name, 'lz4', false) FROM pg_catalog.pg_settings \
    WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)";

/// Has the server look, while it is at a statement, whether we are still there (14 and later).
const NOTICE_LOST_CLIENTS: &str = "SET client_connection_check_interval = '5s'";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool with a connection for each lane, one for retention, and two for everything else.
///
/// # Errors
/// Systemic: a TLS file of the URL can't be used.
pub fn build_pool(config: &Config) -> Result<Pool, Failure> {
    build_pool_of(config, config.apply.lanes + 3, Known::Nothing, None)
}

/// A pool of one connection, for questions that mustn't wait for others.
///
/// # Errors
/// As for [`build_pool`].
pub fn build_single(config: &Config) -> Result<Pool, Failure> {
    build_pool_of(config, 1, Known::Nothing, None)
}

/// A pool of one connection, for what takes as long as it takes: nobody gives up a statement of its session before the process
/// ends.
///
/// # Errors
/// As for [`build_pool`].
pub fn build_patient(config: &Config) -> Result<Pool, Failure> {
    build_pool_of(config, 1, Known::ToCancel, None)
}

/// The pool of a worker: others may know of its sessions ([`sessions`]). Each runs these statements at its beginning, if it can, and if no pooler
/// stands between.
///
/// # Errors
/// As for [`build_pool`].
pub fn build_worker_pool(config: &Config, on_open: String) -> Result<Pool, Failure> {
    let size = config.apply.lanes + 3;
    build_pool_of(config, size, Known::ToWatch, Some(on_open.into()))
}

fn build_pool_of(
    config: &Config,
    size: usize,
    known: Known,
    on_open: Option<Arc<str>>,
) -> Result<Pool, Failure> {
    let connection = connection_config(&config.postgres);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    // each connection reads the files anew; what can't be used at the start is told at once
    tls::read_connector(config.postgres.tls()).map_err(|e| systemic_failure(&e))?;
    let postgres = Arc::new(config.postgres.clone());
    // it may be read twice: see `open_connection`
    let opening = CONNECT_TIMEOUT + 2 * postgres.time_to_read_login();
    let connector = Connector { postgres, known };
    let manager = Manager::from_connect(connection, connector, recycling);
    let prepare = Hook::async_fn(move |client: &mut ClientWrapper, _| {
        let on_open = on_open.clone();
        Box::pin(async move {
            let prepared = prepare_session(client, on_open.as_deref()).await;
            prepared.map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(size)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(CONNECT_TIMEOUT),
            create: Some(opening),
            recycle: Some(CONNECT_TIMEOUT),
        })
        .post_create(prepare)
        .build()
        .map_err(|e| systemic_failure(&e))
}

/// Sets a session up. Through a pooler it isn't ours: whoever has it next would find what we set, and all that we need is
/// set in transactions.
async fn prepare_session(client: &ClientWrapper, on_open: Option<&str>) -> Result<(), Error> {
    let answers = client
        .simple_query("SELECT pg_catalog.pg_backend_pid()")
        .await?;
    let process_id = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    let is_direct = match process_id {
        Some(id) => sessions::note_set_up(client, id).await,
        None => false,
    };
    if !is_direct {
        return Ok(());
    }
    client
        .batch_execute(&(pin_session_sql() + SESSION_SETTINGS))
        .await?;
    // not every server has it
    let _ = client.batch_execute(NOTICE_LOST_CLIENTS).await;
    if let Some(sql) = on_open
        && let Err(error) = client.batch_execute(sql).await
    {
        tracing::debug!(%error, "a session can't be entered in the ledger");
    }
    Ok(())
}

fn systemic_failure(error: &impl std::error::Error) -> Failure {
    Failure::new(Verdict::Systemic, error.to_string())
}

fn connection_config(postgres: &PostgresConfig) -> tokio_postgres::Config {
    let mut connection = postgres.connection_config();
    if connection.get_application_name().is_none() {
        connection.application_name("landfall");
    }
    connection
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(30));
    connection
}

/// A connection out of the pool, opened if none is idle.
///
/// # Errors
/// With the verdict on what went wrong while connecting.
pub async fn connect(pool: &Pool) -> Result<Object, Failure> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            while_connecting(&error)
        }
        other => Failure::new(
            Verdict::Unavailable,
            format!("can't connect to Postgres: {other}"),
        ),
    })
}

/// Sets the gauges of the pool.
pub fn publish_status(pool: &Pool) {
    let status = pool.status();
    let used = status.size.saturating_sub(status.available);
    metrics::set_pool(status.max_size, status.available, used, status.waiting);
}
