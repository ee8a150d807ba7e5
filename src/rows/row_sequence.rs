//! The changes of one row that came through several partitions, in the order of their source. Pure: what is known of
//! the row's last change, and what has come, in; what is to be written, and in which order, out.
//!
//! Why: `docs/decisions/21`.

use std::cmp::Ordering;

use crate::format::source_position::{SourceId, SourcePosition};

/// A change of the row, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'p> {
    /// Which place its value in the column of `route.version` has among those that are compared; `None` if there is
    /// no such column, or it tells none.
    pub version: Option<i64>,
    /// `None`: a tombstone without its delete, which says nothing but that it comes after what came before it
    /// through its partition; or a change that was written before positions were kept.
    pub position: Option<SourcePosition<'p>>,
    /// Its partition, whose order holds where positions tell none.
    pub partition_id: i32,
    /// It removes the row.
    pub gone: bool,
}

/// The partition of a row that is in the destination, and that nothing is recorded of.
pub const ANY_PARTITION: i32 = -1;

impl Arrival<'_> {
    /// Whether it can be compared with others.
    fn is_placed(&self) -> bool {
        self.position.is_some() || self.version.is_some()
    }
}

/// Two sources write the same row: nothing tells which of their changes comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherSource {
    /// Who wrote it before.
    pub earlier: SourceId,
    /// Who writes it now.
    pub later: SourceId,
}

/// Which of the arrivals are to be written, by their indices, in the order of their source. The others come before
/// what was written already: they would take the row back.
///
/// # Errors
/// Two sources write the row.
pub fn sequence_arrivals(
    last: Option<&Arrival<'_>>,
    arrivals: &[Arrival<'_>],
) -> Result<Vec<usize>, OtherSource> {
    let mut sequence: Vec<usize> = Vec::with_capacity(arrivals.len());
    for (at, arrival) in arrivals.iter().enumerate() {
        if !arrival.is_placed() {
            let before = sequence.last().and_then(|at| arrivals.get(*at)).or(last);
            if before.is_none_or(|before| follows_blindly(arrival, before)) {
                sequence.push(at);
            }
            continue;
        }
        if let Some(last) = last
            && comes_before(arrival, last)?
        {
            continue;
        }
        // nearly always they come in order
        let mut place = sequence.len();
        for (before, other) in sequence.iter().enumerate().rev() {
            match arrivals.get(*other) {
                Some(other) if !other.is_placed() => {} // it goes where what it follows goes
                Some(other) if comes_before(arrival, other)? => place = before,
                _ => break,
            }
        }
        sequence.insert(place, at);
    }
    Ok(sequence)
}

/// A tombstone whose delete is not there: whatever came before it through its own partition is older. What came
/// through another one is newer, or a delete of it is still to come there: a row leaves a partition with a delete.
fn follows_blindly(tombstone: &Arrival<'_>, before: &Arrival<'_>) -> bool {
    !before.is_placed()
        || before.partition_id == tombstone.partition_id
        || before.partition_id == ANY_PARTITION
}

/// Whether a change stands before the other: by their versions, or else at their source.
fn comes_before(change: &Arrival<'_>, other: &Arrival<'_>) -> Result<bool, OtherSource> {
    if let (Some(own), Some(others)) = (change.version, other.version)
        && own != others
    {
        return Ok(own < others);
    }
    let (Some(own), Some(others)) = (&change.position, &other.position) else {
        // older than anything that can be compared
        return Ok(false);
    };
    let in_one_partition = change.partition_id == other.partition_id;
    if own.source != others.source && change.version.is_some() && other.version.is_some() {
        return Ok(false);
    }
    if own.source != others.source && in_one_partition {
        // a connector that was given another name: what comes later is later
        return Ok(false);
    }
    if own.source != others.source {
        return Err(OtherSource {
            earlier: others.source,
            later: own.source,
        });
    }
    let order = match in_one_partition {
        true => own.compare_in_partition(others),
        false => own.compare(others),
    };
    Ok(match order {
        Ordering::Less => true,
        Ordering::Greater => false,
        // one statement that takes a row out and puts it in again, under another key, says both at one place
        Ordering::Equal if in_one_partition => false,
        Ordering::Equal => change.gone && !other.gone,
    })
}

/// Whether a change that comes too late for its row stands behind the other one all the same, not at the same place.
/// Behind what tells no position does everything.
pub fn comes_after(change: &Arrival<'_>, other: &Arrival<'_>) -> bool {
    let (Some(own), Some(others)) = (&change.position, &other.position) else {
        return other.position.is_none();
    };
    if own.source != others.source {
        // the row's last change is of the later name of its connector, and so is what can be compared with it
        return true;
    }
    let in_one_partition = change.partition_id == other.partition_id;
    let order = match in_one_partition {
        true => own.compare_in_partition(others),
        false => own.compare(others),
    };
    // in one partition what comes later is later, where positions are no evidence
    order == Ordering::Greater || order == Ordering::Equal && in_one_partition && own != others
}

#[cfg(test)]
#[path = "row_sequence_tests.rs"]
mod tests;
