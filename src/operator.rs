//! The operator's commands, which look at what the worker does and never are part of it.

pub mod check;
pub mod dlq;
pub mod forget;
pub mod status;
pub mod terminal;
