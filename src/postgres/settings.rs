//! Settings that change what our SQL or a text means, pinned to one meaning whatever server, database or
//! role say. In a transaction they are set with `SET LOCAL`, which holds through a pooler of transactions
//! too, whose sessions have been others' before.
//!
//! Why, and which settings were considered: `docs/decisions/18`.

use std::sync::LazyLock;
use std::time::Duration;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::IsolationLevel;

use crate::verdict::Failure;

/// Setting and value. The path comes first: nothing that others can create is looked up by a bare name.
const PINNED: [(&str, &str); 11] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "'UTC'"),
    ("timezone_abbreviations", "'Default'"),
    ("DateStyle", "'ISO, YMD'"),
    ("IntervalStyle", "'postgres'"),
    ("lc_monetary", "'C'"),
    ("array_nulls", "on"),
    // it takes documents as well as fragments
    ("xmloption", "content"),
    ("bytea_output", "'hex'"),
    ("extra_float_digits", "1"),
];

/// Bounds on what a stopped or hanging process can hold up. A transaction that waits for its dead
/// letters is idle meanwhile, so this is longer than their delivery may take (20 s).
const TIMEOUTS: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "'30s'"),
    ("lock_timeout", "'10s'"),
    ("statement_timeout", "'5min'"),
];

static PIN_TRANSACTION: LazyLock<String> = LazyLock::new(|| set_all("SET LOCAL"));

/// How long a transaction's statements may take, and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a lock.
    pub lock: Duration,
    /// For a statement to end.
    pub statement: Duration,
}

impl Default for Patience {
    /// As all sessions have it.
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(10),
            statement: Duration::from_secs(300),
        }
    }
}

impl Patience {
    fn set_timeouts(self) -> String {
        let (lock, statement) = (self.lock.as_millis(), self.statement.as_millis());
        format!("SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}")
    }
}

fn set_all(set: &str) -> String {
    let one = |(name, value): &(&str, &str)| format!("{set} {name} = {value}; ");
    PINNED.iter().chain(&TIMEOUTS).map(one).collect()
}

/// The statements that pin a session of ours, for what is asked outside of a transaction. Through a pooler such questions
/// go unpinned: they name each thing with its schema, and ask for nothing that settings change.
pub fn pin_session_sql() -> String {
    set_all("SET") + "SET default_transaction_isolation = 'read committed'; "
}

/// Pins the transaction's settings, before anything else is done in it.
///
/// # Errors
/// As Postgres says.
pub async fn pin_settings(tx: &Transaction<'_>) -> Result<(), Failure> {
    Ok(tx.batch_execute(&PIN_TRANSACTION).await?)
}

/// The same for a transaction that isn't as patient as others.
///
/// # Errors
/// As Postgres says.
pub async fn pin_patience(tx: &Transaction<'_>, patience: Patience) -> Result<(), Failure> {
    if patience == Patience::default() {
        return pin_settings(tx).await;
    }
    let timeouts = patience.set_timeouts();
    Ok(tx
        .batch_execute(&format!("{}{timeouts}", *PIN_TRANSACTION))
        .await?)
}

/// Begins a transaction whose statements see what others have committed before each of them, whatever
/// `default_transaction_isolation` says. Its settings are still to be pinned, which can go together with
/// its first statement.
///
/// # Errors
/// As Postgres says.
pub async fn begin_unpinned(client: &mut Object) -> Result<Transaction<'_>, Failure> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted);
    Ok(transaction.start().await?)
}

/// Begins a transaction, and pins its settings.
///
/// # Errors
/// As Postgres says.
pub async fn begin_pinned(client: &mut Object) -> Result<Transaction<'_>, Failure> {
    let tx = begin_unpinned(client).await?;
    pin_settings(&tx).await?;
    Ok(tx)
}
