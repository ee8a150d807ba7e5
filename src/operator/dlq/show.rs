//! `landfall dlq show`: everything that is known of one letter.

use deadpool_postgres::Object;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::Show;
use crate::config::Config;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::candidates::no_letter;
use crate::operator::dlq::filter::{Chosen, LetterId, Selection};
use crate::operator::dlq::outcome::Outcome;
use crate::operator::dlq::replayer::Workshop;
use crate::operator::dlq::row::{COLUMNS, Letter, State};
use crate::operator::terminal::{self, printable};
use crate::record::Record;
use crate::record::body::Body;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// # Errors
/// Kafka or Postgres can't be asked, or there is no such letter.
pub async fn show(config: &Config, client: Object, show: &Show) -> Result<(), String> {
    let schema = &config.postgres.schema;
    let mut workshop = Workshop::new(config, client, false)?;
    let row = letters(workshop.client(), schema, &by_id(show.id))
        .await
        .map_err(|f| f.to_string())?
        .pop();
    let mut group = match (&row, show.id) {
        (None, LetterId::Event(event)) => up_to(event, &mut workshop).await?,
        _ => Vec::new(),
    };
    let letter = match (&row, show.id) {
        (Some(row), _) => Candidate::of_row(row.clone()),
        (None, LetterId::Event(_)) => group.last().cloned().ok_or_else(|| no_letter(show.id))?,
        (None, LetterId::Row(_)) => return Err(no_letter(show.id)),
    };
    let others = match letter.key_hash {
        Some(key) => others(workshop.client(), schema, key, letter.row)
            .await
            .map_err(|f| f.to_string())?,
        None => Vec::new(),
    };
    let record = workshop.record(&letter)?;
    if group.is_empty() {
        group.push(letter.clone());
    }
    let outcome = workshop.look(&group).await?.pop();
    // what was written in Avro is shown as the JSON that it means
    let record = record.map(|record| {
        let value = record.value.as_ref().map(Body::whole);
        let text = |bytes: Option<&[u8]>| workshop.readable(bytes).map(String::into_bytes);
        let (key, value) = (text(record.key.as_deref()), text(value.as_deref()));
        Record {
            key: key.map(Into::into).or(record.key),
            value: value.map(Body::from).or(record.value),
            ..record
        }
    });
    match show.json {
        true => {
            terminal::print_json(&as_json(
                &letter,
                row.as_ref(),
                &record,
                &others,
                outcome.as_ref(),
            ));
        }
        false => print(&letter, row.as_ref(), &record, &others, outcome.as_ref()),
    }
    Ok(())
}

/// The letters without a row of one partition, up to this one, with which it would be replayed; empty
/// if there is no such letter.
async fn up_to(event: Uuid, workshop: &mut Workshop<'_>) -> Result<Vec<Candidate>, String> {
    let mut strays = workshop
        .strays(&only(LetterId::Event(event)), || ())
        .await?;
    let Some(at) = strays.iter().position(|l| l.event_id == event) else {
        return Ok(Vec::new());
    };
    let source = strays.get(at).map(|l| l.source.clone());
    strays.truncate(at + 1);
    strays.retain(|l| Some(&l.source) == source.as_ref());
    strays.iter_mut().for_each(|l| l.chosen = true);
    Ok(strays)
}

fn only(id: LetterId) -> Chosen {
    Chosen {
        id: vec![id],
        ..Chosen::default()
    }
}

fn by_id(id: LetterId) -> Selection {
    Selection::of(&only(id), &[])
}

async fn letters(client: &Object, schema: &str, which: &Selection) -> Result<Vec<Letter>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {}.dead_letters WHERE {} ORDER BY id",
        quote(schema),
        which.condition()
    );
    let rows = client.query(&sql, &which.parameters()).await?;
    rows.iter().map(Letter::of).collect()
}

/// The other letters of its key, oldest first.
async fn others(
    client: &Object,
    schema: &str,
    key: i64,
    own: Option<i64>,
) -> Result<Vec<Letter>, Failure> {
    let mut which = Selection::default();
    which.require("key_hash = ?", key);
    let mut letters = letters(client, schema, &which).await?;
    letters.retain(|letter| Some(letter.id) != own);
    Ok(letters)
}

fn print(
    letter: &Candidate,
    row: Option<&Letter>,
    record: &Result<Record, String>,
    others: &[Letter],
    outcome: Option<&Outcome>,
) {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        text += &format!("{name:<14} {}\n", printable(value));
    };
    let time = |at| humantime::format_rfc3339_millis(at).to_string();
    line("letter", &letter.name());
    line("state", &state(letter, row));
    line("table", letter.table.as_deref().unwrap_or("unknown"));
    line("key", letter.key.as_deref().unwrap_or("unknown"));
    line("event", &letter.event_id.to_string());
    line(
        "read from",
        &format!("{}, offset {}", letter.source, letter.offset),
    );
    let place = &letter.place;
    line(
        "lies in",
        &format!(
            "{}[{}], offset {}",
            place.topic, place.partition, place.offset
        ),
    );
    if let Some(row) = row {
        let code = row.sqlstate.as_deref();
        let code = code.map_or(String::new(), |code| format!(", SQLSTATE {code}"));
        line("reason", &format!("{} at {}{code}", row.reason, row.stage));
        line("error", &row.message);
    } else {
        line("reason", &letter.reason);
    }
    line("attempts", &letter.attempts.to_string());
    line("first failed", &time(letter.first_failed_at));
    line("last failed", &time(letter.last_failed_at));
    match record {
        Ok(record) => {
            for header in record.headers.iter() {
                line(
                    "header",
                    &format!("{}: {}", header.key, shown(header.value.as_deref())),
                );
            }
            line("record key", &shown(record.key.as_deref()));
            line(
                "record value",
                &shown(record.value.as_ref().map(Body::whole).as_deref()),
            );
        }
        Err(why) => line("record", &format!("lost: {why}")),
    }
    for other in others {
        let when = if Some(other.id) > letter.row {
            "later letter"
        } else {
            "earlier one"
        };
        line(
            when,
            &format!(
                "{} ({}, {}), offset {}",
                other.id, other.state, other.reason, other.offset
            ),
        );
    }
    if let Some(outcome) = outcome {
        line("a replay", &outcome.sentence(true));
    }
    terminal::print(&text);
}

fn state(letter: &Candidate, row: Option<&Letter>) -> String {
    match row {
        None => "has no row: it lies in the dead letter topic alone".to_owned(),
        Some(Letter {
            superseded_by: Some(event),
            state: State::Superseded,
            ..
        }) => {
            format!("superseded by the later event {event}")
        }
        Some(_) => letter.state.to_string(),
    }
}

/// Text as it is; anything else by its length and its first bytes.
fn shown(bytes: Option<&[u8]>) -> String {
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

fn as_json(
    letter: &Candidate,
    row: Option<&Letter>,
    record: &Result<Record, String>,
    others: &[Letter],
    outcome: Option<&Outcome>,
) -> Value {
    let text = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |_| shown(bytes).into());
    let record = match record {
        Ok(record) => json!({
            "key": text(record.key.as_deref()),
            "value": text(record.value.as_ref().map(Body::whole).as_deref()),
            "timestamp": record.timestamp,
            "headers": record.headers.iter()
                .map(|h| json!({ "key": h.key, "value": text(h.value.as_deref()) })).collect::<Vec<_>>(),
        }),
        Err(why) => json!({ "lost": why }),
    };
    json!({
        "letter": row.map(|row| json!(row)).unwrap_or_else(|| json!({
            "event_id": letter.event_id, "topic": &*letter.source.topic, "partition": letter.source.partition,
            "offset": letter.offset, "table_name": letter.table, "reason": letter.reason,
            "dlq_topic": &*letter.place.topic, "dlq_partition": letter.place.partition, "dlq_offset": letter.place.offset,
        })),
        "record": record,
        "others_of_its_key": others,
        "replay": outcome.map(|o| json!({ "outcome": o.name(), "detail": o.sentence(true) })),
    })
}
