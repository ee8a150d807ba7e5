//! What is done about an error. Everything that meets one asks here and nowhere else.
//!
//! Why: `docs/decisions/13`.

pub mod sqlstate;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use crate::record::TopicPartition;
use crate::table_name::TableName;

/// Why a record is put aside. The name is the `landfall.reason` header of its dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Not JSON, not an envelope, or not what its schema says.
    Undecodable,
    /// Nothing tells which row it is about.
    MissingKey,
    /// A value that the column's type refuses.
    Value,
    /// A constraint or a trigger refuses the row.
    Constraint,
    /// Carries only part of a row that isn't there.
    Incomplete,
    /// A deadlock, a lock or the like. A worker waits instead; versions before it have put events aside for it.
    Contention,
    /// Nothing wrong with it: an event of its key was put aside before it, and it has to wait behind.
    Behind,
    /// Nothing wrong with it: Postgres was away, and `retry.when_unavailable` is `dead_letter`.
    Unavailable,
    /// Nothing wrong with it: something is set up wrongly. A replay tells this reason to the operator.
    /// No dead letter is put aside for it, as a worker waits instead.
    Systemic,
}

impl Reason {
    /// Every reason that a letter is put aside for: [`Reason::Systemic`] is none.
    pub const ALL: [Reason; 8] = [
        Reason::Undecodable,
        Reason::MissingKey,
        Reason::Value,
        Reason::Constraint,
        Reason::Incomplete,
        Reason::Contention,
        Reason::Behind,
        Reason::Unavailable,
    ];

    /// The reason of a record that meets this verdict and is put aside, or would be.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Reject(reason) => reason,
            Verdict::Early => Reason::Constraint,
            Verdict::Retry | Verdict::Locked => Reason::Contention,
            Verdict::TooMuch | Verdict::Unavailable => Reason::Unavailable,
            Verdict::Systemic => Reason::Systemic,
        }
    }

    /// Whether the event was refused for what it is; the others only had bad luck.
    pub fn is_refusal(self) -> bool {
        !matches!(
            self,
            Reason::Behind | Reason::Unavailable | Reason::Systemic
        )
    }

    pub fn name(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::MissingKey => "missing_key",
            Reason::Value => "value",
            Reason::Constraint => "constraint",
            Reason::Incomplete => "incomplete",
            Reason::Contention => "contention",
            Reason::Behind => "behind",
            Reason::Unavailable => "unavailable",
            Reason::Systemic => "systemic",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try the whole batch again soon; it may well go through.
    Retry,
    /// Somebody holds a lock on the table, or on a row of it, for long: its partitions wait, the others go on.
    Locked,
    /// A foreign key's other side may still come, or a unique value be freed: let the batch grow, try again for a while.
    Early,
    /// More at once than the server has memory or room for locks for: in smaller parts.
    TooMuch,
    /// Postgres can't be had, for anybody: wait, probe, dead-letter nothing.
    Unavailable,
    /// Something is set up wrongly, and every record of its kind would fail alike: its partitions stop, say what
    /// to do, and are probed. Nothing is dead-lettered.
    Systemic,
    /// It is this record: put it aside, apply the rest.
    Reject(Reason),
}

impl Verdict {
    /// A verdict of each name: all values of a `verdict` label.
    pub const ALL: [Verdict; 7] = [
        Verdict::Retry,
        Verdict::Locked,
        Verdict::Early,
        Verdict::TooMuch,
        Verdict::Unavailable,
        Verdict::Systemic,
        Verdict::Reject(Reason::Value),
    ];

    /// The name in the log, in `/readyz` and in `verdict` labels; a reject's is the same whatever the reason.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Retry => "retry",
            Verdict::Locked => "locked",
            Verdict::Early => "early",
            Verdict::TooMuch => "too_much",
            Verdict::Unavailable => "unavailable",
            Verdict::Systemic => "systemic",
            Verdict::Reject(_) => "reject",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The verdict on an SQLSTATE, wherever it came up: connecting, in a statement, at COMMIT.
/// The list of what is waited for or retried is narrow, and what is unknown stops its partition rather
/// than diverting the stream. Classes: Postgres manual, appendix A.
pub fn of_sqlstate(code: &str) -> Verdict {
    use Verdict::*;
    match code {
        // by code, where the class says too little
        "23503" | "23001" => Early,            // a foreign key
        "25006" => Unavailable,                // read-only: a standby, or disk-full protection
        "25P02" | "25P03" | "25P04" => Retry,  // the transaction was ended under us
        "40002" => Reject(Reason::Constraint), // a deferred constraint, at COMMIT
        "53200" => TooMuch, // no memory for so much, or no room for so many locks
        "55P03" => Locked,  // lock_timeout
        "55006" => Retry,   // object in use
        "57014" => Retry,   // statement_timeout, or somebody cancelled it
        "57P04" => Systemic, // the database was dropped
        "XX000" | "72000" => Retry, // "tuple concurrently updated" and its like
        "HV00N" => Unavailable, // the server behind a foreign table can't be reached
        // not of the row, although their class is: a sequence is at its end, too many columns or
        // arguments, a routine that is written wrongly or may not do what it does
        "2200H" | "54011" | "54023" | "38001" | "38002" | "38003" | "38004" | "39001" | "39P01"
        | "39P02" | "39P03" => Systemic,
        // nothing that time mends: a limit that somebody set, a server's file that is gone or in the way
        "53400" | "58P01" | "58P02" | "58P03" => Systemic,
        _ => match code.get(..2).unwrap_or("") {
            "08" | "53" | "57" | "58" | "F0" => Unavailable,
            "40" => Retry,
            "22" | "54" => Reject(Reason::Value),
            // 20: a CASE in a trigger that doesn't foresee the row
            // 21: two texts of one key, such as '1' and '01', met in one statement
            "20" | "21" | "23" | "44" | "09" | "27" | "38" | "39" | "P0" => {
                Reject(Reason::Constraint)
            }
            _ => Systemic,
        },
    }
}

/// SQLSTATEs that may only mean that what we know of the table is out of date.
const CATALOGUE_IS_STALE: &[&str] = &[
    "23503", "42703", "42P01", "42804", "42P10", "428C9", "42704", "42846", "42883", "3F000",
    "0A000",
];

/// An error with its verdict, told twice: once for the dead letter, which holds the record anyway,
/// and once for the log, which must never show a row's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub verdict: Verdict,
    pub sqlstate: Option<String>,
    /// May quote values of the row.
    pub message: String,
    /// Never quotes a value.
    pub log_line: String,
    /// Where in `log_line` begins what mends it.
    pub remedy_at: Option<NonZeroU32>,
    /// Kafka's, not Postgres'.
    pub of_kafka: bool,
    /// Of what we log in with, not of Postgres, which may well be there.
    pub of_login: bool,
    /// What it is about, if not about everything.
    pub concern: Option<Box<Concern>>,
}

/// What a failure is about: the partitions that have to do with it wait, and the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// All events of a table.
    Table(TableName),
    /// The records of a partition from one offset on; what made it sure is the one at `until`.
    Records {
        source: TopicPartition,
        from: i64,
        until: i64,
    },
    /// Events that wait for changes of these tables, as foreign keys ask or because a unique value isn't free.
    Awaits(BTreeSet<TableName>),
}

impl Failure {
    /// Whether Postgres gave one of these SQLSTATEs.
    pub fn has_sqlstate(&self, codes: &[&str]) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }

    /// Postgres itself can't be had, so that events may have to go elsewhere.
    pub fn means_postgres_is_away(&self) -> bool {
        self.verdict == Verdict::Unavailable && !self.of_kafka && !self.of_login
    }

    /// Our role may not do what it was about to.
    pub fn means_denied(&self) -> bool {
        self.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE])
    }

    /// The same, with what mends it, which names no row value.
    pub fn mended_by(mut self, remedy: &str) -> Self {
        let at = u32::try_from(self.log_line.len());
        self.remedy_at = at.ok().and_then(NonZeroU32::new);
        for text in [&mut self.message, &mut self.log_line] {
            text.push_str("; ");
            text.push_str(remedy);
        }
        self
    }

    /// What it says without what mends it, which may differ among events that meet the same.
    pub fn what(&self) -> &str {
        let end = self.remedy_at.and_then(|at| usize::try_from(at.get()).ok());
        let what = end.and_then(|end| self.log_line.get(..end));
        what.unwrap_or(&self.log_line)
    }

    /// An insert met what is there already.
    pub fn means_conflict(&self) -> bool {
        self.has_sqlstate(&[sqlstate::UNIQUE_VIOLATION])
    }

    /// A row has a value that another one has, where no two may.
    pub fn means_unique_conflict(&self) -> bool {
        self.has_sqlstate(&[sqlstate::UNIQUE_VIOLATION, sqlstate::EXCLUSION_VIOLATION])
    }

    /// Whether it may come of a table that isn't what it was taken to be, and tell nothing of the events then.
    pub fn hangs_on_tables(&self) -> bool {
        let told_of_events = matches!(
            self.verdict,
            Verdict::Reject(_) | Verdict::Early | Verdict::Systemic
        );
        told_of_events && !self.of_kafka
    }

    /// Whether it may come of what the session was told at its start, such as its role's settings. Privileges, tables
    /// and columns are looked up anew.
    pub fn hangs_on_session(&self) -> bool {
        let class = self.sqlstate.as_deref().and_then(|code| code.get(..2));
        self.verdict == Verdict::Systemic && class.is_some_and(|c| !["23", "42"].contains(&c))
    }

    /// What we know of the table may be out of date.
    pub fn means_catalogue_is_stale(&self) -> bool {
        self.has_sqlstate(CATALOGUE_IS_STALE)
    }

    /// A failure whose message names no row value.
    pub fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            verdict,
            sqlstate: None,
            log_line: message.clone(),
            remedy_at: None,
            message,
            of_kafka: false,
            of_login: false,
            concern: None,
        }
    }

    /// It came up while something was done with this table, and is about it, unless it says more itself.
    pub fn about_table(mut self, table: &TableName) -> Self {
        let table = || Box::new(Concern::Table(table.clone()));
        self.concern.get_or_insert_with(table);
        self
    }

    /// It is about a partition's records from one offset on; the one at `until` made it sure.
    pub fn about_records(mut self, source: &TopicPartition, from: i64, until: i64) -> Self {
        self.concern = Some(Box::new(Concern::Records {
            source: source.clone(),
            from,
            until,
        }));
        self
    }

    /// The table that it is about, if it is about one.
    pub fn table(&self) -> Option<&TableName> {
        match self.concern.as_deref()? {
            Concern::Table(table) => Some(table),
            Concern::Records { .. } | Concern::Awaits(_) => None,
        }
    }

    /// The tables whose changes it waits for.
    pub fn awaited_tables(&self) -> BTreeSet<TableName> {
        match self.concern.as_deref() {
            Some(Concern::Awaits(tables)) => tables.clone(),
            _ => BTreeSet::new(),
        }
    }

    /// Whether Postgres says it, and doesn't say of which table: as at COMMIT, where deferred constraints are checked.
    pub fn is_of_unknown_table(&self) -> bool {
        self.sqlstate.is_some() && self.concern.is_none()
    }

    /// Whether all events of its table would fail alike, and with the same words.
    pub fn is_of_whole_table(&self) -> bool {
        let class = self.sqlstate.as_deref().and_then(|code| code.get(..2));
        let is_of_names = class.is_none_or(|class| ["3F", "42"].contains(&class));
        self.verdict == Verdict::Systemic && is_of_names && self.table().is_some()
    }

    /// The same of Kafka.
    pub fn of_kafka(verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            of_kafka: true,
            ..Self::new(verdict, message)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.log_line)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
