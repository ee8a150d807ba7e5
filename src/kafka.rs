//! Everything that speaks with Kafka.
//!
//! - Reading in the group: `poll` (the thread), `group` (rebalances), `assignment` (which partitions are
//!   ours), `inbox` (from the poll thread to a lane), `positions` (how far the logs were read, records or not),
//!   `seek` (from a lane to the poll thread), `leader_epochs` (whether the log is still the one that was read), `incarnations`
//!   (whether the topic is), `unread_ends` (of which nothing was brought), `commit`.
//! - Reading without a group: `reader` (by position, or a whole topic), `sample` (a little of many
//!   partitions), both by a `cursor`.
//! - Asking: `topics`, `topic_ids`, `topic_settings`, `log_cuts` and `offsets`; `observer` asks in the group's name.
//! - Dead letters: `dead_letters` publishes them, each to the topic that `letter_topics` knows; `dead_letter_topic` creates them.
//! - Whether anybody answers: `broker_watch`; what librdkafka says by itself, told once: `chatter`; what mends it:
//!   `advice` and `certificate_probe`, and `acl` for a missing right.
//! - What all need: `client` and `properties` (how clients are set up), `login` (what they log in with, renewed),
//!   `certificate_files` (whether they are to be made anew), `copy` (records out of
//!   librdkafka's memory), `complaints` and `error` (what goes wrong).

pub mod acl;
mod advice;
mod asked_brokers;
pub mod assignment;
mod broker_watch;
pub mod certificate_files;
mod certificate_probe;
mod chatter;
mod client;
pub mod commit;
mod commit_mark;
pub mod complaints;
mod copy;
mod cursor;
pub mod dead_letter_topic;
pub mod dead_letters;
mod error;
pub mod first_look;
pub mod group;
pub mod group_consumer;
pub mod inbox;
pub mod incarnations;
mod lasting_producer;
mod leader_epochs;
mod letter_topics;
pub mod log_cuts;
mod login;
pub mod observer;
pub mod offsets;
mod partition_list;
pub mod poll;
mod positions;
pub mod properties;
pub mod reader;
pub mod refusals;
pub mod sample;
pub mod seek;
pub mod topic_ids;
pub mod topic_settings;
pub mod topics;
pub mod unread_ends;

pub use client::librdkafka_version;
pub use error::{ClientError, Error};
