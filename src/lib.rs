//! Landfall lands Kafka change events in Postgres, each exactly once. Start reading at [`pipeline`].

// A test that panics says where it failed.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod avro;
pub mod binary;
pub mod body;
pub mod breaker;
pub mod catalogue;
pub mod change;
pub mod check;
pub mod cli;
pub mod config;
pub mod debezium;
pub mod dlq;
pub mod event_id;
pub mod failpoint;
pub mod fold;
pub mod foreign_keys;
pub mod forget;
pub mod health;
pub mod http;
pub mod json_object;
pub mod letter;
pub mod mapping;
pub mod message;
pub mod metrics;
pub mod migrate;
pub mod open_deletes;
pub mod pipeline;
pub mod position;
pub mod postgres;
pub mod postgres_tls;
pub mod progress;
pub mod registry;
pub mod retention;
pub mod retry;
pub mod row_change;
pub mod schema;
pub mod shutdown;
pub mod statement;
pub mod status;
pub mod table;
pub mod table_name;
#[cfg(test)]
mod table_testing;
pub mod telemetry;
pub mod terminal;
pub mod value;
pub mod verdict;
