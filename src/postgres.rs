//! Everything that speaks with the destination: connecting, the catalogue, writing rows, and what its
//! errors mean.

pub mod activity;
mod backend_key;
pub mod catalogue;
pub mod connection;
pub mod deferred;
mod describe_tables;
pub mod evolve;
pub mod failure;
pub mod fingerprint;
pub mod key_identities;
pub mod lock_holders;
pub mod moving;
mod opening;
pub mod refused;
pub mod row_keeper;
mod sent_ahead;
pub mod sessions;
pub mod settings;
mod silent_handshake;
pub mod table_rights;
pub mod tls;
mod unique_keys;
pub mod unnamed_statements;
pub mod versions;
pub mod write;
