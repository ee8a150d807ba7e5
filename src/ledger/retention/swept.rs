//! What one application of retention has done.

use crate::rows::sql::quote;

/// What has been done so far: all of it stays done, even if something fails later.
#[derive(Debug, Default)]
pub struct Swept {
    /// Tables of days that were created ahead.
    pub created: Vec<String>,
    /// Tables of days that were dropped.
    pub dropped: Vec<String>,
    /// Days that are over and stay, since events were applied to them within retention.
    pub kept: Vec<String>,
    /// The default partition, if all that it held was old.
    pub emptied: Vec<String>,
    /// Rows of `row_positions`: of rows that were deleted.
    pub positions: u64,
    /// Rows of `moved_rows`: what nobody asked for, and that somebody had.
    pub moved: u64,
    /// What our role may not do.
    pub forbidden: Vec<&'static str>,
    /// Our role.
    pub role: String,
}

impl Swept {
    /// Notes once that our role may not do this.
    pub fn note_forbidden(&mut self, what: &'static str) {
        if !self.forbidden.contains(&what) {
            self.forbidden.push(what);
        }
    }

    /// Tells the log what was done.
    pub fn log_deeds(&self) {
        if !self.dropped.is_empty() {
            let days = self.dropped.join(", ");
            tracing::info!(
                days,
                "dropped days of processed_events that were last written longer ago than apply.retention"
            );
        }
        if !self.emptied.is_empty() {
            tracing::info!(
                "emptied the default partition of processed_events, which was last written longer ago than apply.retention"
            );
        }
        if self.positions > 0 {
            tracing::info!(
                rows = self.positions,
                "deleted the positions of rows that were deleted longer ago than apply.retention"
            );
        }
        if self.moved > 0 {
            tracing::info!(
                rows = self.moved,
                "forgot what rows had under an old key, and changes of keys that are long done"
            );
        }
        if !self.created.is_empty() {
            tracing::debug!(
                days = self.created.join(", "),
                "created days of processed_events"
            );
        }
    }

    /// What our role may not do, and what would let it.
    pub fn explain_forbidden(&self, schema: &str) -> String {
        let (schema, role) = (quote(schema), quote(&self.role));
        format!(
            "the role {} may not {}; to let it: ALTER TABLE {schema}.processed_events OWNER TO {role}, the same for each of its partitions, and GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}; or run `landfall prune` as the owner",
            self.role,
            self.forbidden.join(", nor ")
        )
    }
}
