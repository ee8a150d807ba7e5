//! Everything that is known of one letter, as text for people and as JSON for programs.

use serde_json::{Value, json};

use crate::ledger::letter_rows::LetterRow;
use crate::letter::LetterState;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::letter_store::Fetched;
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::operator::terminal::printable;
use crate::record::Record;
use crate::record::body::Body;

/// A letter with all that belongs to it.
pub struct ShownLetter {
    /// The letter as a replay knows it.
    pub letter: Candidate,
    /// The letter's row, if it has one.
    pub row: Option<LetterRow>,
    /// The letter's record.
    pub record: Fetched,
    /// The other letters of the letter's key.
    pub others: Vec<LetterRow>,
    /// What would become of the letter.
    pub outcome: Option<ReplayOutcome>,
}

/// A line: what it tells, and the value.
type Line = (&'static str, String);

impl ShownLetter {
    /// A line for each thing that is known.
    pub fn to_text(&self) -> String {
        let lines = [self.describe_letter(), self.describe_failure()];
        let others = self.others.iter().map(|other| self.describe_other(other));
        let outcome = self.outcome.as_ref();
        let outcome = outcome.map(|outcome| ("a replay", outcome.to_sentence(true)));
        let lines = lines.into_iter().flatten();
        let lines = lines.chain(self.describe_record());
        let lines = lines.chain(others).chain(outcome);
        lines
            .map(|(name, value)| format!("{name:<14} {}\n", printable(&value)))
            .collect()
    }

    /// An object. Its names are those of the table's columns, so they aren't those of the text.
    pub fn to_json(&self) -> Value {
        let Self { letter, row, .. } = self;
        json!({
            "letter": row.as_ref().map(|row| json!(row)).unwrap_or_else(|| json!({
                "event_id": letter.event_id, "topic": &*letter.source.topic, "partition": letter.source.partition,
                "offset": letter.offset, "table_name": letter.table, "reason": letter.reason,
                "dlq_topic": &*letter.place.topic, "dlq_partition": letter.place.partition, "dlq_offset": letter.place.offset,
            })),
            "record": self.record_as_json(),
            "others_of_its_key": self.others,
            "replay": self.outcome.as_ref().map(|o| json!({ "outcome": o.name(), "detail": o.to_sentence(true) })),
        })
    }

    fn describe_letter(&self) -> Vec<Line> {
        let Self { letter, row, .. } = self;
        let or_unknown = |text: &Option<String>| text.as_deref().unwrap_or("unknown").to_owned();
        let place = &letter.place;
        let lies_in = format!(
            "{}[{}], offset {}",
            place.topic, place.partition, place.offset
        );
        let read_from = format!("{}, offset {}", letter.source, letter.offset);
        vec![
            ("letter", letter.name()),
            ("state", describe_state(letter, row.as_ref())),
            ("table", or_unknown(&letter.table)),
            ("key", or_unknown(&letter.key)),
            ("event", letter.event_id.to_string()),
            ("read from", read_from),
            ("lies in", lies_in),
        ]
    }

    fn describe_failure(&self) -> Vec<Line> {
        let time = |at| humantime::format_rfc3339_millis(at).to_string();
        let mut lines = Vec::new();
        if let Some(row) = &self.row {
            let code = row.sqlstate.as_deref();
            let code = code.map_or(String::new(), |code| format!(", SQLSTATE {code}"));
            lines.push(("reason", format!("{} at {}{code}", row.reason, row.stage)));
            lines.push(("error", row.message.clone()));
        } else {
            lines.push(("reason", self.letter.reason.clone()));
        }
        lines.push(("attempts", self.letter.attempts.to_string()));
        lines.push(("first failed", time(self.letter.first_failed_at)));
        lines.push(("last failed", time(self.letter.last_failed_at)));
        lines
    }

    fn describe_record(&self) -> Vec<Line> {
        let record = match &self.record {
            Fetched::Record(record) => record,
            Fetched::Lost(why) => return vec![("record", format!("lost: {why}"))],
        };
        let headers = record.headers.iter().map(|header| {
            let value = describe_bytes(header.value.as_deref());
            ("header", format!("{}: {value}", header.key))
        });
        let value = record.value.as_ref().map(Body::whole_value);
        let message = [
            ("record key", describe_bytes(record.key.as_deref())),
            ("record value", describe_bytes(value.as_deref())),
        ];
        headers.chain(message).collect()
    }

    fn describe_other(&self, other: &LetterRow) -> Line {
        let when = if Some(other.id) > self.letter.row {
            "later letter"
        } else {
            "earlier one"
        };
        let LetterRow {
            id, state, reason, ..
        } = other;
        let text = format!("{id} ({state}, {reason}), offset {}", other.offset);
        (when, text)
    }

    fn record_as_json(&self) -> Value {
        match &self.record {
            Fetched::Record(record) => message_as_json(record),
            Fetched::Lost(why) => json!({ "lost": why }),
        }
    }
}

fn message_as_json(record: &Record) -> Value {
    let text = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |_| describe_bytes(bytes).into());
    json!({
        "key": text(record.key.as_deref()),
        "value": text(record.value.as_ref().map(Body::whole_value).as_deref()),
        "timestamp": record.timestamp,
        "headers": record.headers.iter()
            .map(|h| json!({ "key": h.key, "value": text(h.value.as_deref()) })).collect::<Vec<_>>(),
    })
}

fn describe_state(letter: &Candidate, row: Option<&LetterRow>) -> String {
    match row {
        None => "has no row: it lies in the dead letter topic alone".to_owned(),
        Some(LetterRow {
            superseded_by: Some(event),
            state: LetterState::Superseded,
            ..
        }) => {
            format!("superseded by the later event {event}")
        }
        Some(_) => letter.state.to_string(),
    }
}

/// Text as it is; anything else by its length and its first bytes.
fn describe_bytes(bytes: Option<&[u8]>) -> String {
    match bytes.map(|b| (b, std::str::from_utf8(b))) {
        None => "null".to_owned(),
        Some((_, Ok(text))) => text.to_owned(),
        Some((bytes, Err(_))) => {
            let first: String = bytes.iter().take(32).map(|b| format!("{b:02x}")).collect();
            format!(
                "{} bytes that are no text, beginning with {first}",
                bytes.len()
            )
        }
    }
}
