//! A record becomes a change: envelopes, encodings, the schema registry, routes, an event's identity.

pub mod avro;
mod before_row;
pub mod change;
pub mod debezium;
pub mod decode;
pub mod encoding;
pub mod event_id;
mod identify;
pub mod json_object;
pub mod key_move;
pub mod key_text;
pub mod merged_tables;
pub mod message_error;
pub mod named_tables;
pub mod open_deletes;
pub mod partition_memory;
pub mod positions;
pub mod registry;
mod routed_key;
mod row_orders;
pub mod schema;
pub mod schema_cache;
pub mod source_position;
mod stable_hash;
pub mod topic_decoder;
pub mod undecodable;
pub mod wrapper;
