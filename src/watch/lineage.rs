//! What a run reads and writes, told in OpenLineage's events (specification 1.52, event schema 2-0-2) to whoever takes them
//! over HTTP. Landing only notes what is new to it; what is noted is bounded, and a task of its own posts it.

mod event;
mod flows;
mod job;
mod poster;
mod target;

pub use flows::{Derived, Flow, Flows, How, NamedType};
pub use job::JobKind;
pub use poster::LineageRun;
pub use target::{LineageTarget, LineageTargetError};

use std::sync::OnceLock;

static FLOWS: OnceLock<Flows> = OnceLock::new();

/// Where landing notes what it has done; `None`: nobody is told of it.
pub fn flows() -> Option<&'static Flows> {
    FLOWS.get()
}
