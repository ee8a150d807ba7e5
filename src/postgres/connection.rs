//! Connections to the destination.
//!
//! Why: `docs/decisions/16`.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Timeouts,
};

use crate::config::{Config, PostgresConfig};
use crate::postgres::failure::while_connecting;
use crate::postgres::sessions;
use crate::postgres::settings::pin_session_sql;
use crate::postgres::tls;
use crate::verdict::{Failure, Verdict};

/// What is no matter of meaning.
const SESSION_SETTINGS: &str = "\
    SET client_min_messages = 'warning'; \
    SELECT set_config(name, 'lz4', false) FROM pg_catalog.pg_settings \
    WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool with a connection for each lane, one for retention, and two for everything else.
///
/// # Errors
/// Systemic: a TLS file of the URL can't be used.
pub fn build_pool(config: &Config) -> Result<Pool, Failure> {
    let size = config.apply.lanes + 3;
    let connection = connection_config(&config.postgres);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let tls = tls::build_connector(config.postgres.tls()).map_err(|e| systemic_failure(&e))?;
    let manager = Manager::from_config(connection, tls.clone(), recycling);
    let prepare = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        sessions::note_opened(client, tls.clone());
        Box::pin(async move {
            let sql = pin_session_sql() + SESSION_SETTINGS;
            client.batch_execute(&sql).await.map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(size)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(CONNECT_TIMEOUT),
            create: Some(CONNECT_TIMEOUT),
            recycle: Some(CONNECT_TIMEOUT),
        })
        .post_create(prepare)
        .build()
        .map_err(|e| systemic_failure(&e))
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
