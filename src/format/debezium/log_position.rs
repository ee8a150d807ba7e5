//! The place in its source's log that an event tells, by kind of connector: as bytes that sort as the log does.
//!
//! Why a log's order is the order of a row's changes: `docs/decisions/21`.

use super::Source;

/// The kinds of logs whose positions can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    Postgres,
    /// MySQL and MariaDB.
    Binlog,
    /// SQL Server, and Db2, whose connector has the same fields.
    SqlServer,
    Oracle,
}

impl LogKind {
    /// Part of a source's identity, so it must never change.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Binlog => "binlog",
            Self::SqlServer => "sqlserver",
            Self::Oracle => "oracle",
        }
    }

    /// Whether each database of a server has a log of its own.
    pub fn is_of_database(self) -> bool {
        matches!(self, Self::Postgres | Self::SqlServer)
    }
}

impl Source<'_> {
    /// Which kind of log the event comes from; `None` if its connector tells no position that we know.
    pub fn log_kind(&self) -> Option<LogKind> {
        if self.lsn.is_some() {
            Some(LogKind::Postgres)
        } else if self.file.is_some() && self.pos.is_some() {
            Some(LogKind::Binlog)
        } else if unquoted(self.commit_lsn).is_some_and(|lsn| lsn.contains(':')) {
            // Informix has a field of this name too: a decimal number of any width, which doesn't sort as a text
            Some(LogKind::SqlServer)
        } else if self.scn.is_some() || self.commit_scn.is_some() {
            Some(LogKind::Oracle)
        } else {
            None
        }
    }

    /// Whether `ts_ms` is when the change was committed, and not when its statement began: MySQL's binlog has the
    /// time of commit with its GTIDs (`uuid:number`), and else each event has its statement's, which may have run for
    /// hours. MariaDB's GTIDs (`domain-server-number`) tell no other time.
    pub fn tells_commit_time(&self) -> bool {
        self.log_kind() != Some(LogKind::Binlog)
            || unquoted(self.gtid).is_some_and(|gtid| gtid.contains(':'))
    }

    /// Appends the place in the log. Returns which server's log, 0 if nothing tells; `None` if the place can't be
    /// read, or is none.
    pub fn write_log_position(&self, log: &mut impl Extend<u8>) -> Option<u32> {
        let mut number = |n: u64| log.extend(n.to_be_bytes());
        match self.log_kind()? {
            LogKind::Postgres => number(as_number(self.lsn)?),
            LogKind::Binlog => {
                number(file_number(self.file)?);
                number(as_number(self.pos).filter(|pos| *pos > 0)?);
                number(as_number(self.row).unwrap_or(0));
                return Some(as_number(self.server_id).unwrap_or(0) as u32);
            }
            LogKind::SqlServer => {
                // three groups of hexadecimal digits, of fixed width
                for lsn in [self.commit_lsn, self.change_lsn] {
                    log.extend(unquoted(lsn).unwrap_or("").bytes());
                    log.extend([0]);
                }
                let serial = as_number(self.event_serial_no).unwrap_or(0);
                log.extend(serial.to_be_bytes());
            }
            LogKind::Oracle => {
                let change = as_scn(self.scn);
                let commit = as_scn(self.commit_scn).or(change)?;
                number(commit);
                number(change.unwrap_or(commit));
                log.extend(unquoted(self.rs_id).unwrap_or("").bytes());
                log.extend([0]);
                log.extend(as_number(self.ssn).unwrap_or(0).to_be_bytes());
            }
        }
        Some(0)
    }
}

/// A JSON text without its quotes.
pub(super) fn unquoted(raw: Option<&str>) -> Option<&str> {
    let raw = match raw? {
        quoted if quoted.starts_with('"') => quoted.trim_matches('"'),
        number => number,
    };
    (!raw.is_empty() && raw != "null").then_some(raw)
}

pub(super) fn as_number(raw: Option<&str>) -> Option<u64> {
    unquoted(raw)?.parse().ok()
}

/// The number that ends a binlog file's name: `mysql-bin.000003`. Wider numbers have more digits.
pub(super) fn file_number(raw: Option<&str>) -> Option<u64> {
    let name = unquoted(raw)?;
    let digits = name.rsplit('.').next()?;
    digits.parse().ok()
}

/// An SCN; a cluster's commits say one for each redo thread, as `scn:thread:transactions`, with commas between.
pub(super) fn as_scn(raw: Option<&str>) -> Option<u64> {
    let digits = |text: &str| text.split(':').next()?.trim().parse::<u64>().ok();
    unquoted(raw)?.split(',').filter_map(digits).max()
}
