use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

use super::*;
use crate::format::change::Operation;
use crate::format::partition_memory::PartitionMemory;
use crate::letter::Place;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::count::count_outcomes;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::pipeline::topic_looks::TopicLook;
use crate::record::{LogPlace, TopicPartition};
use crate::table_name::TableName;
use crate::verdict::Verdict;

const P: fn() -> TopicPartition = || TopicPartition {
    topic: "shop.public.t".into(),
    partition: 0,
};

fn owned(start: i64, floor: i64, epoch: u64) -> OwnedPartition {
    OwnedPartition {
        partition_id: 1,
        topic_id: Some(Uuid::from_u128(7)),
        next_offset: floor,
        leader_epoch: None,
        batch: Uuid::from_u128(8),
        memory: PartitionMemory::default(),
        floor,
        epoch,
        read_to: Some(start),
        read_epoch: None,
        seen_epoch: None,
        is_undecided: false,
        has_siblings: false,
        is_untried: false,
        is_at_end: false,
        position: None,
        confirmed: None,
        owed: Default::default(),
    }
}

fn owned_partitions(owned: OwnedPartition) -> OwnedPartitions {
    OwnedPartitions::from([(P(), owned)])
}

fn record(offset: i64, epoch: u64) -> Record {
    let row = format!(r#"{{"id":{offset},"version":1}}"#);
    let source =
        format!(r#"{{"schema":"public","table":"t","lsn":{offset},"ts_ms":1793491200000}}"#);
    Record {
        source: P(),
        offset,
        timestamp: Some(1_793_491_200_000),
        key: Some(format!(r#"{{"id":{offset}}}"#).into()),
        value: Some(
            format!(r#"{{"before":null,"after":{row},"source":{source},"op":"c"}}"#)
                .as_str()
                .into(),
        ),
        headers: Default::default(),
        epoch,
        leader_epoch: None,
    }
}

fn records(offsets: impl IntoIterator<Item = i64>, epoch: u64) -> Vec<Record> {
    offsets.into_iter().map(|o| record(o, epoch)).collect()
}

/// Of a test, which ends soon.
fn arena() -> &'static Bump {
    Box::leak(Box::default())
}

fn gather<'r>(records: &'r [Record], owned: OwnedPartition) -> Batch<'r> {
    let mut decoder = Decoder::new(Vec::new().into(), true);
    Batch::gather_records(records, arena(), &owned_partitions(owned), &mut decoder)
}

fn offsets(batch: &Batch<'_>) -> Vec<i64> {
    batch.entries.iter().map(|e| e.record.offset).collect()
}

#[test]
fn records_left_over_from_before_a_seek_are_dropped_and_hide_none_of_those_after_it() {
    let mut all = records(400..403, 1);
    all.extend(records(200..205, 2));
    let batch = gather(&all, owned(200, 200, 2));
    assert_eq!(offsets(&batch), [200, 201, 202, 203, 204]);
    let advance = &batch.advances[0];
    assert_eq!((advance.first_offset, advance.next_offset), (200, 205));
    assert_eq!((advance.gap, advance.jump), (None, None));
}

#[test]
fn records_left_over_below_a_seek_are_dropped_too() {
    let mut all = records(100..103, 1);
    all.extend(records(200..202, 2));
    let batch = gather(&all, owned(200, 200, 2));
    assert_eq!(offsets(&batch), [200, 201]);
    assert_eq!(batch.advances[0].first_offset, 200);
}

#[test]
fn nothing_but_left_over_records_make_an_empty_batch() {
    let all = records(100..103, 1);
    assert!(gather(&all, owned(200, 200, 2)).is_empty());
}

#[test]
fn records_of_a_partition_that_is_not_held_are_dropped() {
    let all = records(0..3, 1);
    let mut decoder = Decoder::new(Vec::new().into(), true);
    assert!(
        Batch::gather_records(&all, arena(), &OwnedPartitions::default(), &mut decoder).is_empty()
    );
}

#[test]
fn records_below_the_floor_are_counted_and_neither_written_nor_taking_the_watermark_back() {
    let all = records(10..15, 1);
    let batch = gather(&all, owned(10, 50, 1));
    let advance = &batch.advances[0];
    assert_eq!((batch.entries.len(), advance.below_floor), (0, 5));
    assert_eq!(
        (batch.moves_watermarks(), advance.new_watermark()),
        (false, 50)
    );
    assert_eq!(advance.next_offset, 15, "what is committed to Kafka");
}

#[test]
fn a_batch_across_the_floor_writes_what_lies_above_it() {
    let all = records(48..53, 1);
    let batch = gather(&all, owned(48, 50, 1));
    assert_eq!(offsets(&batch), [50, 51, 52]);
    assert_eq!(
        (
            batch.advances[0].below_floor,
            batch.advances[0].new_watermark()
        ),
        (2, 53)
    );
}

#[test]
fn the_first_offset_that_did_not_come_is_noted_be_it_before_the_batch_or_within() {
    let before = records(12..14, 1);
    assert_eq!(gather(&before, owned(10, 10, 1)).advances[0].gap, Some(10));
    let mut within = records(10..12, 1);
    within.extend(records([15, 20], 1));
    assert_eq!(gather(&within, owned(10, 10, 1)).advances[0].gap, Some(12));
    let none = records(10..14, 1);
    assert_eq!(gather(&none, owned(10, 10, 1)).advances[0].gap, None);
}

#[test]
fn where_offsets_begin_anew_the_batch_ends() {
    let mut all = records(290..293, 1);
    all.extend(records(0..5, 1));
    let batch = gather(&all, owned(290, 0, 1));
    assert_eq!(offsets(&batch), [290, 291, 292]);
    assert!(batch.advances[0].jump.is_some());
    assert_eq!(batch.advances[0].next_offset, 293);
}

#[test]
fn offsets_that_begin_anew_between_two_batches_are_a_jump_back_and_no_duplicates() {
    let held = OwnedPartition {
        read_to: Some(293),
        next_offset: 293,
        ..owned(290, 290, 1)
    };
    let all = records(0..5, 1);
    let batch = gather(&all, held);
    assert_eq!(offsets(&batch), [0; 0]);
    let advance = &batch.advances[0];
    assert!(advance.jump.is_some(), "and it is taken up again");
    assert_eq!(advance.below_floor, 0);
    assert_eq!(advance.new_watermark(), 293, "it is not taken back");
}

#[test]
fn a_record_that_can_not_be_decoded_rides_along_as_a_reject() {
    let mut all = records(10..13, 1);
    all[1].value = Some("not json".into());
    let batch = gather(&all, owned(10, 10, 1));
    assert_eq!(batch.entries.len(), 3);
    assert!(matches!(&batch.entries[1].state, EntryState::Rejected(r) if r.published.is_none()));
    assert_eq!(batch.advances[0].next_offset, 13);
}

#[test]
fn what_was_published_of_a_batch_that_is_given_up_is_not_published_again_with_the_next() {
    let mut all = records(10..13, 1);
    all[1].value = Some("not json".into());
    let publish = |mut batch: Batch<'_>| {
        for unpublished in batch.unpublished_rejects() {
            unpublished.reject.published = Some(Place {
                topic: "letters".into(),
                partition: 0,
                offset: 7,
                left_out: None,
            });
        }
        let mut published = PublishedRejects::default();
        batch.into_trial(&mut published);
        published
    };
    let mut published = publish(gather(&all, owned(10, 10, 1)));
    assert!(!published.is_empty());
    let mut of_other = published.clone();
    let mut batch = gather(&all, owned(10, 10, 1)).resume_trial(Trial::default(), &mut published);
    assert_eq!(batch.unpublished_rejects().count(), 0);
    assert_eq!(batch.published_letters().count(), 1);
    // the topic was created anew, and has another record there
    let other = OwnedPartition {
        topic_id: Some(Uuid::from_u128(9)),
        ..owned(10, 10, 1)
    };
    let batch = gather(&all, other);
    let mut batch = batch.resume_trial(Trial::default(), &mut of_other);
    assert_eq!(batch.unpublished_rejects().count(), 1);
}

#[test]
fn an_open_delete_travels_with_the_partition_to_the_next_batch() {
    let mut delete = record(10, 1);
    let text = String::from_utf8(delete.value.clone().unwrap().whole_value().into_owned()).unwrap();
    delete.value = Some(text.replace(r#""op":"c""#, r#""op":"d""#).as_str().into());
    let mut tombstone = record(11, 1);
    (tombstone.key, tombstone.value) = (delete.key.clone(), None);

    let first = [delete];
    let batch = gather(&first, owned(10, 10, 1));
    let memory = batch.advances[0].memory.clone();
    assert!(!memory.open_deletes.is_empty());

    let held = OwnedPartition {
        memory,
        ..owned(11, 11, 1)
    };
    let second = [tombstone];
    let batch = gather(&second, held);
    assert!(matches!(
        batch.entries[0].state,
        EntryState::Nothing("tombstone")
    ));
    assert!(batch.advances[0].memory.open_deletes.is_empty());

    // without its delete it stands alone, and removes the row
    let batch = gather(&second, owned_with("t", 11));
    assert_eq!(batch.entries[0].operation(), Some(Operation::Tombstone));
}

/// A partition whose events have named this table.
fn owned_with(table: &str, start: i64) -> OwnedPartition {
    let mut owned = owned(start, start, 1);
    let table = Arc::new(TableName::new("public", table));
    owned.memory.tables.note_table(&table);
    owned
}

fn lone_tombstone(offset: i64, key: i64) -> Record {
    let of_key = record(key, 1);
    Record {
        value: None,
        offset,
        ..of_key
    }
}

/// Of another table than `record`'s.
fn record_of(table: &str, offset: i64) -> Record {
    let mut record = record(offset, 1);
    let text = String::from_utf8(record.value.take().unwrap().whole_value().into_owned()).unwrap();
    let named = format!(r#""table":"{table}""#);
    record.value = Some(text.replace(r#""table":"t""#, &named).as_str().into());
    record
}

/// The table of each entry, `-` for none.
fn tables(records: &[Record], owned: OwnedPartition) -> String {
    let batch = gather(records, owned);
    let name = |e: &Entry<'_>| e.table().map_or("-", |t| t.name.as_str()).to_owned();
    let of_rejects = batch.entries.iter().filter(|e| e.is_rejected());
    assert!(
        of_rejects
            .clone()
            .all(|e| e.record.value.is_some() || name(e) == "-")
    );
    batch.entries.iter().map(name).collect::<Vec<_>>().join("")
}

#[test]
fn a_lone_tombstone_is_placed_by_its_partitions_events_or_not_at_all() {
    let unknown = || owned(10, 10, 1);
    let alone = [lone_tombstone(10, 50)];
    assert_eq!(tables(&alone, unknown()), "-");
    assert_eq!(tables(&alone, owned_with("s", 10)), "s");
    // behind an event, or before it
    let (before, behind) = (lone_tombstone(10, 50), lone_tombstone(12, 51));
    let all = [before, record(11, 1), behind];
    assert_eq!(tables(&all, unknown()), "ttt");
    assert_eq!(tables(&all, owned_with("t", 10)), "ttt");
    assert_eq!(tables(&all, owned_with("s", 10)), "-t-", "both were named");
}

#[test]
fn where_several_tables_were_named_the_last_event_of_the_key_counts_or_else_the_next() {
    let all = [
        lone_tombstone(10, 11), // the next event of its key is of t
        record(11, 1),
        record_of("u", 12),
        lone_tombstone(13, 12),
        lone_tombstone(14, 11),
        lone_tombstone(15, 50), // nothing of its key
    ];
    assert_eq!(tables(&all, owned(10, 10, 1)), "ttuut-");
}

fn truncate_at(source: TopicPartition, offset: i64) -> Record {
    let mut record = record(offset, 1);
    let text = String::from_utf8(record.value.take().unwrap().whole_value().into_owned()).unwrap();
    record.value = Some(text.replace(r#""op":"c""#, r#""op":"t""#).as_str().into());
    Record {
        source,
        key: None,
        ..record
    }
}

#[test]
fn a_truncate_is_in_a_batch_of_its_own_behind_all_that_comes_before_it() {
    let other = TopicPartition {
        partition: 1,
        ..P()
    };
    let of_other = |offset| Record {
        source: other.clone(),
        ..record(offset, 1)
    };
    let cut_if = |others_wait: bool, records: &[Record]| {
        let held = [P(), other.clone()].map(|source| (source, owned(10, 10, 1)));
        let mut decoder = Decoder::new(Vec::new().into(), true).with_truncates();
        let batch = Batch::gather_records(records, arena(), &held.into(), &mut decoder);
        assert_eq!(batch.entries.len(), records.len());
        let cut = batch.cut_at_truncates(others_wait);
        let mut cut: Vec<(i32, i64)> = (cut.iter().flatten())
            .map(|(source, offset)| (source.partition, *offset))
            .collect();
        cut.sort_unstable();
        cut
    };
    let cut = |records: &[Record]| cut_if(false, records);
    let truncate = |offset| truncate_at(P(), offset);
    assert_eq!(cut(&[record(10, 1), of_other(10)]), []);
    assert_eq!(cut(&[truncate(10)]), [], "alone");
    assert_eq!(
        cut(&[record(10, 1), truncate(11), record(12, 1)]),
        [(0, 11)]
    );
    assert_eq!(cut(&[truncate(11), of_other(10), record(12, 1)]), [(0, 11)]);
    // what the other partition's row waits for may lie behind the truncate
    let waiting = [of_other(10), truncate(11), record(12, 1)];
    assert_eq!(cut_if(true, &waiting), [(0, 12), (1, 10)]);
    assert_eq!(
        cut_if(true, &[of_other(10), record(11, 1), truncate(12)]),
        [(0, 12)]
    );
    assert_eq!(
        cut(&[truncate(11), record(15, 1), record(16, 1)]),
        [(0, 15)]
    );
    assert_eq!(cut(&[truncate(11), truncate(12)]), [(0, 12)]);
    let both = [truncate(11), truncate_at(other.clone(), 10)];
    assert_eq!(cut(&both), [], "together");
    let both = [both.as_slice(), &[of_other(11)]].concat();
    assert_eq!(cut(&both), [(1, 11)]);
}

#[test]
fn a_record_that_can_not_be_read_meets_the_letters_of_the_row_that_its_key_names() {
    let mut broken = record(10, 1);
    broken.value = Some("not json".into());
    let all = [broken, record(11, 1)];
    assert_eq!(tables(&all[..1], owned(10, 10, 1)), "-");
    assert_eq!(tables(&all[..1], owned_with("s", 10)), "s");
    assert_eq!(tables(&all, owned(10, 10, 1)), "tt");
}

#[test]
fn letters_that_a_partition_without_records_owes_come_along() {
    let letter = crate::letter::Letter {
        event_id: Uuid::from_u128(9),
        source: P(),
        offset: 4,
        table: None,
        operation: None,
        key: None,
        key_hashes: None,
        cause: crate::letter::Cause {
            reason: crate::verdict::Reason::Unavailable,
            stage: crate::letter::Stage::TaskPut,
            sqlstate: None,
            message: String::new(),
            attempts: 1,
            first_failed_at: SystemTime::UNIX_EPOCH,
            last_failed_at: SystemTime::UNIX_EPOCH,
        },
        place: crate::letter::Place {
            topic: "dlq".into(),
            partition: 0,
            offset: 0,
            left_out: None,
        },
        superseded_by: None,
    };
    let owing = OwnedPartition {
        owed: std::sync::Arc::new(vec![letter]),
        ..owned(5, 3, 1)
    };
    let other = TopicPartition {
        partition: 1,
        ..P()
    };
    let owned_partitions = OwnedPartitions::from([(P(), owing), (other.clone(), owned(7, 7, 2))]);
    let mut decoder = Decoder::new(Vec::new().into(), true);
    let record = Record {
        source: other,
        ..record(7, 2)
    };
    for records in [vec![record], Vec::new()] {
        let batch = Batch::gather_records(&records, arena(), &owned_partitions, &mut decoder);
        assert_eq!(batch.owed_letters().count(), 1);
        assert_eq!(batch.entries.len(), records.len());
        // each is a row by which `apply.rate` is kept, be it of an event that came while Postgres was away
        assert_eq!(count_outcomes(&batch), records.len() + 1);
        assert_eq!(batch.advances.len(), records.len() + 1);
        let debt = batch.advances.iter().find(|a| a.source == P()).unwrap();
        assert_eq!((debt.held.next_offset, debt.new_watermark()), (3, 5));
    }
}

/// Of another shape than is configured.
fn stray(offset: i64) -> Record {
    Record {
        value: Some(r#"{"id":7,"version":1}"#.into()),
        ..record(offset, 1)
    }
}

fn untried(start: i64) -> OwnedPartition {
    OwnedPartition {
        is_untried: true,
        ..owned(start, start, 1)
    }
}

fn breaker() -> Breaker {
    Breaker::new(&crate::config::BreakerConfig {
        ratio: 0.5,
        window: 100,
        open: std::time::Duration::from_secs(1),
    })
}

fn note_look(breaker: &mut Breaker, batch: &Batch<'_>, look: TopicLook) {
    let (now, hour) = (Instant::now(), Duration::from_secs(3600));
    let topic = batch.topic_of(&P());
    let found = (look, HashMap::new());
    breaker.looks.note_look(topic, found, hour, now);
}

/// The offsets of what has to be looked around before the batch can be judged.
fn doubtful(judged: Result<Option<AttemptOutcome>, Failure>) -> Vec<i64> {
    match judged {
        Ok(Some(AttemptOutcome::LookAround(doubtful))) => {
            doubtful.iter().map(|record| record.offset).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stray_is_looked_around_once_postgres_has_refused_the_event_that_seemed_to_tell_its_topic() {
    let records = [stray(10), record(11, 1)];
    let mut batch = gather(&records, untried(10));
    let mut breaker = breaker();
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
    let refusal = Failure::new(Verdict::Reject(crate::verdict::Reason::Value), "odd");
    batch.entries[1].reject_for(&refusal, 1, None);
    assert_eq!(doubtful(breaker.judge_batch(&batch)), [10]);
    // once a trial, and no sooner again than it is worth
    batch.trial.looked.insert(batch.topic_of(&P()));
    assert!(breaker.judge_batch(&batch).is_err());
    batch.trial.looked.clear();
    note_look(&mut breaker, &batch, TopicLook::Nothing);
    assert!(breaker.judge_batch(&batch).is_err());
    note_look(&mut breaker, &batch, TopicLook::AsConfigured);
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
}

#[test]
fn what_is_known_of_a_topic_says_nothing_of_the_next_one_of_its_name() {
    let (strays, events) = ([stray(0)], [record(0, 1)]);
    let batch = gather(&strays, untried(0));
    let mut breaker = breaker();
    note_look(&mut breaker, &batch, TopicLook::AsConfigured);
    breaker.note_batch(&gather(&events, untried(0)));
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
    let recreated = OwnedPartition {
        topic_id: Some(Uuid::from_u128(9)),
        ..untried(0)
    };
    let batch = gather(&strays, recreated);
    assert_eq!(doubtful(breaker.judge_batch(&batch)), [0]);
}

#[test]
fn strays_at_a_topics_start_are_letters_however_many_once_a_look_has_told_them_from_its_events() {
    let strays: Vec<Record> = (0..9).map(stray).collect();
    let mut breaker = breaker();
    let batch = gather(&strays[..6], untried(0));
    assert_eq!(doubtful(breaker.judge_batch(&batch)), [0]);
    note_look(&mut breaker, &batch, TopicLook::AsConfigured);
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
    breaker.note_batch(&batch);
    let batch = gather(&strays[6..], untried(6));
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
}

#[test]
fn tombstones_of_a_topic_that_was_not_looked_at_remove_nothing() {
    let all = [lone_tombstone(10, 1)];
    let named = OwnedPartition {
        is_untried: true,
        ..owned_with("t", 10)
    };
    let mut batch = gather(&all, named);
    let mut breaker = breaker();
    assert_eq!(doubtful(breaker.judge_batch(&batch)), [10]);
    batch.trial.looked.insert(batch.topic_of(&P()));
    assert!(breaker.judge_batch(&batch).is_err());
    note_look(&mut breaker, &batch, TopicLook::Nothing);
    assert_eq!(breaker.judge_batch(&batch), Ok(None));
}

#[test]
fn a_topic_of_another_converter_stops_the_lane_at_its_first_record_and_is_named_with_the_settings()
{
    let config = |ratio| crate::config::BreakerConfig {
        ratio,
        window: 100,
        open: std::time::Duration::from_secs(1),
    };
    let mut decoder = Decoder::new(Vec::new().into(), true).with_format(
        crate::config::FormatConfig::of_encoding(crate::config::Encoding::Avro),
    );
    let framed = Record {
        key: Some(vec![0, 0, 0, 0, 0, 0, 0, 0, 7, 2].into()),
        ..record(5, 1)
    };
    let odd = Record {
        key: Some(vec![7].into()),
        ..framed.clone()
    };
    let mut judge = |record: &Record, ratio| {
        let records = std::slice::from_ref(record);
        let owned = owned_partitions(owned(5, 5, 1));
        let batch = Batch::gather_records(records, arena(), &owned, &mut decoder);
        assert!(batch.entries[0].is_rejected());
        Breaker::new(&config(ratio)).judge_batch(&batch)
    };
    let failure = judge(&framed, 0.5).unwrap_err();
    assert_eq!(failure.verdict, Verdict::Systemic);
    for said in ["shop.public.t", "Apicurio", "as-confluent=true"] {
        assert!(failure.log_line.contains(said), "{failure}");
    }
    assert_eq!(
        judge(&framed, 1.0),
        Ok(None),
        "dead letters are what is wanted"
    );
    assert_eq!(judge(&odd, 0.5), Ok(None), "this is the record's own fault");
}

#[test]
fn a_batch_takes_its_partition_to_where_the_log_was_read_behind_its_last_record() {
    let at = |offset: i64| OwnedPartition {
        position: Some(LogPlace {
            offset,
            leader_epoch: None,
        }),
        ..owned(50, 50, 1)
    };
    let records = records(50..60, 1);
    let mut decoder = Decoder::new(Vec::new().into(), true);
    let mut read_to = |offset| {
        let owned = owned_partitions(at(offset));
        let mut batch = Batch::gather_records(&records, arena(), &owned, &mut decoder);
        batch.pass_ends();
        let advance = &batch.advances[0];
        (advance.next_offset, advance.gap)
    };
    // Kafka is asked whether it is one
    assert_eq!(read_to(61), (61, Some(60)), "a marker lies at 60");
    assert_eq!(
        read_to(55),
        (60, None),
        "what was told before these records"
    );
}

fn of_leader(epoch: i32, record: Record) -> Record {
    Record {
        leader_epoch: Some(epoch),
        ..record
    }
}

#[test]
fn a_record_below_the_watermark_of_a_later_leader_than_what_was_landed_ends_the_batch() {
    // read from 10 on, landed up to 20 of leader 3: what leader 4 wrote at 12 is no duplicate
    let held = OwnedPartition {
        leader_epoch: Some(3),
        ..owned(10, 20, 1)
    };
    let epochs = [2, 3, 4, 4];
    let records: Vec<Record> = records(10..14, 1)
        .into_iter()
        .zip(epochs)
        .map(|(record, epoch)| of_leader(epoch, record))
        .collect();
    let batch = gather(&records, held);
    let advance = &batch.advances[0];
    let jump = advance.jump.unwrap();
    assert_eq!((jump.offset, jump.leader_epoch), (12, Some(4)));
    assert_eq!((advance.below_floor, batch.entries.len()), (2, 0));
    assert!(!advance.moves_watermark());
}

#[test]
fn an_advance_ends_with_the_leader_epoch_of_its_last_record() {
    let held = OwnedPartition {
        leader_epoch: Some(3),
        ..owned(10, 10, 1)
    };
    let two = [of_leader(3, record(10, 1)), of_leader(5, record(11, 1))];
    assert_eq!(gather(&two, held.clone()).advances[0].leader_epoch, Some(5));
    // none is none: the former one might end before these records
    let untold = [record(10, 1)];
    assert_eq!(gather(&untold, held).advances[0].leader_epoch, None);
}

/// Records of these offsets and leader epochs.
fn of_leaders(records: &[(i64, i32)]) -> Vec<Record> {
    let of_leader = |(offset, epoch): &(i64, i32)| of_leader(*epoch, record(*offset, 1));
    records.iter().map(of_leader).collect()
}

/// Landed up to 10 of leader 3; leaders up to `seen` were known of when it was positioned.
fn landed_of_three(seen: Option<i32>) -> OwnedPartition {
    OwnedPartition {
        leader_epoch: Some(3),
        read_epoch: Some(3),
        seen_epoch: seen,
        ..owned(10, 10, 1)
    }
}

#[test]
fn what_is_missing_before_a_later_leaders_records_is_looked_for_once() {
    // librdkafka had fetched 12 to 19 and drops them, as the log was cut at 15
    let records = of_leaders(&[(10, 3), (11, 3), (15, 4), (16, 4)]);
    let batch = gather(&records, landed_of_three(None));
    let advance = &batch.advances[0];
    let jump = advance.jump.unwrap();
    assert_eq!((jump.offset, jump.leader_epoch), (15, Some(4)));
    assert!(jump.is_ahead);
    assert_eq!((advance.next_offset, advance.gap), (12, None));
    assert_eq!((advance.leader_epoch, batch.entries.len()), (Some(3), 2));

    // positioned at 12 again, knowing of leader 4: there is nothing but a marker
    let batch = gather(&records, landed_of_three(Some(4)));
    let advance = &batch.advances[0];
    assert_eq!((advance.jump, advance.gap), (None, Some(12)));
    assert_eq!((advance.next_offset, batch.entries.len()), (17, 4));
    // one that is later still may have cut it again
    let records = of_leaders(&[(10, 3), (15, 5)]);
    let batch = gather(&records, landed_of_three(Some(4)));
    assert!(batch.advances[0].jump.is_some());
}

#[test]
fn a_batch_whose_first_record_is_a_later_leaders_behind_a_gap_takes_nothing_in() {
    let records = of_leaders(&[(15, 4), (16, 4)]);
    let batch = gather(&records, landed_of_three(None));
    let advance = &batch.advances[0];
    assert!(advance.jump.is_some_and(|jump| jump.is_ahead));
    assert_eq!((advance.first_offset, advance.next_offset), (10, 10));
    assert!(!advance.moves_watermark() && batch.entries.is_empty());
    // the same leader's: compaction
    let records = of_leaders(&[(15, 3), (16, 4)]);
    let batch = gather(&records, landed_of_three(None));
    assert_eq!(batch.advances[0].jump, None);
}

#[test]
fn the_end_of_what_was_read_is_believed_only_if_no_later_leader_may_have_cut_what_lies_before() {
    let position = Some(LogPlace {
        offset: 16,
        leader_epoch: Some(4),
    });
    let mut decoder = Decoder::new(Vec::new().into(), true);
    let records = of_leaders(&[(10, 3), (11, 3)]);
    let mut pass_end = |seen| {
        let held = OwnedPartition {
            position,
            ..landed_of_three(seen)
        };
        let owned = owned_partitions(held);
        let mut batch = Batch::gather_records(&records, arena(), &owned, &mut decoder);
        batch.pass_ends();
        let advance = &batch.advances[0];
        let moved = advance.watermark_move();
        (moved.to, moved.leader_epoch, advance.jump.is_some())
    };
    assert_eq!(pass_end(None), (12, Some(3), true));
    assert_eq!(pass_end(Some(4)), (16, Some(4), false));
}

#[test]
fn a_log_that_was_read_to_a_marker_where_the_watermark_is_already_is_read_to_there() {
    let read = |offset, next_offset| {
        let place = LogPlace {
            offset,
            leader_epoch: None,
        };
        let position = Some(place);
        let held = OwnedPartition {
            position,
            ..owned(24, next_offset, 1)
        };
        held.end_read_below()
    };
    assert_eq!(read(25, 25), Some(25));
    assert_eq!(read(25, 30), Some(25));
    assert_eq!(read(25, 24), None, "the watermark is taken there");
    assert_eq!(read(24, 25), None, "nothing new");
}

#[test]
fn what_was_diverted_takes_the_watermark_along_with_its_own_leader_epoch() {
    let held = OwnedPartition {
        read_to: Some(30),
        read_epoch: Some(4),
        ..landed_of_three(None)
    };
    let debt = Advance::of_debt(&P(), &held).unwrap();
    let moved = debt.watermark_move();
    assert_eq!((moved.to, moved.leader_epoch), (30, Some(4)));
}

#[test]
fn a_record_behind_what_was_landed_and_of_an_earlier_leader_is_of_another_log() {
    // landed up to 12 of leader 3, and read from 10 on again
    let held = OwnedPartition {
        next_offset: 12,
        floor: 12,
        ..landed_of_three(None)
    };
    let records = of_leaders(&[(10, 1), (11, 1), (12, 2)]);
    let batch = gather(&records, held.clone());
    let jump = batch.advances[0].jump.unwrap();
    assert_eq!((jump.offset, jump.is_ahead), (12, false));
    assert_eq!(batch.advances[0].below_floor, 2);
    let records = of_leaders(&[(10, 1), (11, 1), (12, 3)]);
    assert_eq!(gather(&records, held).advances[0].jump, None);
}
