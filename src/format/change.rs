//! A change event, decoded as far as can be done without knowing the destination table.

use std::sync::Arc;

use uuid::Uuid;

use crate::format::event_id::Parts;
use crate::format::key_move::KeyMove;
use crate::format::landing::Landing;
use crate::format::schema::Field;
use crate::format::source_position::SourcePosition;
use crate::format::stream_ends::StreamStanding;
use crate::letter::KeyHashes;
use crate::table_name::TableName;

/// What an event did to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The row is new.
    Create,
    /// A snapshot's row.
    Read,
    /// The row was there before.
    Update,
    /// The row is gone.
    Delete,
    /// A record without a value: the key's row is gone.
    Tombstone,
    /// All rows of the table are gone.
    Truncate,
}

impl Operation {
    /// The operation that an envelope's `op` stands for. `None` for events that are about no row.
    pub fn from_code(op: &str) -> Option<Self> {
        Some(match op {
            "c" => Operation::Create,
            "r" => Operation::Read,
            "u" => Operation::Update,
            "d" => Operation::Delete,
            "t" => Operation::Truncate,
            _ => return None,
        })
    }

    /// The `operation` label of the metrics; part of an event's identity, so it must never change.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Tombstone => "tombstone",
            Operation::Truncate => "truncate",
        }
    }

    /// Whether the event leaves no row of its key. A truncate has no key.
    pub fn removes_row(self) -> bool {
        matches!(self, Operation::Delete | Operation::Tombstone)
    }
}

/// What the fields of a struct are called, in order. Events of a topic share theirs, so that what
/// follows from the names is found once.
#[derive(Debug, Default)]
pub struct Shape {
    /// One name for each field.
    pub names: Vec<Box<str>>,
    /// The struct's schema, if the event brings one.
    pub schema: Option<Arc<Field>>,
    /// The places of fields that say something of the event and aren't the row's own: they are landed only where the
    /// table has a column of that name.
    pub facts: Vec<usize>,
    /// Of what a route has made them, if one has.
    pub made_of: Option<MadeOf>,
}

/// The fields of another shape that these have come of.
#[derive(Debug)]
pub struct MadeOf {
    /// The event's.
    pub shape: Arc<Shape>,
    /// One for each field.
    pub origins: Vec<FieldOrigin>,
}

/// What a field has come of, by its place among the event's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOrigin {
    /// It is that field.
    Same(usize),
    /// Its hash.
    Hash(usize),
    /// It stands in place of that field, whatever that is.
    Fixed(usize),
    /// The event has no such field.
    Told,
}

impl Shape {
    /// Of these fields, all of which are the struct's own.
    pub fn new(names: Vec<Box<str>>, schema: Option<Arc<Field>>) -> Self {
        Self {
            names,
            schema,
            facts: Vec::new(),
            made_of: None,
        }
    }
}

/// The fields of a row as the event has them, in its order. Borrowed from the record, or from the
/// arena of its batch.
#[derive(Clone, Debug, Default)]
pub struct Fields<'r> {
    /// `None` where there are no fields.
    pub shape: Option<Arc<Shape>>,
    /// Each field's JSON text; as many as the shape has names.
    pub values: &'r [&'r str],
}

impl<'r> Fields<'r> {
    /// Whether there are no fields at all, as for a record without a key.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The fields' names, in the event's order.
    pub fn names(&self) -> &[Box<str>] {
        self.shape.as_ref().map_or(&[], |shape| &shape.names)
    }

    /// The struct's schema, if the event brings one.
    pub fn schema(&self) -> Option<&Arc<Field>> {
        self.shape.as_ref()?.schema.as_ref()
    }

    /// Whether any field isn't the row's own.
    pub fn has_facts(&self) -> bool {
        let shape = self.shape.as_ref();
        shape.is_some_and(|shape| !shape.facts.is_empty())
    }

    /// Whether the field at this place says something of the event, and isn't the row's own.
    pub fn is_fact(&self, at: usize) -> bool {
        let shape = self.shape.as_ref();
        shape.is_some_and(|shape| shape.facts.contains(&at))
    }

    /// The names of the row's own fields, in the event's order.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        let names = self.names().iter().enumerate();
        let own = names.filter(|(at, _)| !self.is_fact(*at));
        own.map(|(_, name)| &**name)
    }

    /// The schema of the field with this name, which is most likely at this place.
    pub fn field_of(&self, at: usize, name: &str) -> Option<&Field> {
        let fields = self.schema()?.fields();
        let is = |field: &&Field| &*field.name == name;
        let there = fields.get(at).filter(is);
        there.or_else(|| fields.iter().find(is))
    }

    /// Names and JSON texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'r str)> {
        let names = self.names().iter().map(AsRef::as_ref);
        names.zip(self.values.iter().copied())
    }

    /// The JSON text of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&'r str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, raw)| raw)
    }
}

/// One event, decoded: which row it is about and what the row became.
#[derive(Clone, Debug)]
pub struct Change<'r> {
    /// The event's identity, by which the ledger recognises it.
    pub id: Uuid,
    /// The destination table.
    pub table: Arc<TableName>,
    /// What the event did to the row.
    pub operation: Operation,
    /// The fields that identify the row.
    pub key: Fields<'r>,
    /// The key that the row had before, if the event says that it was another: no row of it is left.
    pub old_key: Option<Box<Fields<'r>>>,
    /// The route names key columns which may have had other values, and the event doesn't tell: which row is
    /// gone isn't known.
    pub hides_key: bool,
    /// Which part of its row's move to another key the event is, if the record's headers tell it.
    pub key_move: Option<Box<KeyMove>>,
    /// Deletes aren't applied. A delete is one all the same if what its row has is wanted under another key.
    pub row_stays: bool,
    /// If the operation removes the row, empty; or the row as it was, where it has a column for its version.
    pub row: Fields<'r>,
    /// By what it is put in order among the changes of its row.
    pub order: RowOrder<'r>,
    /// The column of `route.version`: of two changes of a row the one with the greater value is the later one.
    pub version: Option<Arc<str>>,
    /// Whether its source had come further.
    pub standing: StreamStanding,
    /// How it is written.
    pub landing: Landing,
    /// Its position is one of a binary log: it comes from MySQL or MariaDB, whose types of the same names hold more.
    pub of_binlog: bool,
    /// When it was made at the source, else when its record was written, in milliseconds since 1970; 0 as long as nobody
    /// has said so.
    pub source_time: i64,
}

/// By what a change is put in order among the changes of its row.
#[derive(Clone, Copy, Debug, Default)]
pub enum RowOrder<'r> {
    /// All of them come through one partition, whose order is theirs.
    #[default]
    Partition,
    /// They may come through several: by their positions at the source.
    Source {
        /// `None`: the event tells none that can be compared.
        position: Option<&'r SourcePosition<'r>>,
        /// They do come through several, so that an event without a position can't be put in order.
        required: bool,
        /// A partition of its topic was begun before its turn, so that earlier ones may still come through another.
        out_of_turn: bool,
    },
}

impl RowOrder<'_> {
    /// Whether changes of the row come through other partitions, too.
    pub fn is_merged(&self) -> bool {
        matches!(self, Self::Source { required: true, .. })
    }

    /// Whether earlier changes of the row may still come through another partition.
    pub fn may_be_early(&self) -> bool {
        match self {
            Self::Partition => false,
            Self::Source {
                required,
                out_of_turn,
                ..
            } => *required || *out_of_turn,
        }
    }
}

impl<'r> Change<'r> {
    /// Adds the columns that the event carries and that aren't there yet, its key's first. What it says of itself beside
    /// its row is none.
    pub fn add_columns(&self, columns: &mut Vec<String>) {
        for name in self.key.own_names().chain(self.row.own_names()) {
            if !columns.iter().any(|column| column == name) {
                columns.push(name.to_owned());
            }
        }
    }

    /// The same event as far as its key goes: nothing but a delete.
    pub fn of_key_alone(&self) -> Change<'r> {
        Change {
            operation: Operation::Delete,
            hides_key: false,
            row: Fields::default(),
            ..self.clone()
        }
    }

    /// By which letters and later events of the change's row meet it, as far as the key's JSON tells.
    pub fn key_hashes(&self) -> KeyHashes {
        if self.landing == Landing::Appended {
            return KeyHashes::of_key(event_hash(&self.table, &self.id.to_string()));
        }
        let old_key = self.old_key.as_deref();
        KeyHashes {
            key: row_hash(&self.table, &self.key),
            old_key: old_key.map(|key| row_hash(&self.table, key)),
        }
    }
}

/// Which row an event is about, known even where the event itself can't be read.
#[derive(Clone, Debug)]
pub struct RowKey<'r> {
    /// The destination table. `None`: neither the record nor a route tells it.
    pub table: Option<Arc<TableName>>,
    /// The fields that identify the row.
    pub key: Fields<'r>,
}

impl<'r> RowKey<'r> {
    /// An event that says nothing but the key, if its table is known.
    pub fn to_change(&self) -> Option<Change<'r>> {
        Some(Change {
            id: Uuid::nil(),
            table: self.table.clone()?,
            operation: Operation::Delete,
            key: self.key.clone(),
            old_key: None,
            hides_key: false,
            key_move: None,
            row_stays: false,
            row: Fields::default(),
            order: RowOrder::Partition,
            version: None,
            standing: StreamStanding::default(),
            landing: Landing::default(),
            of_binlog: false,
            source_time: 0,
        })
    }
}

/// The hash of a key as it is written, where its table doesn't tell more: equal for equal texts in equal order.
/// Letters of versions that knew no other one have it.
pub fn row_hash(table: &TableName, key: &Fields<'_>) -> i64 {
    let mut parts = Parts::new();
    parts.add_part(table.schema.as_bytes());
    parts.add_part(table.name.as_bytes());
    for (name, raw) in key.iter() {
        parts.add_part(name.as_bytes());
        parts.add_part(raw.as_bytes());
    }
    i64::from_le_bytes(parts.first_8_bytes())
}

/// The hash of a row that its event alone tells from others: of the table, and the event's id as text.
pub fn event_hash(table: &TableName, id: &str) -> i64 {
    let mut parts = Parts::new();
    parts.add_part(table.schema.as_bytes());
    parts.add_part(table.name.as_bytes());
    parts.add_part(id.as_bytes());
    i64::from_le_bytes(parts.first_8_bytes())
}

/// The hash of a key's JSON object as [`key_json`] writes it: how the key is spelled.
pub fn spelling_hash(key_json: &str) -> u64 {
    let mut parts = Parts::new();
    parts.add_part(key_json.as_bytes());
    u64::from_le_bytes(parts.first_8_bytes())
}

/// The key as a JSON object, for people.
pub fn key_json(key: &Fields<'_>) -> String {
    let fields = key.iter().map(|(name, raw)| {
        let name = serde_json::Value::from(name);
        format!("{name}:{raw}")
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A tombstone on its own, which names a row's key but no table, and which no route leads to one.
#[derive(Clone, Debug)]
pub struct Unplaced<'r> {
    /// The event's identity.
    pub id: Uuid,
    /// The fields that identify the row.
    pub key: Fields<'r>,
    /// The record's key, and the one that the row has from now on, if a header tells it.
    pub moved_to: Option<Box<[Fields<'r>; 2]>>,
}

impl<'r> Unplaced<'r> {
    /// Why it can't be applied as long as its table isn't known, for people.
    pub const REFUSAL: &'static str = "a tombstone without its delete names no table, and the events of its partition \
        have named none so far, or several: set a [[route]] that names the topic's table, then replay it by force, if no \
        later event has brought its row back";

    /// The change that it is, once its table is known.
    pub fn into_change(self, table: Arc<TableName>) -> Change<'r> {
        let key_move = self.moved_to.map(|keys| {
            let [key, new_key] = &*keys;
            KeyMove::of_event(Operation::Tombstone, &table, None, (key, new_key)).into()
        });
        Change {
            id: self.id,
            table,
            operation: Operation::Tombstone,
            key: self.key,
            old_key: None,
            hides_key: false,
            key_move,
            row_stays: false,
            row: Fields::default(),
            // a row that has come through another partition since stays
            order: RowOrder::Source {
                position: None,
                required: false,
                out_of_turn: false,
            },
            version: None,
            standing: StreamStanding::default(),
            landing: Landing::default(),
            of_binlog: false,
            source_time: 0,
        }
    }
}

/// What a record turned out to be.
#[derive(Clone, Debug)]
pub enum Decoded<'r> {
    Change(Change<'r>),
    /// Carries nothing to land: a heartbeat, a logical message, a truncate that isn't wanted.
    Nothing(&'static str),
    /// A tombstone right after the delete of its key: it belongs to that delete.
    BelongsToDelete,
    /// A tombstone on its own, whose table only the events around it can tell.
    Unplaced(Unplaced<'r>),
}
