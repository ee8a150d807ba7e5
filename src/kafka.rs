//! Everything that speaks with Kafka: polling and the group, facts about topics, reading without a
//! group, committing offsets, publishing dead letters.

pub mod assignment;
mod client;
pub mod commit;
pub mod complaints;
mod copy;
mod cursor;
pub mod dead_letter_topic;
pub mod dead_letters;
mod error;
pub mod group;
pub mod group_consumer;
pub mod inbox;
pub mod observer;
pub mod offsets;
mod partition_list;
pub mod poll;
pub mod properties;
pub mod reader;
pub mod sample;
pub mod seek;
pub mod topic_ids;
pub mod topic_settings;
pub mod topics;

pub use error::{ClientError, Error};
