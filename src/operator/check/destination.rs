//! Postgres' side: can it be reached, may it be written to, is the bookkeeping there.

use std::time::Duration;

use deadpool_postgres::{GenericClient, Object};

use crate::config::{Config, PostgresConfig};
use crate::ledger::migrate;
use crate::operator::check::bookkeeping::{self, Rights};
use crate::operator::check::finding::Finding;
use crate::postgres::connection;
use crate::verdict::{Failure, Verdict, sqlstate};

/// The catalogue's columns that Landfall reads, and partitions with a primary key.
const OLDEST: i32 = 120_000;

/// Connecting has 10 seconds of its own.
const ANSWER: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct Destination {
    /// None if Postgres can't be reached.
    pub server: Option<Server>,
    pub client: Option<Object>,
    pub findings: Vec<Finding>,
}

/// What is there, as told by Postgres itself.
pub struct Server {
    pub version: String,
    pub role: String,
    /// Of the bookkeeping; 0 if it isn't there, `None` if it can't be read.
    pub schema_version: Option<i32>,
    number: i32,
    in_recovery: bool,
    read_only: bool,
    pub rights: Rights,
}

const SERVER: &str = "\
    SELECT current_setting('server_version'), current_setting('server_version_num')::int4, current_user::text, \
           pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
           has_database_privilege(current_database(), 'CREATE'), n.oid IS NOT NULL, \
           coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false) \
    FROM (SELECT) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1";

pub async fn look(config: &Config) -> Destination {
    let postgres = &config.postgres;
    let mut destination = Destination::default();
    let pool = match connection::pool(config) {
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
        let server = server(&client, &postgres.schema).await?;
        Ok::<_, Failure>((client, server))
    };
    match in_time(asked).await {
        Ok((client, server)) => {
            let findings = &mut destination.findings;
            findings.extend(fitness(postgres, &server));
            findings.extend(bookkeeping::version(postgres, &server));
            if server.schema_version.is_some_and(|version| version > 0) {
                match in_time(bookkeeping::rights(&client, config, &server.role)).await {
                    Ok(missing) => findings.extend(missing),
                    Err(failure) => findings.push(unreachable(postgres, &failure)),
                }
            }
            destination.server = Some(server);
            destination.client = Some(client);
        }
        Err(failure) => destination.findings.push(unreachable(postgres, &failure)),
    }
    destination
}

/// A server that stopped in the middle of an answer isn't waited for.
pub async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::new(
            Verdict::Unavailable,
            format!("no answer within {ANSWER:?}"),
        )),
    }
}

async fn server(client: &impl GenericClient, schema: &str) -> Result<Server, Failure> {
    let row = client.query_one(SERVER, &[&schema]).await?;
    let rights = Rights {
        create_schema: row.get(5),
        schema_exists: row.get(6),
        use_schema: row.get(7),
        create_in_schema: row.get(8),
    };
    let schema_version = match rights.schema_exists && !rights.use_schema {
        true => None,
        false => match migrate::installed(client, schema).await {
            Ok(version) => Some(version),
            Err(failure) if failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]) => None,
            Err(failure) => return Err(failure),
        },
    };
    Ok(Server {
        version: row.get(0),
        number: row.get(1),
        role: row.get(2),
        in_recovery: row.get(3),
        read_only: row.get(4),
        schema_version,
        rights,
    })
}

fn fitness(postgres: &PostgresConfig, server: &Server) -> Vec<Finding> {
    let mut findings = Vec::new();
    let url = postgres.display_url();
    if server.number < OLDEST {
        findings.push(Finding::problem(
            "postgres_too_old",
            format!("{url} is Postgres {}", server.version),
            "use Postgres 12 or later",
        ));
    }
    if server.in_recovery {
        findings.push(Finding::problem(
            "postgres_standby",
            format!("{url} is a standby, which takes no writes"),
            "let postgres.url name the primary (with several hosts: ?target_session_attrs=read-write)",
        ));
    } else if server.read_only {
        findings.push(Finding::problem(
            "postgres_read_only",
            format!(
                "transactions of the role {} at {url} are read-only",
                server.role
            ),
            "unset default_transaction_read_only for the role, the database or the server",
        ));
    }
    findings
}

pub fn unreachable(postgres: &PostgresConfig, failure: &Failure) -> Finding {
    let (code, remedy) = match failure.sqlstate.as_deref() {
        Some(sqlstate::INVALID_PASSWORD) => (
            "postgres_login",
            "correct postgres.password or postgres.password_file",
        ),
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
