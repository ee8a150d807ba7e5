//! Which id an event has: made of where it stands at its source, of its row, of where the row goes, and of
//! what the event says.
//!
//! Why: `docs/decisions/03`, `docs/decisions/20`.

use uuid::Uuid;

use crate::format::action_id::identify_action;
use crate::format::change::{Fields, Operation};
use crate::format::debezium::{EventPosition, KnownBy, Source, TransactionOrder};
use crate::format::event_id::Identity;
use crate::format::key_text::visit_key;
use crate::format::positions::{Doubt, Positions, SeenChange};
use crate::format::stable_hash::chain_hash;
use crate::format::stream_ends::StreamStanding;
use crate::format::topic_decoder::Incoming;
use crate::format::undecodable::Undecodable;
use crate::table_name::TableName;

/// What of an event makes its id.
pub(super) struct EventTraits<'e, 'r> {
    /// By what it is known.
    pub known_by: KnownBy<'r>,
    /// Where it comes from.
    pub source: &'e Source<'r>,
    /// Its place in its transaction, if the source tells: JSON.
    pub transaction: Option<&'r str>,
    /// What it does to the row.
    pub operation: Operation,
    /// By which rows are known at the destination.
    pub key: &'e Fields<'r>,
    /// The hash of the record's own key, if that is another.
    pub record_key: u64,
    /// The destination.
    pub table: &'e TableName,
    /// The hash of what the row becomes, or of all that an action says; `None` if the row is removed.
    pub content: Option<u64>,
}

/// The event's id: equal for an event that is sent again, at whatever offset, and for no other. Where nothing tells it
/// from others, it is known by the record's coordinates.
///
/// # Errors
/// As for [`identify_action`].
pub(super) fn identify_event(
    incoming: &mut Incoming<'_, '_>,
    event: &EventTraits<'_, '_>,
) -> Result<Uuid, Undecodable> {
    match event.known_by {
        KnownBy::Source | KnownBy::Place(_) => Ok(identify_by_source(incoming, event)),
        KnownBy::Coordinates => Ok(incoming.id_of_coordinates()),
        KnownBy::Action(action) => {
            let content = event.content.unwrap_or_default();
            let said = (event.operation, content);
            identify_action(incoming, action, event.table, said)
        }
    }
}

/// By its position, or else by its transaction.
fn identify_by_source(incoming: &mut Incoming<'_, '_>, event: &EventTraits<'_, '_>) -> Uuid {
    let (memory, time_ms) = (&mut *incoming.memory, event.time_ms());
    let is_full = time_ms >= memory.full_ids_since;
    let position = event.source.event_position();
    let order = match &position {
        Some(position) if !position.may_be_shared() => None,
        _ => event.transaction.and_then(TransactionOrder::from_json),
    };
    let was_unordered = memory.ordered_since.is_some_and(|since| time_ms < since);
    let order = order.filter(|_| is_full && !was_unordered);
    if order.is_none() && event.may_tell_order(position.as_ref()) {
        memory.ordered_since = memory.ordered_since.max(Some(time_ms + 1));
    }
    if order.is_none() && event.is_without_key() {
        return incoming.id_of_coordinates();
    }
    match event.begin_identity(position, order.as_ref(), &mut memory.positions) {
        None => incoming.id_of_coordinates(),
        Some(identity) if !is_full => identity.into_id(),
        Some(identity) => event.complete_identity(identity, order.as_ref()).into_id(),
    }
}

/// Where the event of this id stands in its source's stream. What a snapshot reads, and what is known by its coordinates
/// anyway, has no place there: in a partition in doubt, all whose transaction doesn't tell their order.
pub(super) fn stand_in_stream(
    incoming: &mut Incoming<'_, '_>,
    source: &Source<'_>,
    (operation, id): (Operation, Uuid),
) -> StreamStanding {
    let in_doubt = incoming.memory.positions.doubt.is_some();
    let by_coordinates = in_doubt && id == incoming.id_of_coordinates();
    if operation == Operation::Read || by_coordinates {
        return StreamStanding::Onward;
    }
    incoming
        .memory
        .stream_ends
        .note_event(source, incoming.record.offset)
}

impl EventTraits<'_, '_> {
    /// Commit at the source, or the snapshot's time: never when the event was sent, which is another time when
    /// it is sent again.
    fn time_ms(&self) -> i64 {
        match self.known_by {
            KnownBy::Place(number) => number,
            _ => self.source.ts_ms.unwrap_or(0),
        }
    }

    /// Whether nothing tells its row from others, which may stand at its position too.
    fn is_without_key(&self) -> bool {
        self.key.is_empty() && self.operation != Operation::Truncate
    }

    /// Whether its place in its transaction would be part of its id.
    fn may_tell_order(&self, position: Option<&EventPosition<'_>>) -> bool {
        self.operation != Operation::Read && position.is_none_or(EventPosition::may_be_shared)
    }

    /// Where the event stands, and its row. `None` if that doesn't tell it from others.
    fn begin_identity(
        &self,
        position: Option<EventPosition<'_>>,
        order: Option<&TransactionOrder<'_>>,
        positions: &mut Positions,
    ) -> Option<Identity> {
        // a snapshot's rows share their position or have none, and each comes once
        let is_change = self.operation != Operation::Read;
        let Some(position) = position else {
            if order.is_none() && is_change {
                positions.raise_doubt(Doubt::Missing);
            }
            return order.map(|_| self.identity_in_transaction());
        };
        let (identity, change) = self.identity_at(&position);
        if order.is_some() {
            return Some(identity);
        }
        if is_change {
            positions.note_change(change);
        }
        positions.doubt.is_none().then_some(identity)
    }

    /// The identity by position, operation and key; and the same without the operation.
    fn identity_at(&self, position: &EventPosition<'_>) -> (Identity, SeenChange) {
        let mut identity = Identity::new("debezium", self.time_ms());
        identity.add_part(position.log.as_bytes());
        for part in position.entry {
            identity.add_part(part.as_bytes());
        }
        let entry = chain_hash(0, identity.as_bytes());
        identity.add_part(position.change.as_bytes());
        let source = identity.as_bytes().len();
        self.add_source(&mut identity);
        for part in position.further.iter().filter(|part| !part.is_empty()) {
            identity.add_part(part.as_bytes());
        }
        // where a number within the statement is told, a row has another in each of its changes
        let place = match position.may_be_shared() {
            true => chain_hash(self.record_key, bytes_from(&identity, source)),
            false => chain_hash(self.record_key, identity.as_bytes()),
        };
        identity.add_part(self.operation.name().as_bytes());
        let before_key = identity.as_bytes().len();
        self.add_key(&mut identity);
        let content = self.content.unwrap_or(0);
        let change = SeenChange {
            entry,
            row: chain_hash(place, bytes_from(&identity, before_key)),
            content: chain_hash(content, self.operation.name().as_bytes()),
        };
        (identity, change)
    }

    /// The identity of an event that only its transaction tells the place of.
    fn identity_in_transaction(&self) -> Identity {
        let mut identity = Identity::new("transaction", self.time_ms());
        self.add_source(&mut identity);
        identity.add_part(self.operation.name().as_bytes());
        self.add_key(&mut identity);
        identity
    }

    fn add_source(&self, identity: &mut Identity) {
        let source = self.source;
        for part in [&source.name, &source.db, &source.schema, &source.table] {
            identity.add_part(part.as_deref().unwrap_or("").as_bytes());
        }
    }

    fn add_key(&self, identity: &mut Identity) {
        visit_key(self.key, |name, text| {
            identity.add_part(name.as_bytes());
            identity.add_part(text.as_bytes());
        });
    }

    /// Adds the place in the transaction, the destination if that isn't the source's own table, and what the
    /// event says: twins say the same. A delete says nothing but its key.
    fn complete_identity(
        &self,
        mut identity: Identity,
        order: Option<&TransactionOrder<'_>>,
    ) -> Identity {
        if let Some(order) = order {
            identity.add_part(b"\0transaction");
            identity.add_part(order.id.as_bytes());
            identity.add_part(order.total_order.as_bytes());
        }
        let own = (self.source.schema(), self.source.table.as_deref());
        if own
            != (
                Some(self.table.schema.as_str()),
                Some(self.table.name.as_str()),
            )
        {
            identity.add_part(b"\0table");
            identity.add_part(self.table.schema.as_bytes());
            identity.add_part(self.table.name.as_bytes());
        }
        if let Some(content) = self.content {
            identity.add_part(&content.to_le_bytes());
        }
        identity
    }
}

/// The parts of an identity that begin at this byte.
fn bytes_from(identity: &Identity, begin: usize) -> &[u8] {
    identity.as_bytes().get(begin..).unwrap_or_default()
}

#[cfg(test)]
#[path = "identify_tests.rs"]
mod tests;
