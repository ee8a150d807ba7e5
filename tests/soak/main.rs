//! What takes minutes, or three brokers: `make soak`. `make test` compiles it, lest it rots, and runs none of it.
//!
//! A test of a guarantee belongs beside the others, in tests/main.rs; here is what needs long or much: a file of its own
//! with a line in this one, which uses what is in `support` and in `settings`. docs/soak.md says more.

// A test that panics says where it failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// the other tests use the rest
#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;

mod broken;
mod brokers;
mod cluster;
mod cut_logs;
mod faults;
mod jaeger;
mod kubernetes;
mod load;
mod long;
mod much;
mod postgres_versions;
mod settings;
mod sight;
mod versions;
mod workers;
