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

/// A warning if the events don't tell where they stand in their source's stream.
pub fn judge_streams(config: &Config, lacks_streams: bool) -> Option<Finding> {
    let is_asked = config.apply.idempotency == Idempotency::EventId;
    (is_asked && lacks_streams).then(|| {
        Finding::warning(
            "streams_untold",
            "the events don't tell where they stand in their source's stream: if the source sends events again, and the ids of some of them have expired, these alone are applied again, over newer rows",
            "use a version of the connector that tells sequence (Postgres), file and pos (MySQL), commit_lsn (SQL Server) or commit_scn (Oracle) in source; else keep ids for as long as events may come again (apply.retention)",
        )
    })
}
