//! What is remembered of a topic between its records, and how they become changes by it.

use std::sync::Arc;

use bumpalo::Bump;
use uuid::Uuid;

use crate::config::{
    Encoding, Envelope as EnvelopeKind, FormatConfig, RouteConfig, TopicFormat, may_meet_others,
};
use crate::format::before_row::BeforeRow;
use crate::format::change::{Change, Decoded, Fields, Operation, RowKey, RowOrder, Unplaced};
use crate::format::debezium::{Envelope, KnownBy, LogKind, Source};
use crate::format::envelope_words::EnvelopeWords;
use crate::format::event_id::{self, Parts};
use crate::format::identify::{EventTraits, identify_event, stand_in_stream};
use crate::format::key_move::KeyMove;
use crate::format::landing::{Lander, Landing};
use crate::format::merged_tables::MergedTables;
use crate::format::open_deletes::key_hash;
use crate::format::partition_memory::PartitionMemory;
use crate::format::positions::Doubt;
use crate::format::routed_key::{OldKey, RoutedKey};
use crate::format::row_orders::{RowOrders, Unordered, is_other_key};
use crate::format::schema_cache::SchemaCache;
use crate::format::single_key::{KeyBelief, SingleKey};
use crate::format::stable_hash::RowHasher;
use crate::format::stream_ends::StreamStanding;
use crate::format::told_row::ToldRows;
use crate::format::unavailable::Unavailable;
use crate::format::undecodable::{Undecodable, refuse_record, refuse_topic, refuse_value};
use crate::letter::Stage;
use crate::record::Record;
use crate::table_name::TableName;
use crate::verdict::Reason;

/// What is remembered of a topic between records, so that its route is found once.
pub struct TopicDecoder {
    /// What its records are.
    pub(super) format: TopicFormat,
    pub(super) words: EnvelopeWords,
    /// `None`: the events themselves name their table and their key.
    route: Option<TopicRoute>,
    /// Tables named by the topic's events; nearly always one.
    tables: Vec<Arc<TableName>>,
    orders: RowOrders,
    pub(super) key_schema: SchemaCache,
    pub(super) value_schema: SchemaCache,
    /// Of the headers that name a row's other key.
    pub(super) header_schema: SchemaCache,
    rows: RowHasher,
    pub(super) lander: Lander,
    /// Whether the source logs whole rows, or sends them.
    whole_rows: bool,
    told_rows: ToldRows,
}

/// Where the configuration sends the topic.
struct TopicRoute {
    table: Arc<TableName>,
    /// `None`: the record's key is the row's.
    key: Option<RoutedKey>,
    version: Option<Arc<str>>,
    /// Where the route's key is one column.
    single_key: Option<SingleKey>,
}

/// The keys that an event has.
#[derive(Clone, Copy)]
struct ToldKey<'k, 'r> {
    /// Of the row.
    key: &'k Fields<'r>,
    /// Of the record.
    record_key: &'k Fields<'r>,
}

impl<'k, 'r> ToldKey<'k, 'r> {
    fn new(key: &'k Fields<'r>, record_key: &'k Fields<'r>) -> Self {
        Self { key, record_key }
    }
}

/// A record that is being decoded, and what its partition and its batch lend it.
pub(super) struct Incoming<'c, 'r> {
    /// As it came from Kafka.
    pub record: &'r Record,
    /// Takes what can't be borrowed from the record.
    pub arena: &'r Bump,
    /// `None` if the broker tells no topic ids.
    pub topic_id: Option<Uuid>,
    /// The key that the row has before, or after, as a header tells it; no fields, if it can't be read.
    pub other_key: Option<Fields<'r>>,
    /// The partition's.
    pub memory: &'c mut PartitionMemory,
}

impl Incoming<'_, '_> {
    /// The id of a record that is known by where it stands in Kafka.
    pub(super) fn id_of_coordinates(&self) -> Uuid {
        let generation = self.memory.generation_of(self.record);
        event_id::id_of_coordinates(self.record, self.topic_id, generation)
    }

    /// What the open deletes are to learn of an event: its key, and whether it opens a delete. `None`: nothing.
    fn delete_to_note(&self, key: Option<&Fields<'_>>, removes: bool) -> Option<(u64, bool)> {
        // a row closes a delete of its key, if any is open
        let noted = removes || !self.memory.open_deletes.is_empty();
        let key = noted.then(|| self.hash_record_key(key)).flatten()?;
        Some((key, removes))
    }

    /// By what a tombstone and its delete know each other: the fields of the record's key, where it is a struct, or else its
    /// bytes. `None`: it has no key.
    fn hash_record_key(&self, key: Option<&Fields<'_>>) -> Option<u64> {
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return Some(key_hash(key));
        }
        let bytes = self
            .record
            .key
            .as_deref()
            .filter(|bytes| !bytes.is_empty())?;
        let mut parts = Parts::new();
        parts.add_part(bytes);
        Some(u64::from_be_bytes(parts.first_8_bytes()))
    }

    /// From which key to which its row goes, if the event is half of a changed key.
    fn find_key_move(
        &self,
        operation: Operation,
        table: &TableName,
        source: &Source<'_>,
        key: &Fields<'_>,
    ) -> Option<Box<KeyMove>> {
        let other_key = self.other_key.as_ref()?;
        let key_move = KeyMove::of_event(operation, table, Some(source), (key, other_key));
        Some(Box::new(key_move))
    }
}

impl TopicDecoder {
    /// The first route that matches the topic decides. `format`: what its records are, and what is configured of such.
    pub fn new(
        routes: &[RouteConfig],
        topic: &str,
        merged: Arc<MergedTables>,
        (format, config): (TopicFormat, &FormatConfig),
    ) -> Self {
        let first = routes.iter().find_map(|route| {
            let table = Arc::new(route.table_for(topic)?);
            Some((route, table))
        });
        let route = first.as_ref().map(|(route, _)| *route);
        let versioned = route.is_some_and(|route| route.version.is_some());
        let asks_positions = versioned || may_meet_others(routes, topic);
        let shape = route.map_or_else(Arc::default, |route| route.shape.clone());
        let unavailable = Unavailable::new(&config.unavailable_placeholder);
        // a row alone says nothing of the row before it, whose key is taken for the same
        let tells_no_before = matches!(format.envelope, EnvelopeKind::Flat | EnvelopeKind::Trigger);
        // a delete that was unwrapped has the row as Debezium's `before` has it, stand-ins included
        let is_action = format.envelope == EnvelopeKind::Trigger;
        let whole_rows = is_action || route.is_some_and(|route| route.whole_rows);
        let new_key = |route: &RouteConfig, columns: Vec<String>| {
            RoutedKey::new(
                columns,
                route.fixed_key || tells_no_before,
                whole_rows,
                route.key_in_record,
            )
        };
        Self {
            format,
            words: EnvelopeWords::new(format.envelope, config),
            route: first.map(|(route, table)| TopicRoute {
                table,
                single_key: match route.key.as_deref() {
                    // a field of the row becomes that column, whatever the record's key is
                    Some([column]) if route.shape.rename.values().any(|to| to == column) => None,
                    Some([column]) => {
                        let is_text = format.key_encoding == Encoding::Text;
                        Some(SingleKey::new(column, is_text, route.key_in_record))
                    }
                    _ => None,
                },
                version: route.version.as_deref().map(Arc::from),
                key: route.key.clone().map(|key| new_key(route, key)),
            }),
            tables: Vec::new(),
            orders: RowOrders::new(merged, asks_positions, versioned),
            key_schema: SchemaCache::default(),
            value_schema: SchemaCache::default(),
            header_schema: SchemaCache::default(),
            rows: RowHasher::default(),
            lander: Lander::new(shape, unavailable),
            whole_rows,
            told_rows: ToldRows::default(),
        }
    }

    /// Whether a tombstone is all that says that a row is deleted: where each change is a row, it is one too, as it isn't
    /// where an event of its own says so.
    fn deletes_by_tombstones(&self) -> bool {
        !self.lander.appends() || self.format.envelope == EnvelopeKind::Flat
    }

    /// Whether the route says which columns are the key.
    pub fn has_routed_key(&self) -> bool {
        matches!(&self.route, Some(TopicRoute { key: Some(_), .. }))
    }

    /// Whether the row as it was is needed: for the key or the version of a row that is gone, or where that is a row itself.
    pub fn needs_before(&self) -> bool {
        self.has_routed_key()
            || self.lander.appends()
            || self.route.as_ref().is_some_and(|r| r.version.is_some())
    }

    /// The column of the route that tells a row's versions apart.
    fn version(&self) -> Option<Arc<str>> {
        self.route.as_ref()?.version.clone()
    }

    /// Whether one row's records may have several keys, and so be in several partitions.
    fn has_other_key(&self, record_key: &Fields<'_>) -> bool {
        let routed = self.route.as_ref().and_then(|route| route.key.as_ref());
        routed.is_some_and(|key| is_other_key(record_key, key.columns()))
    }

    /// The table at the source that an event names: where it stands in `tables`.
    fn find_named(&mut self, source: &Source<'_>) -> Option<usize> {
        let (schema, name) = (source.schema()?, source.table.as_deref()?);
        let is_named = |table: &Arc<TableName>| table.schema == schema && table.name == name;
        Some(self.tables.iter().position(is_named).unwrap_or_else(|| {
            self.tables.push(Arc::new(TableName::new(schema, name)));
            self.tables.len() - 1
        }))
    }

    /// The destination table of an event, by what the event names.
    fn table_of_event(&self, named: Option<usize>) -> Option<Arc<TableName>> {
        match &self.route {
            Some(route) => Some(route.table.clone()),
            None => self.tables.get(named?).cloned(),
        }
    }

    /// The same, where there has to be one. `what`: the record, for a message.
    fn require_table(
        &self,
        named: Option<usize>,
        what: &str,
    ) -> Result<Arc<TableName>, Undecodable> {
        let Some(table) = self.table_of_event(named) else {
            return refuse_topic(
                Reason::Undecodable,
                Stage::Transformation,
                format!(
                    "the {what} names no table (its schema and table are missing), and no [[route]] matches the topic: set one with its table"
                ),
            );
        };
        Ok(table)
    }

    /// `key` holds the fields of the record's key. Open deletes learn of the event once nothing can
    /// go wrong any more.
    pub(super) fn decode_event<'r>(
        &mut self,
        mut incoming: Incoming<'_, 'r>,
        key: Fields<'r>,
        envelope: Envelope<'r>,
    ) -> Result<Decoded<'r>, Undecodable> {
        let Some(operation) = Operation::from_code(&envelope.op) else {
            return without_row(&envelope.op);
        };
        let removes = operation.removes_row();
        let named = self.find_named(&envelope.source);
        let table = self.require_table(named, "event")?;
        let known_by = envelope.known_by;
        let (row, before) = rows_of_event(removes, envelope.before, envelope.after)?;
        let delete = incoming.delete_to_note(self.struct_of(&key), removes);
        let delete = delete.filter(|_| self.deletes_by_tombstones());
        // records are spread by their keys, be they believed to be the row's yet or not
        let told_other = self.has_other_key(&key);
        let left = row.as_ref().filter(|_| !removes);
        let key = self.believe_key(key, left, incoming.memory)?;
        let key_move = incoming.find_key_move(operation, &table, &envelope.source, &key);
        let record_key = self.has_routed_key().then(|| key.clone());
        let of_other_key = match incoming.memory.key_belief {
            KeyBelief::Doubted => self.has_other_key(&key),
            KeyBelief::Unknown | KeyBelief::Confirmed => told_other,
        };
        let key = self.choose_key(key, row.as_ref(), incoming.arena)?;
        let told = record_key
            .as_ref()
            .map(|of_record| ToldKey::new(&key, of_record));
        let before = if removes { &row } else { &before };
        let (old_key, hides_key) =
            self.look_before(operation, told, before.as_ref(), incoming.arena);
        let is_action = matches!(known_by, KnownBy::Action(_));
        let content = row.as_ref().filter(|_| !removes || is_action);
        let traits = EventTraits {
            known_by,
            source: &envelope.source,
            transaction: envelope.transaction,
            operation,
            key: &key,
            record_key: record_key.as_ref().map_or(0, key_hash),
            table: &table,
            content: content.map(|row| self.rows.hash_row(row)),
        };
        let id = identify_event(&mut incoming, &traits)?;
        self.remember_event(incoming.memory, delete, named);
        let version = self.version();
        let appends = self.lander.appends();
        let carried = match row {
            Some(row) if removes && appends => {
                Some((self.told_rows).keep_told(row, &key, self.whole_rows, incoming.arena))
            }
            row => row.filter(|_| !removes || version.is_some()),
        };
        let order = match appends {
            true => RowOrder::Partition,
            false => self.orders.order_change(&Unordered {
                incoming: &incoming,
                table: &table,
                source: &envelope.source,
                snapshot: operation == Operation::Read,
                key: &key,
                shape: self.lander.shape(),
                of_other_key,
            }),
        };
        // where its row has a position, that tells whether it comes too late
        let standing = match order.is_merged() {
            // what was appended can't go back, and the ids alone tell what comes again
            false if !appends && matches!(known_by, KnownBy::Source | KnownBy::Place(_)) => {
                stand_in_stream(&mut incoming, &envelope.source, (operation, id))
            }
            true | false => StreamStanding::Onward,
        };
        Ok(Decoded::Change(Change {
            id,
            table,
            operation,
            key,
            old_key,
            hides_key,
            key_move,
            row_stays: false,
            row: carried.unwrap_or_default(),
            order,
            version,
            standing,
            landing: Landing::Row,
            of_binlog: envelope.source.log_kind() == Some(LogKind::Binlog),
            source_time: 0,
        }))
    }

    /// Notes with the partition what its next records depend on: the deletes that wait for their tombstones, by the
    /// key's hash and whether the event is one, and the tables that events name.
    fn remember_event(
        &self,
        memory: &mut PartitionMemory,
        delete: Option<(u64, bool)>,
        named: Option<usize>,
    ) {
        if let Some((key, removes)) = delete {
            memory.open_deletes.note_event(key, removes);
        }
        if let Some(named) = named.and_then(|at| self.tables.get(at)) {
            memory.tables.note_table(named);
        }
    }

    /// All rows of the table that it names are gone.
    pub(super) fn decode_truncate<'r>(
        &mut self,
        mut incoming: Incoming<'_, 'r>,
        envelope: &Envelope<'r>,
    ) -> Result<Decoded<'r>, Undecodable> {
        let named = self.find_named(&envelope.source);
        let table = self.require_table(named, "truncate")?;
        self.remember_event(incoming.memory, None, named);
        let (operation, key) = (Operation::Truncate, Fields::default());
        let traits = EventTraits {
            known_by: envelope.known_by,
            source: &envelope.source,
            transaction: envelope.transaction,
            operation,
            key: &key,
            record_key: 0,
            table: &table,
            content: None,
        };
        let id = identify_event(&mut incoming, &traits)?;
        Ok(Decoded::Change(Change {
            id,
            table,
            operation,
            key,
            old_key: None,
            hides_key: false,
            key_move: None,
            row_stays: false,
            row: Fields::default(),
            order: Default::default(),
            version: None,
            standing: stand_in_stream(&mut incoming, &envelope.source, (operation, id)),
            landing: Landing::Row,
            of_binlog: false, // it says nothing of columns
            source_time: 0,
        }))
    }

    /// A record without a value: it belongs to the delete before it, or deletes its key's row itself.
    pub(super) fn decode_tombstone<'r>(
        &mut self,
        incoming: Incoming<'_, 'r>,
        key: Fields<'r>,
    ) -> Result<Decoded<'r>, Undecodable> {
        let hash = incoming.hash_record_key(self.struct_of(&key));
        let key = self.believe_key(key, None, incoming.memory)?;
        if hash.is_some_and(|hash| incoming.memory.open_deletes.close_delete(hash)) {
            return Ok(Decoded::BelongsToDelete);
        }
        if self.lander.appends() && (hash.is_none() || !self.deletes_by_tombstones()) {
            return Ok(Decoded::Nothing(Operation::Tombstone.name())); // of which there is no row
        }
        if key.is_empty() {
            let message = match hash {
                _ if self.lander.appends() => {
                    "the key of a record without a value (tombstone) names no column: nothing tells what it deletes; have the source write keys that do, or set deletes = false in the [[route]]"
                }
                None => {
                    "a record without a value (tombstone) has no key either: nothing tells which row it deletes"
                }
                Some(_) => {
                    "the key of a record without a value (tombstone) can't be read as the row's: nothing tells which row it deletes"
                }
            };
            return refuse_record(Reason::MissingKey, Stage::KeyConverter, message);
        }
        if self.format.envelope == EnvelopeKind::Flat && !self.lander.appends() {
            // it tells no place at its source: sent again it is new, and so must be what is sent again around it
            incoming.memory.positions.raise_doubt(Doubt::Missing);
        }
        let id = incoming.id_of_coordinates();
        let other_key = incoming.other_key.clone();
        let moved_to = other_key.map(|other_key| [key.clone(), other_key].into());
        let key = self.choose_key(key, None, incoming.arena)?;
        let tombstone = Unplaced { id, key, moved_to };
        Ok(match &self.route {
            Some(route) => Decoded::Change(Change {
                version: self.version(),
                ..tombstone.into_change(route.table.clone())
            }),
            None => Decoded::Unplaced(tombstone),
        })
    }

    /// Which row a record is about whose value can't be read.
    pub fn row_key<'r>(&mut self, key: Fields<'r>, arena: &'r Bump) -> Option<RowKey<'r>> {
        self.struct_of(&key)?;
        let key = self.choose_key(key, None, arena).ok()?;
        Some(RowKey {
            table: self.table_of_event(None),
            key,
        })
    }

    /// The key that an update's row had before, if it was another one, and whether the event leaves open which
    /// row is gone. A record's own key tells it always: if that changes, its source sends a delete and an insert.
    fn look_before<'r>(
        &self,
        operation: Operation,
        told: Option<ToldKey<'_, 'r>>,
        before: Option<&Fields<'r>>,
        arena: &'r Bump,
    ) -> (Option<Box<Fields<'r>>>, bool) {
        let routed = self.route.as_ref().and_then(|route| route.key.as_ref());
        let (Some(routed), Some(told)) = (routed, told) else {
            return (None, false);
        };
        let before = before.map(|row| BeforeRow::new(row, told.record_key, routed.whole_rows));
        match operation {
            Operation::Update => {
                match routed.compare_before(told.key, before.as_ref(), told.record_key, arena) {
                    OldKey::Same => (None, false),
                    OldKey::Other(key) => (Some(key), false),
                    OldKey::Untold => (None, true),
                }
            }
            Operation::Delete => {
                let hidden = |before| routed.is_hidden_in(before, told.record_key);
                (None, before.as_ref().is_some_and(hidden))
            }
            Operation::Create | Operation::Read | Operation::Tombstone | Operation::Truncate => {
                (None, false)
            }
        }
    }

    /// A record's key that is a single value without a name.
    ///
    /// # Errors
    /// No route says which column it is.
    pub(super) fn name_single_key<'r>(
        &self,
        raw: &'r str,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        match &self.route {
            Some(TopicRoute {
                single_key: Some(single),
                ..
            }) => Ok(single.name_value(raw, arena)),
            Some(TopicRoute { key: Some(_), .. }) => Ok(Fields::default()),
            _ if self.lander.appends() => Ok(Fields::default()),
            _ => refuse_topic(
                Reason::MissingKey,
                Stage::KeyConverter,
                "the record's key is a single value, and nothing says which column it is: set key = [\"column\"] in its [[route]]",
            ),
        }
    }

    fn single_key(&self) -> Option<&SingleKey> {
        self.route.as_ref()?.single_key.as_ref()
    }

    /// The key, unless it is a single value that was given a name.
    fn struct_of<'k, 'r>(&self, key: &'k Fields<'r>) -> Option<&'k Fields<'r>> {
        let single = self.single_key();
        Some(key).filter(|key| !single.is_some_and(|single| single.is_single(key)))
    }

    /// The key as far as it is believed to be the row's.
    fn believe_key<'r>(
        &self,
        key: Fields<'r>,
        row: Option<&Fields<'r>>,
        memory: &mut PartitionMemory,
    ) -> Result<Fields<'r>, Undecodable> {
        match self.single_key() {
            Some(single) => single.believe(key, row, &mut memory.key_belief),
            None => Ok(key),
        }
    }

    /// The row's key: the route's columns out of the row, or else the fields of the record's key.
    fn choose_key<'r>(
        &mut self,
        key: Fields<'r>,
        row: Option<&Fields<'r>>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        if let Some(TopicRoute {
            key: Some(routed), ..
        }) = &mut self.route
        {
            return routed.pick_fields(&key, row, arena);
        }
        if key.is_empty() && !self.lander.appends() {
            return refuse_topic(
                Reason::MissingKey,
                Stage::KeyConverter,
                "the record has no key: give the source table a primary key (or message.key.columns), or set key = [\"column\"] in its [[route]]",
            );
        }
        Ok(key)
    }
}

/// The row that an event is about, and the row as it was before an update. A removed row is as it was.
///
/// # Errors
/// The event says what became of its row, and has none.
fn rows_of_event<'r>(
    removes: bool,
    before: Option<Fields<'r>>,
    after: Option<Fields<'r>>,
) -> Result<(Option<Fields<'r>>, Option<Fields<'r>>), Undecodable> {
    match (removes, after) {
        (true, _) => Ok((before, None)),
        (false, Some(after)) => Ok((Some(after), before)),
        (false, None) => refuse_record(
            Reason::Undecodable,
            Stage::ValueConverter,
            "the event has no after",
        ),
    }
}

/// An event that is about no row, or an op that Debezium doesn't have.
fn without_row<'r>(op: &str) -> Result<Decoded<'r>, Undecodable> {
    match op {
        "m" => Ok(Decoded::Nothing("message")),
        other => {
            let found: String = other.chars().take(20).collect();
            refuse_value(
                format!("op is {found:?}; expected c, r, u, d, t or m"),
                "op is none that is known; expected c, r, u, d, t or m",
            )
        }
    }
}

/// Debezium's default topic name: `prefix.schema.table`. A guess for people, where no event named a table yet.
pub fn topic_name_as_table(topic: &str) -> Option<TableName> {
    let mut parts = topic.rsplitn(3, '.');
    let (name, schema, _prefix) = (parts.next()?, parts.next()?, parts.next()?);
    Some(TableName {
        schema: schema.to_owned(),
        name: name.to_owned(),
    })
}
