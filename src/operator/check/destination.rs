//! Postgres' side: can it be reached, may it be written to, is the bookkeeping there.

use std::time::Duration;

use deadpool_postgres::Object;

use crate::config::{Config, PostgresConfig};
use crate::operator::check::bookkeeping;
use crate::operator::check::finding::Finding;
use crate::operator::check::server::{Server, judge_server, read_server};
use crate::postgres::refused::is_of_tls;
use crate::postgres::{connection, sessions};
use crate::verdict::{Failure, Verdict, sqlstate};

/// How long Postgres may take to answer. Connecting has 10 seconds of its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What was found of Postgres.
#[derive(Default)]
pub struct ObservedDestination {
    /// `None` if Postgres can't be reached.
    pub server: Option<Server>,
    /// A connection for whoever has more to ask; `None` if Postgres can't be reached.
    pub client: Option<Object>,
    /// What is wrong with the server and with the bookkeeping schema.
    pub findings: Vec<Finding>,
}

/// Connects, and looks at the server and the bookkeeping schema.
pub async fn judge_destination(config: &Config) -> ObservedDestination {
    let postgres = &config.postgres;
    let mut destination = ObservedDestination::default();
    let pool = match connection::build_pool(config) {
        Ok(pool) => pool,
        Err(failure) => {
            let remedy = "correct the TLS parameters of postgres.url";
            destination.findings.push(Finding::problem(
                "postgres_tls",
                failure.to_string(),
                remedy,
            ));
            return destination;
        }
    };
    let asked = async {
        let client = connection::connect(&pool).await?;
        let server = read_server(&client, &postgres.schema).await?;
        Ok::<_, Failure>((client, server))
    };
    match answer_in_time(asked).await {
        Ok((client, server)) => {
            let findings = &mut destination.findings;
            findings.extend(judge_server(postgres, &server));
            findings.extend(find_pooler(postgres, &client).await);
            findings.extend(bookkeeping::judge_schema_version(postgres, &server));
            if server.schema.as_ref().is_none_or(|s| s.version() > 0) {
                match answer_in_time(bookkeeping::find_missing_rights(
                    &client,
                    config,
                    &server.role,
                ))
                .await
                {
                    Ok(missing) => findings.extend(missing),
                    Err(failure) => findings.push(explain_unreachable(postgres, &failure)),
                }
            }
            destination.server = Some(server);
            destination.client = Some(client);
        }
        Err(failure) => destination
            .findings
            .push(explain_unreachable(postgres, &failure)),
    }
    destination
}

/// Waits for an answer, within [`ANSWER_TIMEOUT`]: a server that stopped in the middle of an answer isn't
/// waited for longer.
///
/// # Errors
/// Those of what is asked; unavailable if there is no answer in time.
pub async fn answer_in_time<T>(
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::new(
            Verdict::Unavailable,
            format!("no answer within {ANSWER_TIMEOUT:?}"),
        )),
    }
}

/// Why Postgres can't be used, and what helps.
pub fn explain_unreachable(postgres: &PostgresConfig, failure: &Failure) -> Finding {
    let password_key = postgres.password_key();
    let password = format!("correct the password of {password_key}");
    let (code, remedy) = match failure.sqlstate.as_deref() {
        Some(sqlstate::INVALID_PASSWORD) => ("postgres_login", &*password),
        Some(state) if state.starts_with("28") => (
            "postgres_login",
            "correct the user and the database of postgres.url, and what the server's pg_hba.conf says of them",
        ),
        Some(sqlstate::INVALID_CATALOG_NAME) => (
            "postgres_unreachable",
            "create the database, or correct postgres.url",
        ),
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => {
            ("postgres_login", "GRANT CONNECT ON DATABASE to the role")
        }
        Some(sqlstate::TOO_MANY_CONNECTIONS) => (
            "postgres_unreachable",
            "raise max_connections, or the role's or the database's limit; Landfall needs apply.lanes + 3",
        ),
        Some(_) => ("postgres_unreachable", "see the server's log"),
        None if is_of_tls(failure) => (
            "postgres_tls",
            "correct the setting that is named, or what it names",
        ),
        None if failure.verdict == Verdict::Systemic
            || failure.log_line.starts_with(password_key) =>
        {
            (
                "postgres_login",
                "correct the setting that is named, or what it names",
            )
        }
        None => (
            "postgres_unreachable",
            "see that it runs, and that the host and port of postgres.url can be reached from here; it may ask for TLS or a password",
        ),
    };
    let found = format!(
        "Postgres at {} can't be used: {failure}",
        postgres.display_url()
    );
    Finding::problem(code, found, remedy)
}

/// Whether a pooler stands between.
async fn find_pooler(postgres: &PostgresConfig, client: &Object) -> Option<Finding> {
    let is_pooled = answer_in_time(sessions::is_pooled(client)).await;
    is_pooled.unwrap_or_default().then(|| {
        Finding::warning(
            "postgres_pooled",
            format!(
                "a pooler stands before {}: Landfall sets nothing in sessions that are lent to it, but in its transactions. So it can't tell \
                 what its sessions do at the server, nor end those of a worker that has vanished, and tcp_keepalives_idle, tcp_user_timeout, \
                 client_connection_check_interval and default_toast_compression are what the server has",
                postgres.display_url()
            ),
            "let postgres.url name the server itself; Landfall keeps few connections. Otherwise set these four for its role \
             (ALTER ROLE … SET …), and let the pooler end transactions whose client is gone",
        )
    })
}
