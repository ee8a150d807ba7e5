//! Spans on their way out: so many at most, whatever becomes of who takes them.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::watch::metrics::{DroppedTelemetry, count_dropped_telemetry};

/// How many spans wait, or are being sent. The SDK bounds its queue as well, but tells nobody what it drops, and takes traces
/// apart.
#[derive(Debug)]
pub struct SpanQueue {
    waiting: AtomicUsize,
    most: usize,
}

impl SpanQueue {
    /// For so many spans at most.
    pub fn new(most: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            most,
        }
    }

    /// Makes room for the spans of a trace, for all or none; if there is none, they are counted as dropped.
    pub fn admit(&self, spans: usize) -> bool {
        let with = |waiting: usize| Some(waiting + spans).filter(|all| *all <= self.most);
        let admitted = self.waiting.fetch_update(Relaxed, Relaxed, with).is_ok();
        if !admitted {
            count_dropped_telemetry(DroppedTelemetry::Spans, spans);
        }
        admitted
    }

    /// So many were sent, or given up.
    pub fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_for_which_there_is_no_room_is_left_out_whole_until_others_have_left() {
        let queue = SpanQueue::new(10);
        assert!(queue.admit(6));
        assert!(!queue.admit(5));
        assert!(queue.admit(4));
        queue.leave(6);
        assert!(queue.admit(5));
    }
}
