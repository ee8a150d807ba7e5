//! Whether the sampled events tell by their source what they are recognised by when they come again.

use crate::config::{Config, Idempotency};
use crate::format::positions::Doubt;
use crate::operator::check::finding::Finding;

/// A warning if the events' positions at the source don't tell them apart. `run` gets along with it, but
/// what the source sends again is applied again.
pub fn judge_positions(config: &Config, doubt: Option<Doubt>) -> Option<Finding> {
    if config.apply.idempotency == Idempotency::Offset {
        return None;
    }
    let doubt = doubt?;
    Some(Finding::warning(
        "positions_ambiguous",
        format!(
            "the events' positions don't tell them apart: {}. They are known by their offsets in Kafka; what the source sends again is applied again",
            doubt.describe()
        ),
        "set provide.transaction.metadata=true at the connector",
    ))
}
