//! How far a partition's events have come in the streams of their sources, and whether one of these has gone back.
//!
//! A connector that goes back sends all from some event on again. The ledger may know some of these events and not
//! the others: ids expire, ids were not kept for a while, a converter's new settings make events say something else.
//! If the unknown ones alone were applied, a row whose last change is known would stay at an earlier one. So where an
//! unknown event comes from before what was read, the ledger isn't asked, and everything is applied again in its
//! order, until the stream is farther than it was.
//!
//! Why: `docs/decisions/20`.

use crate::format::debezium::{Source, StreamPosition};

/// So many sources of one partition are followed; there is nearly always one.
const MOST_SOURCES: usize = 32;

/// Of one source, as Postgres stores them: its number, its position, its time, whether it has gone back.
const BIGINTS: usize = 7;

/// Which stream an event is of.
pub type StreamId = u64;

/// Where an event stands in its source's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamStanding {
    /// No event of a later place came before it, as far as is known.
    #[default]
    Onward,
    /// Others of this stream, that stand behind it, were read before: it comes again, or its source has kept it back.
    GoneBack(StreamId),
    /// It is sent again, and is applied whatever the ledger knows of it.
    SentAgain,
}

/// How far a partition's events have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEnds(Vec<StreamEnd>);

/// How far the events of one source have come.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StreamEnd {
    stream: StreamId,
    /// The furthest.
    position: StreamPosition,
    /// The latest time of an event, in milliseconds since 1970. Times need not rise as positions do.
    latest_ms: i64,
    /// Whether the last event stood before the furthest.
    is_back: bool,
    /// Whether it stood behind what was the furthest until then. Of events that share the furthest place, none tells
    /// whether it is the last of them.
    is_beyond: bool,
    /// The ledger isn't asked about events from this offset on, until the furthest is passed.
    again_from: Option<i64>,
    /// The furthest was reached so, in an earlier batch: what goes back now goes back once more.
    is_reached: bool,
}

impl StreamEnds {
    /// Whether no event has told a place in its source's stream.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes notice of a change of a row, no snapshot's, which was read at this offset.
    pub fn note_event(&mut self, source: &Source<'_>, offset: i64) -> StreamStanding {
        let Some(position) = source.stream_position() else {
            return StreamStanding::Onward;
        };
        let (stream, time_ms) = (source.stream_id(), source.ts_ms.unwrap_or(0));
        let Some(end) = self.find_end(stream) else {
            return StreamStanding::Onward;
        };
        // what comes from earlier in the log and was committed later is of a log that has begun anew
        let is_later = time_ms > end.latest_ms;
        end.is_back = position < end.position && !is_later;
        end.is_beyond = position > end.position || is_later;
        end.latest_ms = end.latest_ms.max(time_ms);
        if !end.is_back {
            end.position = position;
        }
        if end.is_reached && end.is_back {
            (end.again_from, end.is_reached) = (None, false);
        }
        match end.again_from {
            Some(from) if offset >= from => StreamStanding::SentAgain,
            _ if end.is_back => StreamStanding::GoneBack(stream),
            _ => StreamStanding::Onward,
        }
    }

    /// From this offset on the stream's events are sent again, until it is farther than it was.
    pub fn apply_again(&mut self, stream: StreamId, offset: i64) {
        if let Some(end) = self.find_end(stream) {
            end.again_from = Some(end.again_from.map_or(offset, |from| from.min(offset)));
            end.is_reached = false;
        }
    }

    /// Takes notice that a batch ends here: streams that are farther than they were are believed again.
    pub fn end_batch(&mut self) {
        for end in &mut self.0 {
            if end.is_beyond {
                end.again_from = None;
            }
            end.is_reached = end.again_from.is_some() && !end.is_back;
        }
    }

    /// How far the stream has come; nowhere, if none of its events was met. `None`: there are too many streams.
    fn find_end(&mut self, stream: StreamId) -> Option<&mut StreamEnd> {
        let at = match self.0.iter().position(|end| end.stream == stream) {
            Some(at) => at,
            None => {
                if self.0.len() == MOST_SOURCES {
                    let oldest = self.0.iter().position(|end| end.again_from.is_none())?;
                    self.0.remove(oldest);
                }
                self.0.push(StreamEnd {
                    stream,
                    position: StreamPosition::default(),
                    latest_ms: 0,
                    is_back: false,
                    is_beyond: false,
                    again_from: None,
                    is_reached: false,
                });
                self.0.len() - 1
            }
        };
        self.0.get_mut(at)
    }

    /// As Postgres stores it: the same 64 bits each, signed.
    pub fn to_bigints(&self) -> Vec<i64> {
        let mut numbers = Vec::with_capacity(BIGINTS * self.0.len());
        for end in &self.0 {
            numbers.push(end.stream as i64);
            numbers.extend(end.position.0.map(|part| part as i64));
            numbers.push(end.latest_ms);
            numbers.push(match (end.again_from, end.is_reached) {
                (None, _) => 0,
                (Some(_), false) => 1,
                (Some(_), true) => 2,
            });
        }
        numbers
    }

    /// Reads what [`StreamEnds::to_bigints`] wrote.
    pub fn from_bigints(numbers: &[i64]) -> Self {
        let (ends, _) = numbers.as_chunks::<BIGINTS>();
        let ends = ends
            .iter()
            .map(|[stream, a, b, c, d, latest_ms, again]| StreamEnd {
                stream: *stream as u64,
                position: StreamPosition([*a, *b, *c, *d].map(|part| part as u64)),
                latest_ms: *latest_ms,
                is_back: *again == 1,
                is_beyond: false,
                again_from: (*again != 0).then_some(0),
                is_reached: *again == 2,
            });
        Self(ends.collect())
    }
}

#[cfg(test)]
#[path = "stream_ends_tests.rs"]
mod tests;
