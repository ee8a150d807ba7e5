//! Whether a log is still the one that was landed, as far as that can be told before it is read.
//!
//! Why: `docs/decisions/02`.

use deadpool_postgres::Object;

use crate::kafka::log_cuts::EpochEnd;
use crate::ledger::resume::{
    LogState, ShortLog, doubted_start_message, other_log_message, short_log_message,
};
use crate::ledger::watermarks::PartitionRow;
use crate::pipeline::cut_logs::{Cut, find_cut, find_short_log, follow_cut, is_start_doubted};
use crate::pipeline::destination::Destination;
use crate::pipeline::jumps::Jumps;
use crate::pipeline::positioning::Positions;
use crate::pipeline::unanswered::{Unanswered, ask_or_keep};
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// What is known of a log by what was landed of it.
pub(super) enum LandedLog {
    /// The partition's row, if it has one, taken back to where its log was cut, if it was.
    Same(Option<PartitionRow>),
    /// It isn't what was landed, and nothing but ids tells what of it is new.
    Doubted(PartitionRow),
    /// The same, and there are no ids. A person must decide; the text says what.
    Lost(String),
    /// Kafka can't be asked about it.
    Untold(Unanswered),
}

/// What Kafka was asked.
enum AskedCut {
    None,
    At(i64),
    Untold,
}

impl Positions {
    /// Reads the partition's row, and compares it with the log. No connection is held while Kafka is asked.
    ///
    /// # Errors
    /// As Postgres says.
    pub(super) async fn find_landed(
        &self,
        source: &TopicPartition,
        log: &mut LogState,
        destination: &Destination,
        jumps: Option<Jumps>,
    ) -> Result<LandedLog, Failure> {
        let ledger = &destination.ledger;
        let connect = || destination.connect();
        let read = async |client: Object| ledger.watermarks.read_partition(&client, source).await;
        let Some(row) = read(connect().await?).await? else {
            return Ok(LandedLog::Same(None));
        };
        let asked = match self.ask_for_end(source, log, &row).await {
            Ok(()) => self.ask_for_cut(source, log, &row, jumps).await,
            Err(unanswered) => Err(unanswered),
        };
        let landed = match asked {
            Err(unanswered) => LandedLog::Untold(unanswered),
            Ok(AskedCut::At(cut)) => {
                follow_cut(ledger, &connect().await?, source, &row, cut).await?;
                log.committed = log.committed.map(|committed| committed.min(cut));
                LandedLog::Same(read(connect().await?).await?)
            }
            Ok(AskedCut::Untold) if ledger.keeps_ids() => LandedLog::Doubted(row),
            Ok(AskedCut::Untold) => {
                let other = ShortLog {
                    next_offset: row.watermark.next_offset,
                    high: log.high,
                };
                LandedLog::Lost(other_log_message(source, other, ledger.quoted_schema()))
            }
            Ok(AskedCut::None) if is_start_doubted(&row, log) => {
                let short = row.watermark.short_of(*log);
                LandedLog::Lost(doubted_start_message(source, short, ledger.quoted_schema()))
            }
            Ok(AskedCut::None) => match find_short_log(&row, log, ledger.keeps_ids()) {
                Some(short) => {
                    LandedLog::Lost(short_log_message(source, short, ledger.quoted_schema()))
                }
                None => LandedLog::Same(Some(row)),
            },
        };
        Ok(landed)
    }

    /// A log that seems to end before the watermark is asked for with what transactions hide that are open.
    async fn ask_for_end(
        &self,
        source: &TopicPartition,
        log: &mut LogState,
        row: &PartitionRow,
    ) -> Result<(), Unanswered> {
        if row.watermark.next_offset > log.high {
            let (topics, source) = (self.topics().clone(), source.clone());
            let end = ask_or_keep(move || topics.whole_log_end(&source)).await?;
            log.high = log.high.max(end);
        }
        Ok(())
    }

    /// Where the log was cut below the watermark, if it was.
    async fn ask_for_cut(
        &self,
        source: &TopicPartition,
        log: &LogState,
        row: &PartitionRow,
        jumps: Option<Jumps>,
    ) -> Result<AskedCut, Unanswered> {
        let (at, epoch) = match find_cut(row, log, jumps, self.looks_at_ends) {
            Cut::None => return Ok(AskedCut::None),
            Cut::At(offset) => return Ok(AskedCut::At(offset)),
            Cut::Untold => return Ok(AskedCut::Untold),
            Cut::MaybeBelow(offset, epoch) => (offset, epoch),
        };
        let (topics, source) = (self.topics().clone(), source.clone());
        let end = ask_or_keep(move || topics.find_epoch_end(&source, at, epoch)).await?;
        Ok(match end {
            EpochEnd::Unknown => AskedCut::Untold,
            EpochEnd::Cut(cut) => AskedCut::At(cut),
            EpochEnd::Whole if at < row.watermark.next_offset => AskedCut::At(at),
            EpochEnd::Whole => AskedCut::None,
        })
    }
}
