//! The id of a trigger's event: made of the id that it has at its source, of its topic, of where it goes, and of what it
//! says.
//!
//! Why: `docs/decisions/03`.

use uuid::Uuid;

use crate::format::change::Operation;
use crate::format::debezium::Action;
use crate::format::event_id::{Identity, Parts};
use crate::format::key_text::plain_json;
use crate::format::positions::SeenChange;
use crate::format::stable_hash::chain_hash;
use crate::format::topic_decoder::Incoming;
use crate::format::undecodable::{Undecodable, refuse_value};
use crate::table_name::TableName;

/// Stands for the entry of a log, of which there is none: actions aren't written side by side.
const ALL_ACTIONS: u64 = 1;

/// The event's id. `row`: the hash of the row's own fields.
///
/// # Errors
/// The same action said something else not long ago: which of the two is to be believed isn't known.
pub(super) fn identify_action(
    incoming: &mut Incoming<'_, '_>,
    action: Action<'_>,
    table: &TableName,
    (operation, row): (Operation, u64),
) -> Result<Uuid, Undecodable> {
    let content = chain_hash(row, operation.name().as_bytes());
    let plain = plain_json(action.id);
    let id = plain.trim_matches('"'); // a number and a text of the same digits are one id
    let mut parts = Parts::new();
    parts.add_part(id.as_bytes());
    let seen = SeenChange {
        entry: ALL_ACTIONS,
        row: u64::from_le_bytes(parts.first_8_bytes()),
        content,
    };
    let positions = &mut incoming.memory.positions;
    if positions.is_contradicted_by(&seen) {
        let message = format!(
            "an action with this id came before and said something else (action {}): ids must tell actions apart",
            id.chars().take(40).collect::<String>()
        );
        return refuse_value(
            message,
            "an action with an id that came before says something else: ids must tell actions apart",
        );
    }
    positions.note_change(seen);
    let mut identity = Identity::new("trigger", action.time_ms);
    for part in [
        incoming.record.source.topic.as_bytes(),
        id.as_bytes(),
        table.schema.as_bytes(),
        table.name.as_bytes(),
        &content.to_le_bytes(),
    ] {
        identity.add_part(part);
    }
    Ok(identity.into_id())
}
