//! A letter that fails again is published anew: its headers are replaced, and never pile up.

use rdkafka::message::{Headers as _, Message as _};

use crate::commands::landfall;
use crate::replay::{bad, land, world};
use crate::support::events::insert;
use crate::support::kafka::header;

#[tokio::test]
async fn after_three_rounds_each_header_is_there_once_and_the_record_is_untouched() {
    let world = world("rounds").await;
    let mut event = bad(2, 1, 2).with_header("trace", "t-1");
    event.timestamp = Some(1_790_000_000_123);
    land(&world, &[insert(1, 1, 1), event.clone()]).await;
    for _ in 0..3 {
        assert_eq!(landfall(&world, "dlq replay").code, Some(1));
    }

    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 4);
    let count = letters[0].headers().unwrap().count();
    let first = header(&letters[0], "landfall.first.failed.at").unwrap();
    let mut last_before = String::new();
    for (round, letter) in (1..).zip(&letters) {
        let get = |key: &str| header(letter, key).unwrap_or_else(|| panic!("{round}: {key}"));
        assert_eq!(letter.headers().unwrap().count(), count);
        assert_eq!(letter.key(), event.key.as_deref());
        assert_eq!(letter.payload(), event.value.as_deref());
        assert_eq!(letter.timestamp().to_millis(), event.timestamp);
        assert_eq!(get("trace"), "t-1");
        let attempts: i32 = get("landfall.attempts").parse().unwrap();
        let at_first: i32 = header(&letters[0], "landfall.attempts")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(attempts, at_first + round - 1);
        assert_eq!(get("landfall.first.failed.at"), first);
        let last = get("landfall.last.failed.at");
        assert!(last > last_before, "{last} after {last_before}");
        last_before = last;
        for same in [
            "__connect.errors.topic",
            "__connect.errors.partition",
            "__connect.errors.offset",
            "landfall.event.id",
            "landfall.table",
            "landfall.group",
        ] {
            assert_eq!(Some(get(same)), header(&letters[0], same), "{same}");
        }
    }
    let newest = letters
        .iter()
        .max_by_key(|l| header(l, "landfall.last.failed.at"))
        .unwrap();
    let sql = format!(
        "SELECT count(*) FROM landfall.dead_letters WHERE dlq_partition = {} AND dlq_offset = {} AND attempts = {} AND state = 'parked'
         AND last_failed_at > first_failed_at",
        newest.partition(),
        newest.offset(),
        header(newest, "landfall.attempts").unwrap()
    );
    assert_eq!(world.count(&sql).await, 1);
}
