//! Where in its source's log an event stands, as each connector tells it. What each source's events are
//! recognised by: `docs/sources.md`.

use crate::format::debezium::Source;

/// A place in a source's log. Its texts are JSON, as the event has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPosition<'s> {
    /// Keeps logs of different kinds apart; part of an event's identity, so it must never change.
    pub log: &'static str,
    /// The log's entry, from the whole to the part. Many rows may share one.
    pub entry: [&'s str; 2],
    /// The change within the entry; empty where the connector numbers none.
    pub change: &'s str,
    /// What else Oracle tells; empty of all others.
    pub further: [&'s str; 3],
}

impl EventPosition<'_> {
    /// Whether different events may have this position though it looks like any other: MySQL gives those of
    /// a compressed transaction the position of the transaction, and numbers rows anew in each statement.
    pub fn may_be_shared(&self) -> bool {
        self.log == "binlog"
    }

    /// Whether nothing but one change of one row has this position, if it changed a key: where the connector tells
    /// all the parts that number the changes of a log.
    pub fn tells_one_change(&self) -> bool {
        !self.may_be_shared() && (self.log == "postgres" || !self.entry[1].is_empty())
    }
}

impl Source<'_> {
    /// The event's position. `None` if the connector gives none that we know, or one that stands for
    /// nothing: no file, or a position of zero. `sequence` is left out on purpose: it differs when an event
    /// is sent again after a restart.
    pub fn event_position(&self) -> Option<EventPosition<'_>> {
        let (log, [entry, part, change]) = if is_told(self.lsn) {
            ("postgres", [self.lsn, self.tx_id, None])
        } else if is_told(self.file) && is_told(self.pos) {
            ("binlog", [self.file, self.pos, self.row])
        } else if is_told(self.commit_lsn) {
            let place = [self.commit_lsn, self.change_lsn, self.event_serial_no];
            ("sqlserver", place)
        } else if is_told(self.scn) {
            ("oracle", [self.scn, self.rs_id, self.ssn])
        } else {
            return None;
        };
        let further = match log {
            "oracle" => [self.commit_scn, self.redo_thread, self.row_id].map(or_empty),
            _ => Default::default(),
        };
        Some(EventPosition {
            log,
            entry: [entry, part].map(or_empty),
            change: or_empty(change),
            further,
        })
    }
}

/// Whether a part of a position says anything.
fn is_told(raw: Option<&str>) -> bool {
    !matches!(raw, None | Some("\"\"" | "0" | "\"0\""))
}

fn or_empty(raw: Option<&str>) -> &str {
    raw.unwrap_or_default()
}
