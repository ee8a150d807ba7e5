//! A schema's text → its messages.

use std::collections::HashMap;
use std::sync::OnceLock;

use bumpalo::Bump;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use crate::format::framed::Referred;
use crate::format::json_message::{EventSchema, Message};
use crate::format::protobuf::error::{ProtobufError, ProtobufSchemaError};
use crate::format::protobuf::fields::FieldBuilder;
use crate::format::protobuf::index::split_index;
use crate::format::protobuf::write::Writer;

/// A registered schema has no name of its own. No file that is imported is called so.
const OWN_NAME: &str = "registered schema.proto";

/// Longer than what is to be read of an error.
const MOST_ERROR_CHARACTERS: usize = 300;

macro_rules! known_file {
    ($name:literal) => {
        ($name, include_str!(concat!("known/", $name)))
    };
}

/// What schemas import without its being registered, beside google/protobuf/*.proto, which protox has.
const KNOWN_FILES: [(&str, &str); 4] = [
    known_file!("confluent/meta.proto"),
    known_file!("confluent/type/decimal.proto"),
    known_file!("google/type/date.proto"),
    known_file!("google/type/timeofday.proto"),
];

/// A registered schema, compiled.
#[derive(Debug)]
pub struct ProtobufSchema {
    /// By the places of the messages that lead to each.
    messages: HashMap<Vec<i64>, KnownMessage>,
}

/// A message of a schema.
#[derive(Debug)]
struct KnownMessage {
    descriptor: MessageDescriptor,
    /// What Connect would say of it; a schema may have many that no record is.
    schema: OnceLock<EventSchema>,
}

/// The files of a schema, by the names by which they are imported.
struct Files(HashMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

impl ProtobufSchema {
    /// `referred` are the files that this one imports, and those that they import.
    ///
    /// # Errors
    /// One of them can't be compiled, or isn't there.
    pub fn compile(schema: &str, referred: &[Referred]) -> Result<Self, ProtobufSchemaError> {
        let known = KNOWN_FILES.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut files = HashMap::from(known);
        files.extend(
            referred
                .iter()
                .map(|it| (it.name.clone(), it.schema.clone())),
        );
        files.insert(OWN_NAME.to_owned(), schema.to_owned());
        let mut resolver = ChainFileResolver::new();
        resolver.add(Files(files));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        if let Err(error) = compiler.open_file(OWN_NAME) {
            let why = error.to_string().replace('\n', " ");
            let why = why.chars().take(MOST_ERROR_CHARACTERS).collect();
            return Err(ProtobufSchemaError(why));
        }
        let pool = compiler.descriptor_pool();
        let mut messages = HashMap::new();
        if let Some(file) = pool.get_file_by_name(OWN_NAME) {
            note_messages(&[], file.messages(), &mut messages);
        }
        Ok(Self { messages })
    }

    /// A message as JSON, to be read by its schema.
    ///
    /// # Errors
    /// It isn't what its schema says.
    pub(in crate::format) fn message<'r>(
        &self,
        datum: &[u8],
        arena: &'r Bump,
    ) -> Result<Message<'r>, ProtobufError> {
        let (known, text) = self.read(datum)?;
        let schema = known.schema.get_or_init(|| {
            let whole = FieldBuilder::default().connect_message(&known.descriptor);
            EventSchema::new(whole)
        });
        Ok(Message::new(arena.alloc_str(&text), Some(schema.clone())))
    }

    /// A message as JSON, for people.
    ///
    /// # Errors
    /// It isn't what its schema says.
    pub fn to_json(&self, datum: &[u8]) -> Result<String, ProtobufError> {
        self.read(datum).map(|(_, text)| text)
    }

    /// What encodes a test's messages.
    #[cfg(test)]
    pub(super) fn descriptor(&self, places: &[i64]) -> Option<MessageDescriptor> {
        self.messages
            .get(places)
            .map(|known| known.descriptor.clone())
    }

    fn read(&self, datum: &[u8]) -> Result<(&KnownMessage, String), ProtobufError> {
        let (places, bytes) = split_index(datum)?;
        let Some(known) = self.messages.get(&places) else {
            return Err(ProtobufError::NoMessage(places));
        };
        let message = DynamicMessage::decode(known.descriptor.clone(), bytes);
        let message = message.map_err(|e| ProtobufError::Malformed {
            message: known.descriptor.full_name().to_owned(),
            error: e.to_string(),
        })?;
        let text = Writer::new(bytes.len()).write_whole(&message)?;
        Ok((known, text))
    }
}

/// The messages that stand in one place, and those within them. The entry of a map, which the compiler makes a message of,
/// is none that anybody has counted.
fn note_messages(
    around: &[i64],
    messages: impl Iterator<Item = MessageDescriptor>,
    found: &mut HashMap<Vec<i64>, KnownMessage>,
) {
    let own = messages.filter(|message| !message.is_map_entry());
    for (place, descriptor) in (0..).zip(own) {
        let places = [around, &[place]].concat();
        note_messages(&places, descriptor.child_messages(), found);
        let schema = OnceLock::new();
        found.insert(places, KnownMessage { descriptor, schema });
    }
}
