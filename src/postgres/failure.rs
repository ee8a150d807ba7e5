//! What Postgres' errors mean: each becomes a [`Failure`] with its verdict.

use tokio_postgres::error::DbError;

use crate::postgres::refused::{explain_refusal, full_text, login_hint};
use crate::verdict::{Failure, Reason, Verdict, of_sqlstate, sqlstate};

/// With the verdict on it, a text for the letter and one for the log.
impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return client_failure(&error);
        };
        let verdict = verdict_on(db);
        database_failure(db, verdict, quotes_no_row(db.code().code(), verdict))
    }
}

/// No row is to blame before there is a session, whatever the code: it is a setting of the URL, the
/// role or the database.
pub fn while_connecting(error: &tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return explain_refusal(error).unwrap_or_else(|| client_failure(error));
    };
    match verdict_on(db) {
        Verdict::Reject(_) => database_failure(db, Verdict::Systemic, true),
        // there is nothing to make smaller
        Verdict::TooMuch => database_failure(db, Verdict::Unavailable, true),
        verdict => database_failure(db, verdict, true),
    }
}

/// No row is to blame for a statement that defines a table, whatever the code, and its message quotes none.
pub fn while_defining(error: &tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return client_failure(error);
    };
    match db.code().code() {
        // somebody else has made the same in the meantime
        "23505" | "42701" | "42710" | "42P06" | "42P07" => {
            database_failure(db, Verdict::Retry, true)
        }
        // it takes too long, and would take as long again
        "57014" => database_failure(db, Verdict::Systemic, true),
        _ => match verdict_on(db) {
            Verdict::Reject(_) | Verdict::Early | Verdict::TooMuch => {
                database_failure(db, Verdict::Systemic, true)
            }
            verdict => database_failure(db, verdict, true),
        },
    }
}

fn verdict_on(db: &DbError) -> Verdict {
    match db.code().code() {
        // a partition of the table is missing, for this row and the next ones
        "23514" if lacks_partition(db) => Verdict::Systemic,
        "23514" if keeps_out_for_now(db) => Verdict::Locked,
        "23514" if day_came_between(db) => Verdict::Retry,
        // what tsvector, ltree or jsonpath can't read they call a syntax error; one of a statement,
        // be it ours or a trigger's, has a position in it
        "42601" | "42602" | "42622" if db.position().is_none() => Verdict::Reject(Reason::Value),
        code => of_sqlstate(code),
    }
}

/// Postgres has one code for this and for a constraint that refuses the row, and no constraint's name here.
fn lacks_partition(db: &DbError) -> bool {
    let by_name = db.message().starts_with("no partition of relation");
    db.constraint().is_none() && (by_name || db.routine() == Some("ExecFindPartition"))
}

/// Constraints of the ledger's default partition that are there while a day's own partition is made, be the day the number
/// behind this.
pub const KEEPS_OUT: &str = "landfall_keeps_out_";

fn keeps_out_for_now(db: &DbError) -> bool {
    db.constraint()
        .is_some_and(|name| name.starts_with(KEEPS_OUT))
}

/// The ledger's default partition, as migration 1 names it.
const DEFAULT_DAY: &str = "processed_events_other";

/// An id was on its way to the ledger's default partition when its day got one of its own. That isn't the row's fault.
fn day_came_between(db: &DbError) -> bool {
    let of_partition = db.routine() == Some("ExecPartitionCheckEmitError");
    db.constraint().is_none() && of_partition && db.table() == Some(DEFAULT_DAY)
}

/// Only the messages of these never quote a row: they speak of names, locks and the server.
fn quotes_no_row(code: &str, verdict: Verdict) -> bool {
    let classes = [
        "08", "0A", "25", "26", "28", "2F", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0",
    ];
    let lacks_partition = verdict == Verdict::Systemic && code == sqlstate::CHECK_VIOLATION;
    !matches!(verdict, Verdict::Reject(_))
        && (lacks_partition
            || classes.contains(&code.get(..2).unwrap_or(""))
            || ["2200H", "54011", "54023", "XX001", "XX002"].contains(&code))
}

fn database_failure(db: &DbError, verdict: Verdict, openly: bool) -> Failure {
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
    let log_line = if openly {
        let hint = lookup_hint(db).or_else(|| partition_hint(db));
        let hint = hint.or_else(|| login_hint(db));
        let hint = hint.map_or_else(|| resource_hint(db), str::to_owned);
        format!("Postgres: {} (SQLSTATE {code}{names}){hint}", db.message())
    } else {
        format!("Postgres refused a row (SQLSTATE {code}{names})")
    };
    Failure {
        verdict,
        sqlstate: Some(code.to_owned()),
        message,
        log_line,
        remedy_at: None,
        of_kafka: false,
        of_login: false,
        concern: None,
    }
}

/// Where the server is short of something, it knows itself which of its settings helps.
fn resource_hint(db: &DbError) -> String {
    let hint = db.hint().filter(|_| db.code().code().starts_with("53"));
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}

fn partition_hint(db: &DbError) -> Option<&'static str> {
    (db.code().code() == sqlstate::CHECK_VIOLATION).then_some(
        "; create the partition that its rows belong to (CREATE TABLE … PARTITION OF …), or a default one",
    )
}

/// What helps where the body of a function names something that isn't found: our transactions pin the
/// search_path, so that nobody else's functions run in them.
fn lookup_hint(db: &DbError) -> Option<&'static str> {
    let missing = [
        sqlstate::UNDEFINED_TABLE,
        sqlstate::UNDEFINED_FUNCTION,
        sqlstate::UNDEFINED_OBJECT,
    ];
    let in_function = db.where_().is_some() && missing.contains(&db.code().code());
    in_function.then_some(
        "; a function that is called here, by a trigger perhaps, must name its schema or be given a search_path: ALTER FUNCTION … SET search_path = …",
    )
}

/// Errors without an SQLSTATE arise on our side of the connection, or are the connection's end.
fn client_failure(error: &tokio_postgres::Error) -> Failure {
    let text = full_text(error);
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
