//! The guarantees, on the real stack. One binary, so that it is linked once.

// A test that panics says where it failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod avro;
mod awake;
mod breaker;
mod caught_up;
mod chaos;
mod check;
mod commands;
mod configuration;
mod crash;
mod cut_logs;
mod dead_letters;
mod deadlines;
mod dependencies;
mod deployment;
mod divert;
mod documents;
mod end_to_end;
mod envelopes;
mod equality;
mod evolution;
mod exactly_once;
mod facts;
mod gone_back;
mod group;
mod grown_topics;
mod house;
mod identity;
mod isolation;
mod ledger;
mod letters;
mod many_letters;
mod mariadb;
mod merged;
mod moved;
mod operations;
mod order;
mod outage;
mod parents;
mod pooler;
mod replay;
mod reported;
mod retention;
mod round_trips;
mod shutdown;
mod stale;
mod standing;
mod support;
mod tombstones;
mod topics;
mod truncates;
mod values;
mod verdicts;
mod watermark;
