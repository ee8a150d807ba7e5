use rdkafka::message::Headers as _;

use super::*;
use std::time::SystemTime;

use uuid::Uuid;

use crate::record::{Record, TopicPartition};

fn letters() -> DeadLetters {
    let config = "[kafka]\nbrokers = \"127.0.0.1:9\"\ngroup = \"g\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n";
    DeadLetters::new(&Config::parse(config).unwrap()).unwrap()
}

fn cause(attempts: u32) -> Cause {
    Cause {
        reason: crate::verdict::Reason::Constraint,
        stage: crate::letter::Stage::TaskPut,
        sqlstate: Some("23505".into()),
        message: "duplicate key".into(),
        attempts,
        first_failed_at: SystemTime::UNIX_EPOCH,
        last_failed_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500),
    }
}

fn pairs(headers: &OwnedHeaders) -> Vec<(String, Option<Vec<u8>>)> {
    let pair = |h: Header<'_, &[u8]>| (h.key.to_owned(), h.value.map(<[u8]>::to_vec));
    headers.iter().map(pair).collect()
}

#[tokio::test]
async fn a_letters_headers_replace_those_of_its_earlier_round_and_keep_the_records_own() {
    let letters = letters();
    let own = |key: &str, value: Option<&[u8]>| crate::record::Header {
        key: key.into(),
        value: value.map(Into::into),
    };
    let mut record = Record {
        source: TopicPartition {
            topic: "orders".into(),
            partition: 4,
        },
        offset: 23,
        timestamp: None,
        key: None,
        value: None,
        headers: [
            own("trace", Some(b"\xff\x00")),
            own("empty", None),
            own("trace", Some(b"twice")),
        ]
        .into(),
        epoch: 1,
        leader_epoch: None,
    };
    let headers = |record: &Record, cause: &Cause| {
        let letter = UnpublishedLetter {
            record,
            event_id: Uuid::from_u128(5),
            table: "public.orders",
            cause,
        };
        letters.headers_of(&letter, LetterPart::All)
    };
    let first = pairs(&headers(&record, &cause(1)));
    assert_eq!(
        first[..3],
        [
            ("trace".into(), Some(vec![0xff, 0])),
            ("empty".into(), None),
            ("trace".into(), Some(b"twice".to_vec())),
        ]
    );
    // it comes back as it was published, and fails again
    record.headers = first
        .iter()
        .map(|(key, value)| own(key, value.as_deref()))
        .collect();
    let second = pairs(&headers(&record, &cause(2)));
    assert_eq!(second.len(), first.len(), "they never pile up");
    let get = |key: &str| {
        let mut found = second.iter().filter(|(k, _)| k == key);
        let value = found.next().unwrap().1.clone().unwrap();
        assert!(found.next().is_none(), "{key} occurs twice");
        String::from_utf8(value).unwrap()
    };
    let expected = [
        ("__connect.errors.topic", "orders"),
        ("__connect.errors.partition", "4"),
        ("__connect.errors.offset", "23"),
        ("__connect.errors.stage", "TASK_PUT"),
        (
            "__connect.errors.exception.class.name",
            "landfall.constraint",
        ),
        ("__connect.errors.exception.message", "duplicate key"),
        ("landfall.event.id", "00000000-0000-0000-0000-000000000005"),
        ("landfall.reason", "constraint"),
        ("landfall.sqlstate", "23505"),
        ("landfall.table", "public.orders"),
        ("landfall.attempts", "2"),
        ("landfall.first.failed.at", "1970-01-01T00:00:00.000Z"),
        ("landfall.last.failed.at", "1970-01-01T00:00:01.500Z"),
        ("landfall.group", "g"),
    ];
    for (key, value) in expected {
        assert_eq!(get(key), value, "{key}");
    }
    assert_eq!(second.len(), 3 + expected.len(), "and no others");
}

#[test]
fn a_letter_that_its_topic_will_never_take_is_nothing_to_wait_for() {
    let verdict = |code| verdict_on(&KafkaError::MessageProduction(code));
    assert_eq!(
        verdict(RDKafkaErrorCode::MessageSizeTooLarge),
        Verdict::Systemic
    );
    assert_eq!(
        verdict(RDKafkaErrorCode::MessageTimedOut),
        Verdict::Unavailable
    );
    assert_eq!(
        verdict(RDKafkaErrorCode::BrokerTransportFailure),
        Verdict::Unavailable
    );
}
