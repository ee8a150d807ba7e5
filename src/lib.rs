//! Landfall lands Kafka change events in Postgres, each exactly once. Start reading at [`pipeline`].
//! `README.md` says what it does and doesn't do, `ARCHITECTURE.md` how it holds together.

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

pub mod causes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod failpoint;
pub mod format;
pub mod handshake;
pub mod kafka;
pub mod ledger;
pub mod letter;
pub mod locked;
pub mod memory;
pub mod operator;
pub mod pipeline;
pub mod postgres;
pub mod rate_limit;
pub mod record;
pub mod retry;
pub mod rows;
pub mod shutdown;
pub mod status;
pub mod table_name;
pub mod verdict;
pub mod watch;
