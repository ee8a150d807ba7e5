//! Finding the culprits of a refused batch: it is halved, under savepoints, until they stand alone,
//! with O(k log n) statements for k culprits. The halves are applied in arrival order, so the rest
//! lands as it would have.

use deadpool_postgres::Transaction;

use crate::pipeline::apply;
use crate::pipeline::batch::Batch;
use crate::postgres::failure;
use crate::row_change::RowChange;
use crate::verdict::{Failure, Verdict};

/// When more than this many events of a batch wait for somebody's lock it is not the events' fault.
const MOST_CONTENDED: usize = 10;

/// Writes all that can be written and rejects the entries of the rest. `changes` in arrival order.
///
/// # Errors
/// Whatever isn't a refusal of a row.
pub async fn write(
    tx: &Transaction<'_>,
    batch: &mut Batch<'_>,
    changes: &[(usize, RowChange<'_>)],
) -> Result<(), Failure> {
    if batch.constraints_immediate {
        tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
            .await
            .map_err(|e| failure(&e))?;
    }
    // noted only once all is written: an attempt that fails leaves the batch as it was
    let mut refused = Vec::new();
    let mut contended = 0;
    // the next range to try is the last; later ranges lie below it
    let mut ranges = Vec::new();
    ranges.push(0..changes.len());
    while let Some(range) = ranges.pop() {
        let Some(part) = changes.get(range.clone()).filter(|part| !part.is_empty()) else {
            continue;
        };
        tx.batch_execute("SAVEPOINT part")
            .await
            .map_err(|e| failure(&e))?;
        let Err(refusal) = apply::write(tx, part).await else {
            tx.batch_execute("RELEASE SAVEPOINT part")
                .await
                .map_err(|e| failure(&e))?;
            continue;
        };
        match refusal.verdict {
            Verdict::Reject(_) => {}
            Verdict::Retry if batch.out_of_attempts => {}
            _ => return Err(refusal),
        }
        tx.batch_execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            .await
            .map_err(|e| failure(&e))?;
        if let [(at, _)] = part {
            contended += usize::from(refusal.verdict == Verdict::Retry);
            if contended > MOST_CONTENDED {
                return Err(Failure {
                    verdict: Verdict::Unavailable,
                    ..refusal
                });
            }
            refused.push((*at, refusal));
        } else {
            let middle = range.start + range.len() / 2;
            ranges.push(middle..range.end);
            ranges.push(range.start..middle);
        }
    }
    let (attempts, since) = (batch.attempts + 1, batch.first_failed_at);
    for (at, refusal) in &refused {
        if let Some(entry) = batch.entries.get_mut(*at) {
            entry.reject(refusal, attempts, since);
        }
    }
    Ok(())
}
