//! The operator's commands, which look at what the worker does and never are part of it.

mod bookkeeping;
pub mod check;
pub mod command_error;
mod denied;
pub mod dlq;
pub mod forget;
pub mod health;
pub mod import_connector;
pub mod prune;
pub mod status;
pub mod terminal;
