//! Everything that speaks with Kafka: polling and the group, facts about topics, reading without a
//! group, committing offsets, publishing dead letters.

pub mod client;
pub mod commit;
pub mod complaints;
pub mod copy;
pub mod dead_letter_topic;
pub mod dead_letters;
pub mod group;
pub mod inbox;
pub mod poll;
pub mod reader;
pub mod seek;
pub mod topics;
