//! Connections to the destination, and what its errors mean.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Timeouts,
};
use tokio_postgres::error::DbError;

use crate::config::{Config, PostgresConfig};
use crate::postgres_tls;
use crate::verdict::{Failure, Reason, Verdict, of_sqlstate};

/// Bounds on what a stopped or hanging process can hold up. A transaction that waits for its dead
/// letters is idle meanwhile, so this is longer than their delivery may take (20 s).
const SESSION: &str = "\
    SET idle_in_transaction_session_timeout = '30s'; \
    SET lock_timeout = '10s'; \
    SET statement_timeout = '5min'; \
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
    SET client_min_messages = 'warning'; \
    SELECT set_config(name, 'lz4', false) FROM pg_catalog.pg_settings \
    WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool with a connection for each lane, one for retention, and two for everything else.
///
/// # Errors
/// The TLS files of the URL can't be used.
pub fn pool(config: &Config) -> Result<Pool, String> {
    let size = config.apply.lanes + 3;
    let connection = connection(&config.postgres);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let tls = postgres_tls::connector(config.postgres.tls()).map_err(|e| e.to_string())?;
    let manager = Manager::from_config(connection, tls, recycling);
    let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            client
                .batch_execute(SESSION)
                .await
                .map_err(HookError::Backend)
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
        .map_err(|e| e.to_string())
}

fn connection(postgres: &PostgresConfig) -> tokio_postgres::Config {
    let mut connection = postgres.connection();
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

/// The verdict on an error of the driver, with a text for the letter and one for the log.
pub fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return client_failure(error);
    };
    let verdict = verdict_on(db);
    told(db, verdict, quotes_no_row(db.code().code(), verdict))
}

/// No row is to blame before there is a session, whatever the code: it is a setting of the URL, the
/// role or the database.
fn while_connecting(error: &tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return client_failure(error);
    };
    match verdict_on(db) {
        Verdict::Reject(_) => told(db, Verdict::Systemic, true),
        verdict => told(db, verdict, true),
    }
}

fn verdict_on(db: &DbError) -> Verdict {
    match db.code().code() {
        // what tsvector, ltree or jsonpath can't read they call a syntax error; one of a statement,
        // be it ours or a trigger's, has a position in it
        "42601" | "42602" | "42622" if db.position().is_none() => Verdict::Reject(Reason::Value),
        code => of_sqlstate(code),
    }
}

/// Only the messages of these never quote a row: they speak of names, locks and the server.
fn quotes_no_row(code: &str, verdict: Verdict) -> bool {
    let classes = [
        "08", "0A", "25", "26", "28", "2F", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0",
    ];
    !matches!(verdict, Verdict::Reject(_))
        && (classes.contains(&code.get(..2).unwrap_or(""))
            || ["2200H", "54011", "54023", "XX001", "XX002"].contains(&code))
}

fn told(db: &DbError, verdict: Verdict, openly: bool) -> Failure {
    let code = db.code().code();
    let details = [db.detail(), db.hint(), db.where_()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ");
    let message = if details.is_empty() {
        db.message().to_owned()
    } else {
        format!("{} ({details})", db.message())
    };
    let names = [
        ("table", db.table()),
        ("column", db.column()),
        ("constraint", db.constraint()),
    ];
    let names: String = names
        .into_iter()
        .filter_map(|(what, name)| name.map(|n| format!(", {what} {n}")))
        .collect();
    let log_line = match openly {
        true => format!("Postgres: {} (SQLSTATE {code}{names})", db.message()),
        false => format!("Postgres refused a row (SQLSTATE {code}{names})"),
    };
    Failure {
        verdict,
        sqlstate: Some(code.to_owned()),
        message,
        log_line,
        of_kafka: false,
    }
}

/// Errors without an SQLSTATE arise on our side of the connection, or are the connection's end.
fn client_failure(error: &tokio_postgres::Error) -> Failure {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // tokio-postgres keeps the kind to itself; these words are its own, pinned by a test.
    let verdict = if text.starts_with("error serializing parameter")
        || text.starts_with("error encoding message")
    {
        Verdict::Reject(Reason::Value)
    } else if text.starts_with("authentication error") || text.starts_with("invalid configuration")
    {
        Verdict::Systemic
    } else {
        Verdict::Unavailable
    };
    Failure::new(verdict, format!("Postgres: {text}"))
}
